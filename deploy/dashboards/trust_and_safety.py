"""*Trust and safety*: what was declared and what was found, what waits for whom."""

from typing import Final

from deploy.dashboards.panels import Board, Panel

RESTRICTED: Final = (
    'sum(increase(earmark_decisions_total{restricted="true"}[$__range]))'
    " / sum(increase(earmark_decisions_total[$__range]))"
)
OVERTURNED: Final = 'max by (of) (earmark_quality_share{{measure=~"overturned_by_.*", bound="{}"}})'

BOARD: Final = Board(
    "earmark-trust-and-safety",
    "Earmark / Trust and safety",
    "Declarations against answers, decisions, reviews, the catalogue",
    [
        (
            "Declared and detected",
            [
                Panel(
                    "Declared against detected",
                    "Tracks of the time shown: rows are what was declared, columns the answers",
                    [
                        (
                            "sum by (declared, outcome) "
                            "(increase(earmark_declared_total[$__range]))",
                            "declared, outcome",
                        )
                    ],
                    "short",
                    "matrix",
                    12,
                ),
                Panel(
                    "Declared None, AI found",
                    "Contradictions: people look at these",
                    [
                        (
                            "sum by (outcome) (rate(earmark_declared_total"
                            '{declared="None", outcome=~"identified|suspected"}'
                            "[$__rate_interval]))",
                            "{{outcome}}",
                        )
                    ],
                    "cpm",
                    width=12,
                ),
            ],
        ),
        (
            "Known tracks and deliverers",
            [
                Panel(
                    "AI share by deliverer",
                    "Of the last hour; the twenty that deliver most",
                    [
                        (
                            'max by (deliverer) (earmark_deliverer_ai_share{window="1h"})',
                            "{{deliverer}}",
                        )
                    ],
                    "percentunit",
                ),
                Panel(
                    "Decisions by deliverer",
                    "Of the last day",
                    [
                        (
                            'max by (deliverer) (earmark_deliverer_decisions{window="1d"})',
                            "{{deliverer}}",
                        )
                    ],
                    "short",
                ),
                Panel(
                    "Known tracks recognised",
                    "By bank and class of the match; and what the catalogue bank took in",
                    [
                        (
                            "sum by (bank, match_class) "
                            "(rate(earmark_matches_total[$__rate_interval]))",
                            "{{bank}}: {{match_class}}",
                        ),
                        (
                            "sum by (result) (rate(earmark_bank_items_total[$__rate_interval]))",
                            "into the catalogue bank: {{result}}",
                        ),
                    ],
                    "cpm",
                    "stack",
                ),
            ],
        ),
        (
            "Consequences",
            [
                Panel(
                    "Restricted",
                    "Share of decisions that restrict any dimension",
                    [(RESTRICTED, "")],
                    "percentunit",
                    "stat",
                ),
                Panel(
                    "Unanswered by the catalogue",
                    "Decisions of the last day, older than five minutes, that are not in effect",
                    [("max(earmark_decisions_unapplied)", "")],
                    "short",
                    "stat",
                    alarm=1,
                ),
                Panel(
                    "Not in effect",
                    "Tracks whose current decision the catalogue does not have, by its answer",
                    [("max by (answer) (earmark_tracks_not_in_effect)", "{{answer}}")],
                    "short",
                    "stat",
                    alarm=1,
                ),
                Panel(
                    "What the catalogue did",
                    "applied, already_applied, stale",
                    [
                        (
                            "sum by (result) "
                            "(rate(earmark_decisions_applied_total[$__rate_interval]))",
                            "{{result}}",
                        )
                    ],
                    "ops",
                    "stack",
                ),
            ],
        ),
        (
            "Rules",
            [
                Panel(
                    "Rules that held",
                    "By rule and by what it may do; shadow and canary change nothing",
                    [
                        (
                            "sum by (rule, mode) (rate(earmark_rule_hits_total[$__rate_interval]))",
                            "{{rule}}: {{mode}}",
                        )
                    ],
                    "ops",
                ),
                Panel(
                    "Decided again",
                    "By cause (verdict, appeal, rights, policy) and what came of it",
                    [
                        (
                            "sum by (cause, result) "
                            "(rate(earmark_redecided_total[$__rate_interval]))",
                            "{{cause}}: {{result}}",
                        )
                    ],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Statements of reasons",
                    "Written for those whose tracks are restricted",
                    [("sum(rate(earmark_statements_total[$__rate_interval]))", "statements")],
                    "cpm",
                ),
            ],
        ),
        (
            "Reviews",
            [
                Panel(
                    "Tasks opened",
                    "By queue",
                    [
                        (
                            "sum by (queue) "
                            "(rate(earmark_reviews_requested_total[$__rate_interval]))",
                            "{{queue}}",
                        )
                    ],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Tasks open",
                    "Without a verdict, by queue",
                    [("max by (queue) (earmark_review_tasks_open)", "{{queue}}")],
                    "short",
                ),
                Panel(
                    "Age of the oldest",
                    "Against the service level (EARMARK_REVIEW_SLA_HOURS)",
                    [
                        ("max by (queue) (earmark_review_task_oldest_seconds)", "{{queue}}"),
                        ("max(earmark_review_sla_seconds)", "service level"),
                    ],
                    "s",
                ),
            ],
        ),
        (
            "Quality",
            [
                Panel(
                    "Precision of automation",
                    "Reviewers found AI where the detector did; with its 95 % interval",
                    [
                        (
                            "max by (of, bound) "
                            '(earmark_quality_share{measure="precision_by_queue"})',
                            "{{of}}: {{bound}}",
                        )
                    ],
                    "percentunit",
                    width=12,
                ),
                Panel(
                    "Overturned",
                    "Verdicts against the decision, by rule and by model, with the 95 % interval; "
                    'an alert from 20 % in the column "at least"',
                    [
                        (OVERTURNED.format("share"), "share"),
                        (OVERTURNED.format("low"), "at least"),
                        (OVERTURNED.format("high"), "at most"),
                    ],
                    "percentunit",
                    "table",
                    12,
                ),
            ],
        ),
        (
            "Reviewers",
            [
                Panel(
                    "Agreement beyond chance",
                    "Cohen's kappa of first and blind second reviews; below 0.6: mend the guidance",
                    [("max by (of) (earmark_reviewer_kappa)", "{{of}}")],
                    "short",
                    width=12,
                ),
                Panel(
                    "Agreement",
                    "Share of second reviews that found the same, with its 95 % interval",
                    [
                        (
                            'max by (bound) (earmark_quality_share{measure="agreement"})',
                            "{{bound}}",
                        )
                    ],
                    "percentunit",
                    width=12,
                ),
            ],
        ),
        (
            "Sent to the outside",
            [
                Panel(
                    "Appeals that wait",
                    "By state",
                    [("max by (state) (earmark_appeals_open)", "{{state}}")],
                    "short",
                    "stack",
                ),
                Panel(
                    "Outbox",
                    "Age of the oldest verdict or appeal that is not published yet",
                    [("max(earmark_outbox_oldest_seconds)", "oldest")],
                    "s",
                    alarm=300,
                ),
                Panel(
                    "Webhook deliveries",
                    "delivered, failed (tried again), given_up; and events that left the outbox",
                    [
                        (
                            "sum by (result) (rate(earmark_webhook_posts_total[$__rate_interval]))",
                            "webhook: {{result}}",
                        ),
                        ("sum(rate(earmark_outbox_sent_total[$__rate_interval]))", "outbox"),
                    ],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Statements by mail",
                    "deliveries by result; and those that wait, or whose task is open",
                    [
                        (
                            "60 * sum by (result) "
                            "(rate(earmark_statement_deliveries_total[$__rate_interval]))",
                            "{{result}}",
                        ),
                        ("max by (state) (earmark_statements_undelivered)", "open: {{state}}"),
                    ],
                    "short",
                ),
                Panel(
                    "Links of artists",
                    "opened, or why they were refused; many `tampered`: a search for links",
                    [
                        (
                            "sum by (result) (rate(earmark_artist_links_total[$__rate_interval]))",
                            "{{result}}",
                        )
                    ],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Audit log",
                    "Entries; it never shrinks",
                    [("max(earmark_audit_entries)", "entries")],
                    "short",
                ),
            ],
        ),
    ],
)
