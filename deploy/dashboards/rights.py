"""*Rights*: how the registry stands, what decisions rest on it, what is owed because of it."""

from typing import Final

from deploy.dashboards.panels import Board, Panel

RESTING: Final = "earmark_decisions_on_agreements_total"
RESTING_SHARE: Final = (
    f'sum(increase({RESTING}{{status=~"in_force|licensed"}}[$__range]))'
    f" / sum(increase({RESTING}[$__range]))"
)

BOARD: Final = Board(
    "earmark-rights",
    "Earmark / Rights",
    "Agreements and consents, what rests on them, credits and usage, refusals",
    [
        (
            "Registry",
            [
                Panel(
                    "In force",
                    "Agreements and consents that hold today",
                    [('max(earmark_agreements{state="in_force"})', "")],
                    "short",
                    "stat",
                    6,
                ),
                Panel(
                    "End within 30 days",
                    "Renew them (`earmark rights import`), or their tracks lose the licence",
                    [('max(earmark_agreements_ending{within="30d"})', "")],
                    "short",
                    "stat",
                    6,
                    alarm=1,
                ),
                Panel(
                    "Disputed",
                    "Entries without effect until a person settles the dispute",
                    [('max(earmark_agreements{state="disputed"})', "")],
                    "short",
                    "stat",
                    6,
                    alarm=1,
                ),
                Panel(
                    "Based on an entry in force",
                    "Of the entries that decisions named, the share in force or licensed",
                    [(RESTING_SHARE, "")],
                    "percentunit",
                    "stat",
                    6,
                ),
                Panel(
                    "Agreements by state",
                    "Newest versions; disputed, expired and revoked grant nothing",
                    [("max by (state) (earmark_agreements)", "{{state}}")],
                    "short",
                    "stack",
                ),
                Panel(
                    "Agreements that end",
                    "Of those in force: within 7, 30 and 90 days",
                    [("max by (within) (earmark_agreements_ending)", "{{within}}")],
                    "short",
                ),
                Panel(
                    "Refusals",
                    "Opt-outs that hold, by where they come from",
                    [("max by (source) (earmark_opt_outs)", "{{source}}")],
                    "short",
                    "stack",
                ),
            ],
        ),
        (
            "What follows",
            [
                Panel(
                    "Decisions that rest on an entry",
                    "By for what it was asked and how it stood",
                    [
                        (
                            f"sum by (purpose, status) (rate({RESTING}[$__rate_interval]))",
                            "{{purpose}}: {{status}}",
                        )
                    ],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Usage attributed",
                    "compensation.usage_attributed, by basis; ended: the agreement has ended",
                    [
                        (
                            "sum by (basis, ended) (rate(earmark_usages_total[$__rate_interval]))",
                            "{{basis}}, ended: {{ended}}",
                        )
                    ],
                    "cpm",
                    "stack",
                ),
                Panel(
                    "Credits derived",
                    "credits.derived: contributor lines that follow from labels and agreements",
                    [("sum(rate(earmark_credits_total[$__rate_interval]))", "credits")],
                    "cpm",
                ),
            ],
        ),
        (
            "Decided again because of rights",
            [
                Panel(
                    "By the registry",
                    "rights: an entry changed; expiry: one began or ended",
                    [
                        (
                            "sum by (cause, result) (rate(earmark_redecided_total"
                            '{cause=~"rights|expiry"}[$__rate_interval]))',
                            "{{cause}}: {{result}}",
                        )
                    ],
                    "cpm",
                    "stack",
                    24,
                ),
            ],
        ),
    ],
)
