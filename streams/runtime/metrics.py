"""All metrics, each declared once with its meaning; as a table for the documentation.

``processor`` is fingerprint | classify | rescore | decide | ledger | redecide | catalogue |
follow-REPLICA.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

MOST_NAMES: Final = 100
LONGEST_NAME: Final = 100
OTHER: Final = "other"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

RECEIVED: Final = Counter("earmark_received_total", "Events taken from the broker", ["processor"])
ENDED: Final = Counter(
    "earmark_ended_total",
    "Events ended, by how: emitted | dead_letter | revoked",
    ["processor", "outcome"],
)
DEAD_LETTERS: Final = Counter(
    "earmark_dead_letters_total", "Events sent to a dead-letter topic", ["processor", "reason"]
)
UNREACHABLE: Final = Counter(
    "earmark_unreachable_uploads_total",
    "Dead letters `unreachable`: no_answer | server_error | too_slow | store_failed | "
    "failed_before (the sender failed several times, and was not asked again)",
    ["reason"],
)
RETRIES: Final = Counter(
    "earmark_retries_total", "Attempts that failed for a transient reason", ["processor"]
)
IN_FLIGHT: Final = Gauge("earmark_in_flight", "Events being worked on", ["processor"])
OLDEST_IN_FLIGHT: Final = Gauge(
    "earmark_oldest_in_flight_seconds", "Age of the oldest event being worked on", ["processor"]
)
STAGE_SECONDS: Final = Histogram(
    "earmark_stage_seconds",
    "Time of one stage of one event: fetch | decode | store | recognise | score | handle | publish",
    ["processor", "stage"],
    buckets=_SECONDS,
)
REBALANCES: Final = Counter("earmark_rebalances_total", "Partitions were revoked", ["processor"])
STALE_RESUMES: Final = Counter(
    "earmark_stale_resumes_total",
    "Resumes of an outdated rebalance that the gate refused (each could lose events)",
    ["processor"],
)
GROUP_STALLS: Final = Counter(
    "earmark_group_stalls_total",
    "Partitions with messages that no member of the group read; the member joined again",
    ["processor"],
)
PAUSED: Final = Gauge(
    "earmark_paused", "1 while too many dead letters pause the process", ["processor"]
)
OFFSET_GAPS: Final = Counter(
    "earmark_offset_gaps_total",
    "Gaps in the offsets of a partition; the worker stops",
    ["processor"],
)
EXPIRED: Final = Counter(
    "earmark_events_expired_total",
    "Events that the broker deleted (retention) before the process had read them",
    ["processor"],
)
LOGS_RESTARTED: Final = Counter(
    "earmark_logs_restarted_total",
    "Partitions whose log began anew below what the process had read: it is read from its start",
    ["processor"],
)
DECODES: Final = Counter(
    "earmark_decodes_total",
    "Uploads by decode: decoded | reused (known content) | decoded_again (landmarks were missing)",
    ["how"],
)
SANDBOX_LAYER: Final = Gauge(
    "earmark_sandbox_layer",
    "1 where a layer confines the decode processes: limits | files | network | system_calls",
    ["layer"],
)
CLASSIFIED: Final = Counter(
    "earmark_classified_total",
    "Uploads classified: scored | reused (content, model and alpha known already)",
    ["how"],
)
RESCORED: Final = Counter(
    "earmark_rescored_total",
    "Stored observations scored by another model: scored | reused (content and model known) | "
    "erased (left out)",
    ["model", "how"],
)
RESCORE_YIELDS: Final = Counter(
    "earmark_rescore_yields_total",
    "Looks at which rescoring waited for others: classify | redecide | broker (no answer)",
    ["process"],
)
MATCHES: Final = Counter(
    "earmark_matches_total", "Known tracks recognised", ["bank", "match_class"]
)
BANK_ITEMS: Final = Counter(
    "earmark_bank_items_total",
    "Decided tracks sent to the catalogue bank: added | replaced | unchanged | indistinct | "
    "not_heard",
    ["result"],
)
BATCH_SIZE: Final = Histogram(
    "earmark_batch_size", "Observations scored together", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
OUTCOMES: Final = Counter("earmark_outcomes_total", "Answers of the detector", ["outcome", "model"])
MARKED: Final = Counter(
    "earmark_marks_total",
    "Marks of generators in files, by generator and by what the detector answers: "
    "identified and suspected are its recall",
    ["generator", "outcome", "model"],
)
WATERMARKS: Final = Counter(
    "earmark_watermarks_total",
    "Watermarks found, by generator and by what the detector answers",
    ["generator", "outcome", "model"],
)
WATERMARK_FAULTS: Final = Counter(
    "earmark_watermark_faults_total",
    "Recordings that a watermark detector failed on, by its name",
    ["detector"],
)
ABSTAINED: Final = Counter(
    "earmark_abstained_total",
    "Abstentions, by reason: too_short | silent | band_limited ...; uncertain: no reason",
    ["reason", "model"],
)
SCORES: Final = Histogram(
    "earmark_score",
    "Raw score of the detector",
    ["model"],
    buckets=(-2, -1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 25),
)
SHADOW: Final = Counter(
    "earmark_shadow_total",
    "Answers of the shadow model beside the released one: agrees | flips_to_ai | flips_from_ai | "
    "differs (both find AI, or neither) | failed (no answer)",
    ["model", "shadow", "result"],
)
SHADOW_DISTANCE: Final = Histogram(
    "earmark_shadow_probability_distance",
    "Distance between the probabilities of the shadow model and the released one",
    ["model", "shadow"],
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1),
)
DECISIONS: Final = Counter(
    "earmark_decisions_total",
    "Decisions, by extent of the label and whether any dimension is restricted",
    ["extent", "restricted"],
)
ACTIONS: Final = Counter(
    "earmark_actions_total",
    "Actions of decisions, by dimension; neutral values are not counted",
    ["dimension", "action"],
)
DECLARED: Final = Counter(
    "earmark_declared_total",
    "Decided tracks, by declaration (none: Unknown) and answer of the detector",
    ["declared", "outcome"],
)
REVIEWS: Final = Counter("earmark_reviews_requested_total", "Review tasks opened", ["queue"])
RULE_HITS: Final = Counter(
    "earmark_rule_hits_total", "Rules that matched, by mode", ["rule", "mode"]
)
RULES_TRIPPED: Final = Counter(
    "earmark_rules_tripped_total", "Rules disabled because they matched too often", ["rule"]
)
POLICY_REFUSED: Final = Counter(
    "earmark_policies_refused_total", "Published policies that cannot be used; the old one stays"
)
REDECIDED: Final = Counter(
    "earmark_redecided_total", "Tracks evaluated again, by cause and result", ["cause", "result"]
)
CLOCK_DIFFERENCE: Final = Gauge(
    "earmark_clock_difference_seconds",
    "Seconds that the ledger's clock is ahead of a process that decides by date; 0: one machine's",
)
RESTING: Final = Counter(
    "earmark_decisions_on_agreements_total",
    "Decisions based on a registry entry, by purpose and status",
    ["purpose", "status"],
)
USAGES: Final = Counter(
    "earmark_usages_total",
    "Usages attributed under agreements, by basis; ended: the agreement no longer covers the track",
    ["basis", "ended"],
)
CREDITS: Final = Counter("earmark_credits_total", "Credits derived for decided tracks")
STATEMENTS: Final = Counter("earmark_statements_total", "Statements of reasons written")
UPLOAD_TO_DECISION: Final = Histogram(
    "earmark_upload_to_decision_seconds",
    "From the hook's send to the decision",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800),
)
LEDGER_ROWS: Final = Counter(
    "earmark_ledger_rows_total", "Rows written by the ledger projector", ["table"]
)
APPLIED: Final = Counter(
    "earmark_decisions_applied_total",
    "Answers of the catalogue: applied | already_applied | stale",
    ["result"],
)
MODEL_INFO: Final = Gauge(
    "earmark_model_info", "1 for the model that this worker scores with", ["model", "digest"]
)
POLICY_INFO: Final = Gauge(
    "earmark_policy_info", "1 for the policy that this worker decides by", ["policy", "digest"]
)

# measured by the monitor, of the whole installation
LAG: Final = Gauge(
    "earmark_consumer_lag",
    "Events that a consumer group has not processed yet",
    ["processor", "topic", "partition"],
)
CONSUMED: Final = Gauge(
    "earmark_consumer_offset",
    "Committed offset of a consumer group",
    ["processor", "topic", "partition"],
)
TOPIC_DIFFERENCES: Final = Gauge(
    "earmark_topic_differences",
    "Differences of a topic that `earmark topics plan` lists: create | configure | grow | note",
    ["topic", "kind"],
)
UNAPPLIED: Final = Gauge(
    "earmark_decisions_unapplied",
    "Decisions of the last day that the catalogue has not answered within five minutes",
    ["processor"],
)
NOT_IN_EFFECT: Final = Gauge(
    "earmark_tracks_not_in_effect",
    "Tracks whose current decision the catalogue does not have, after five minutes; its last "
    "answer: silent (none) | stale (it keeps another) | replaced (it applied an older one later)",
    ["answer"],
)
AUDIT_ENTRIES: Final = Gauge("earmark_audit_entries", "Entries of the audit log")
AUDIT_REWRITTEN: Final = Counter(
    "earmark_audit_rewritten_total",
    "Times that the audit log no longer had the entry that was its newest a minute before",
)
OPEN_TASKS: Final = Gauge("earmark_review_tasks_open", "Open review tasks", ["queue"])
UNDELIVERED: Final = Gauge(
    "earmark_statements_undelivered",
    "Statements of reasons that wait for delivery, or whose task is open: waiting | refused | "
    "given_up | no_address | bounced",
    ["state"],
)
UNDELIVERED_OLDEST: Final = Gauge(
    "earmark_statements_undelivered_oldest_seconds",
    "Age of the oldest statement of reasons in that state; 0: none",
    ["state"],
)
OPEN_APPEALS: Final = Gauge(
    "earmark_appeals_open",
    "Open appeals: received | admissible | in_review | info_requested",
    ["state"],
)
REVIEW_SLA: Final = Gauge(
    "earmark_review_sla_seconds", "When a review task is late (EARMARK_REVIEW_SLA_HOURS); 0: unset"
)
QUALITY: Final = Gauge(
    "earmark_quality_share",
    "Shares over the latest verdicts: precision_by_queue, overturned_by_rule, "
    "overturned_by_model, agreement, appeals_granted; bound: share, or low and high of its 95 % "
    "interval",
    ["measure", "of", "bound"],
)
KAPPA: Final = Gauge(
    "earmark_reviewer_kappa",
    "Cohen's kappa of first and second reviews: agreement beyond chance",
    ["of"],
)
QUALITY_CASES: Final = Gauge(
    "earmark_quality_cases", "Verdicts behind such a share", ["measure", "of"]
)
DRIFT: Final = Gauge(
    "earmark_drift",
    "Distance of a model's newest scores from earlier ones: psi, ks; and the 95 % quantile "
    "without drift: psi_by_chance, ks_by_chance",
    ["model", "measure"],
)
REFERENCE_DRIFT: Final = Gauge(
    "earmark_reference_drift",
    "Distance of the newest scores from the release's manifest, whatever the share of AI: "
    "psi, ks; each with _low and _high of its 95 % interval, and _by_chance; deliverer all: total",
    ["model", "population", "deliverer", "measure"],
)
REFERENCE_CASES: Final = Gauge(
    "earmark_reference_drift_cases",
    "Scores behind that distance",
    ["model", "population", "deliverer"],
)
ESTIMATED_AI_SHARE: Final = Gauge(
    "earmark_estimated_ai_share",
    "Share of AI that explains the newest scores best, without any threshold",
    ["model", "population", "deliverer"],
)
AGREEMENTS: Final = Gauge(
    "earmark_agreements",
    "Agreements and consents by status: in_force | not_yet | disputed | expired | revoked",
    ["state"],
)
AGREEMENTS_ENDING: Final = Gauge(
    "earmark_agreements_ending", "Agreements in force that end within 7d, 30d, 90d", ["within"]
)
OPT_OUTS: Final = Gauge("earmark_opt_outs", "Opt-outs in force, by source", ["source"])
P_UNIFORM: Final = Gauge(
    "earmark_p_value_distance",
    "Distance from uniform of the p-values of recordings with a human verdict: ks, ks_by_chance",
    ["model", "measure"],
)
FALSE_POSITIVES: Final = Gauge(
    "earmark_false_positive_share",
    "Share of people's tracks that the detector finds AI in; by kind of music or named generator; "
    "evidence: reviews | old_releases; bound: share, or low and high of its 95 % interval; none "
    "with too few cases",
    ["model", "by", "of", "tier", "evidence", "bound"],
)
FALSE_POSITIVE_CASES: Final = Gauge(
    "earmark_false_positive_cases",
    "Tracks behind that share: ruled about by people, or released before music generators",
    ["model", "by", "of", "tier", "evidence"],
)
ACCEPTED_RATE: Final = Gauge(
    "earmark_accepted_false_positive_share",
    "The rate that is set: EARMARK_ALPHA (suspected), EARMARK_IDENTIFIED_ALPHA (identified)",
    ["tier"],
)
RECALL: Final = Gauge(
    "earmark_recall_share",
    "Share of AI that the detector finds; evidence: marks (by generator) | sample (by kind of "
    "music); bound as above; none with too few cases",
    ["model", "by", "of", "evidence", "bound"],
)
RECALL_CASES: Final = Gauge(
    "earmark_recall_cases",
    "Tracks behind that share: marked, or of the sample",
    ["model", "by", "of", "evidence"],
)
DELIVERER_SHARE: Final = Gauge(
    "earmark_deliverer_ai_share",
    "Share of identified and suspected among a deliverer's first decisions of 1h and of 1d; the "
    "twenty largest",
    ["deliverer", "window"],
)
DELIVERED: Final = Gauge(
    "earmark_deliverer_decisions", "Decisions behind that share", ["deliverer", "window"]
)
OLDEST_TASK: Final = Gauge(
    "earmark_review_task_oldest_seconds", "Age of the oldest open review task", ["queue"]
)
DISK_FREE: Final = Gauge(
    "earmark_disk_free_bytes", "Free bytes on the disk of: store | ledger | index", ["place"]
)
DISK_SIZE: Final = Gauge("earmark_disk_size_bytes", "Size of that disk", ["place"])
CERTIFICATE_ENDS: Final = Gauge(
    "earmark_certificate_not_after_seconds",
    "When a certificate ends, in seconds since 1970: ca | client | a broker's host:port",
    ["certificate"],
)
MONITOR_FAILURES: Final = Counter(
    "earmark_monitor_failures_total",
    "Checks of the monitor that failed: broker | disks | ledger | audit | catalogue | quality | "
    "drift | reference | accuracy | rights | certificates",
    ["check"],
)
OUTBOX_SENT: Final = Counter("earmark_outbox_sent_total", "Events that the outbox published")
OUTBOX_OLDEST_SECONDS: Final = Gauge(
    "earmark_outbox_oldest_seconds", "Age of the oldest event in the outbox; 0: none"
)
WEBHOOKS: Final = Counter(
    "earmark_webhook_posts_total", "Posts to webhooks: delivered | failed | given_up", ["result"]
)
STATEMENT_DELIVERIES: Final = Counter(
    "earmark_statement_deliveries_total",
    "Deliveries of statements of reasons by mail: delivered | failed (tried again) | refused | "
    "given_up | no_address | bounced",
    ["result"],
)
ARTIST_LINKS: Final = Counter(
    "earmark_artist_links_total",
    "Requests with a link of an artist or rightsholder: opened, or refused because it is tampered "
    "| expired | revoked | erased | other_decision | other_rightsholder",
    ["result"],
)


def begin_console() -> None:
    """Start the counters of the console at 0."""
    for result in (
        *("opened", "tampered", "expired", "revoked", "erased"),
        *("other_decision", "other_rightsholder"),
    ):
        ARTIST_LINKS.labels(result)
    for result in ("delivered", "failed", "given_up"):
        WEBHOOKS.labels(result)
    for result in ("delivered", "failed", "refused", "given_up", "no_address", "bounced"):
        STATEMENT_DELIVERIES.labels(result)


class Names:
    """Values of a label that files and records of others choose: so many, then ``other``.

    Each new one is a series of its own, here and in every Prometheus, for ever.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        """``known`` are always among them."""
        self._names = set(known)
        self._most = len(self._names) + MOST_NAMES

    def __call__(self, name: str) -> str:
        """Return the value of the label for a name."""
        if name not in self._names:
            if len(self._names) >= self._most or len(name) > LONGEST_NAME:
                return OTHER
            self._names.add(name)
        return name


def begin(processor: str) -> None:
    """Start the counters of a process at 0, so that Prometheus sees the first increase."""
    for counter in (
        RECEIVED,
        RETRIES,
        REBALANCES,
        STALE_RESUMES,
        GROUP_STALLS,
        OFFSET_GAPS,
        EXPIRED,
        LOGS_RESTARTED,
    ):
        counter.labels(processor)
    PAUSED.labels(processor).set(0)
    for outcome in ("emitted", "dead_letter"):
        ENDED.labels(processor, outcome)
    if processor == "fingerprint":
        for reason in ("no_answer", "server_error", "too_slow", "store_failed", "failed_before"):
            UNREACHABLE.labels(reason)


ALL: Final = tuple(
    metric
    for metric in tuple(globals().values())
    if isinstance(metric, (Counter, Gauge, Histogram))
)
# From the client library and from Prometheus itself; the label process is the scrape's.
STANDARD: Final = {
    "process_resident_memory_bytes": ("gauge", "process", "Resident memory of a process"),
    "process_cpu_seconds_total": ("counter", "process", "Processor time of a process"),
}


def table() -> str:
    """Return all metrics as a Markdown table (docs/reference/metrics.md)."""
    rows = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for metric in ALL:
        name = metric._name + ("_total" if isinstance(metric, Counter) else "")
        cells = (f"`{name}`", metric._type, ", ".join(metric._labelnames), metric._documentation)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    for name, (kind, labels, meaning) in STANDARD.items():
        rows.append(f"| `{name}` | {kind} | {labels} | {meaning} |")
    return "\n".join(rows)


FORMER: Final = {"earmark_heard": DECODES, "earmark_remembered": BANK_ITEMS}


class _FormerNames(Collector):
    """Repeats renamed metrics under their former names, for one release."""

    def collect(self) -> Iterator[Metric]:
        for former, metric in FORMER.items():
            for family in metric.collect():
                renamed = Metric(former, f"Former name of {family.name}.", family.type)
                for sample in family.samples:
                    suffix = sample.name.removeprefix(family.name)
                    renamed.add_sample(former + suffix, sample.labels, sample.value)
                yield renamed


REGISTRY.register(_FormerNames())
