"""*Overview*: is it alive, how much, how fast, what does it say. What hangs on the wall."""

from typing import Final

from deploy.dashboards.panels import Board, Panel

UPLOADS: Final = 'sum(rate(earmark_received_total{processor="fingerprint"}[$__rate_interval]))'
DECISIONS: Final = "sum(rate(earmark_decisions_total[$__rate_interval]))"
LATE: Final = (
    "histogram_quantile({}, "
    "sum by (le) (rate(earmark_upload_to_decision_seconds_bucket[$__rate_interval])))"
)
AI_SHARE: Final = (
    'sum(increase(earmark_outcomes_total{outcome=~"identified|suspected"}[$__range]))'
    " / sum(increase(earmark_outcomes_total[$__range]))"
)
DEAD_SHARE: Final = (
    "sum(increase(earmark_dead_letters_total[$__range]))"
    ' / sum(increase(earmark_received_total{processor="fingerprint"}[$__range]))'
)
FIRING: Final = (
    "count by (severity, alertname, processor) "
    '(ALERTS{alertname=~"Earmark.+", alertstate="firing"})'
)
LAG: Final = "sum by (processor) (max by (processor, topic, partition) (earmark_consumer_lag))"

BOARD: Final = Board(
    "earmark-overview",
    "Earmark / Overview",
    "Uploads, decisions, and how long one takes to become the other",
    [
        (
            "Alerts",
            [
                Panel(
                    "Firing",
                    "What to do about each stands in docs/runbooks.md, under its name; nothing "
                    "here: none fires",
                    [(FIRING, "how many")],
                    "short",
                    "table",
                    24,
                ),
            ],
        ),
        (
            "Now",
            [
                Panel("Uploads", "Taken from the broker", [(UPLOADS, "")], "ops", "stat", 4),
                Panel("Decisions", "Published", [(DECISIONS, "")], "ops", "stat", 4),
                Panel(
                    "AI share",
                    "identified or suspected, among all answers of the time shown",
                    [(AI_SHARE, "")],
                    "percentunit",
                    "stat",
                    4,
                ),
                Panel(
                    "Upload to decision, p95",
                    "From the hook's send; the service level is 99 % within 30 s",
                    [(LATE.format("0.95"), "")],
                    "s",
                    "stat",
                    4,
                    alarm=30,
                ),
                Panel(
                    "Lag", "Events that wait, all stages", [(f"sum({LAG})", "")], "short", "stat", 4
                ),
                Panel(
                    "Dead letters",
                    "Share of uploads of the time shown",
                    [(DEAD_SHARE, "")],
                    "percentunit",
                    "stat",
                    4,
                    alarm=0.05,
                ),
            ],
        ),
        (
            "Flow",
            [
                Panel(
                    "Uploads and decisions",
                    "They should lie on each other; a gap is lag or dead letters",
                    [(UPLOADS, "uploads"), (DECISIONS, "decisions")],
                    "ops",
                ),
                Panel(
                    "Upload to decision",
                    "From the hook's send to the decision",
                    [
                        (LATE.format("0.5"), "p50"),
                        (LATE.format("0.95"), "p95"),
                        (LATE.format("0.99"), "p99"),
                    ],
                    "s",
                    alarm=30,
                ),
                Panel("Lag by process", "By the broker's count", [(LAG, "{{processor}}")], "short"),
            ],
        ),
        (
            "What it answers",
            [
                Panel(
                    "Answers of the detector",
                    "By outcome",
                    [
                        (
                            "sum by (outcome) (rate(earmark_outcomes_total[$__rate_interval]))",
                            "{{outcome}}",
                        )
                    ],
                    "ops",
                    "stack",
                    6,
                ),
                Panel(
                    "Decisions",
                    "By extent of the label, and whether any dimension is restricted",
                    [
                        (
                            "sum by (extent, restricted) "
                            "(rate(earmark_decisions_total[$__rate_interval]))",
                            "{{extent}}, restricted: {{restricted}}",
                        )
                    ],
                    "ops",
                    "stack",
                    6,
                ),
                Panel(
                    "Decisions by action",
                    "What they do, by dimension; one may do several things, and most do nothing",
                    [
                        (
                            "sum by (dimension, action) "
                            "(rate(earmark_actions_total[$__rate_interval]))",
                            "{{dimension}}: {{action}}",
                        )
                    ],
                    "ops",
                    "stack",
                    6,
                ),
                Panel(
                    "Dead letters by reason",
                    "`earmark dead-letters ls` lists them",
                    [
                        (
                            "sum by (processor, reason) "
                            "(rate(earmark_dead_letters_total[$__rate_interval]))",
                            "{{processor}}: {{reason}}",
                        )
                    ],
                    "cpm",
                    "stack",
                    6,
                ),
            ],
        ),
    ],
)
