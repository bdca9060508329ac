"""*Pipeline*: each stage's rate, time, faults and load. Where the on-call engineer looks."""

from typing import Final

from deploy.dashboards.panels import Board, Panel

P: Final = 'processor=~"$processor"'
STAGE: Final = (
    "histogram_quantile(0.95, sum by (processor, stage, le) "
    f"(rate(earmark_stage_seconds_bucket{{{P}}}[$__rate_interval])))"
)


def _rate(metric: str, by: str, more: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{P}{more}}}[$__rate_interval]))"


BOARD: Final = Board(
    "earmark-pipeline",
    "Earmark / Pipeline",
    "Each stage: rate, time, faults, lag, load",
    [
        (
            "Flow",
            [
                Panel(
                    "Taken",
                    "Events from the broker",
                    [(_rate("earmark_received_total", "processor"), "{{processor}}")],
                    "ops",
                ),
                Panel(
                    "Ended",
                    "emitted, dead_letter, or revoked by a rebalance",
                    [
                        (
                            _rate("earmark_ended_total", "processor, outcome"),
                            "{{processor}}: {{outcome}}",
                        )
                    ],
                    "ops",
                ),
                Panel(
                    "Rows of the ledger",
                    "New rows by table",
                    [
                        (
                            "sum by (table) (rate(earmark_ledger_rows_total[$__rate_interval]))",
                            "{{table}}",
                        )
                    ],
                    "ops",
                    "stack",
                ),
            ],
        ),
        (
            "Time",
            [
                Panel(
                    "Time by stage, p95",
                    "fetch, hear, store, score, handle, publish, project",
                    [(STAGE, "{{processor}}: {{stage}}")],
                    "s",
                    width=12,
                ),
                Panel(
                    "Oldest event being worked on",
                    "It should be minutes at most",
                    [
                        (
                            f"max by (processor) (earmark_oldest_in_flight_seconds{{{P}}})",
                            "{{processor}}",
                        )
                    ],
                    "s",
                    width=6,
                    alarm=900,
                ),
                Panel(
                    "In flight",
                    "Events being worked on",
                    [(f"sum by (processor) (earmark_in_flight{{{P}}})", "{{processor}}")],
                    "short",
                    width=6,
                ),
            ],
        ),
        (
            "Lag",
            [
                Panel(
                    "Lag of the worst partition",
                    "By process; of all its partitions together: Overview",
                    [(f"max by (processor) (earmark_consumer_lag{{{P}}})", "{{processor}}")],
                    "short",
                ),
                Panel(
                    "Furthest behind, now",
                    "One partition alone that waits: what it waits for stands in its worker's log",
                    [
                        (
                            "topk(8, max by (processor, topic, partition) "
                            f"(earmark_consumer_lag{{{P}}}))",
                            "lag",
                        )
                    ],
                    "short",
                    "table",
                ),
                Panel(
                    "Progress",
                    "Events a second that each group has put behind it",
                    [
                        (
                            "sum by (processor) (max by (processor, topic, partition) "
                            f"(deriv(earmark_consumer_offset{{{P}}}[$__rate_interval])))",
                            "{{processor}}",
                        )
                    ],
                    "ops",
                ),
            ],
        ),
        (
            "Faults",
            [
                Panel(
                    "Retries",
                    "Something outside is away",
                    [(_rate("earmark_retries_total", "processor"), "{{processor}}")],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Difference of clocks",
                    "The ledger's and those that decide by date; beyond two minutes they wait",
                    [("earmark_clock_difference_seconds", "{{instance}}")],
                    "s",
                ),
                Panel(
                    "Uploads without an answer",
                    "Their server does not answer, or the broker deleted their events unread",
                    [
                        (
                            "sum by (reason) "
                            "(rate(earmark_unreachable_uploads_total[$__rate_interval]))",
                            "{{reason}}",
                        ),
                        (
                            _rate("earmark_events_expired_total", "processor"),
                            "{{processor}}: expired",
                        ),
                        (
                            _rate("earmark_logs_restarted_total", "processor"),
                            "{{processor}}: log began anew",
                        ),
                    ],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Rebalances",
                    "Partitions were revoked",
                    [(_rate("earmark_rebalances_total", "processor"), "{{processor}}")],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Races that were prevented",
                    "Stale resumes, offset gaps, unread partitions: each was found in time",
                    [
                        (
                            _rate("earmark_stale_resumes_total", "processor"),
                            "{{processor}}: stale resume",
                        ),
                        (_rate("earmark_offset_gaps_total", "processor"), "{{processor}}: gap"),
                        (_rate("earmark_group_stalls_total", "processor"), "{{processor}}: stall"),
                    ],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "The monitor's own failures",
                    "While a check fails, its figures are missing",
                    [
                        (
                            "sum by (check) "
                            "(rate(earmark_monitor_failures_total[$__rate_interval]))",
                            "{{check}}",
                        )
                    ],
                    "cpm",
                    "stack",
                ),
            ],
        ),
        (
            "Rescoring",
            [
                Panel(
                    "Observations scored again",
                    "By another model; reused: content and model were known",
                    [
                        (
                            "sum by (model, how) (rate(earmark_rescored_total[$__rate_interval]))",
                            "{{model}}: {{how}}",
                        )
                    ],
                    "ops",
                    "stack",
                ),
                Panel(
                    "Requests that wait",
                    "A run keeps them few: how far it is stands where it was begun",
                    [('sum(earmark_consumer_lag{processor="rescore"})', "waiting")],
                    "short",
                ),
                Panel(
                    "Waits for others",
                    "Uploads, decisions that follow, or a broker without answers come first",
                    [
                        (
                            "sum by (process) "
                            "(rate(earmark_rescore_yields_total[$__rate_interval]))",
                            "{{process}}",
                        )
                    ],
                    "cpm",
                    "stack",
                ),
            ],
        ),
        (
            "Load",
            [
                Panel(
                    "Memory",
                    "Resident, by process; without the decode processes",
                    [
                        (
                            'max by (process) (process_resident_memory_bytes{job=~".*earmark.*"})',
                            "{{process}}",
                        )
                    ],
                    "bytes",
                ),
                Panel(
                    "CPU, cores",
                    "By process; without the decode processes",
                    [
                        (
                            "sum by (process) (rate(process_cpu_seconds_total"
                            '{job=~".*earmark.*"}[$__rate_interval]))',
                            "{{process}}",
                        )
                    ],
                    "short",
                ),
                Panel(
                    "Disk left",
                    "Of the store, and of an SQLite ledger",
                    [
                        (
                            "min by (place) (earmark_disk_free_bytes / earmark_disk_size_bytes)",
                            "{{place}}",
                        )
                    ],
                    "percentunit",
                ),
            ],
        ),
    ],
    variables=[("processor", "earmark_received_total", "processor")],
)
