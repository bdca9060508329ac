"""A breaker for rules: a restrictive rule that suddenly holds for far more tracks is disabled.

A binomial test of each worker compares the last ``WINDOW`` decisions with all before. The event
(``policies.changed``, state ``tripped``) holds until a person enables the rule again
(``earmark policy enable``); earlier decisions stay. The ledger gets it from the topic: there is no
transaction of a person's that an entry of the audit log could belong to.
"""

import math
from collections import deque
from datetime import datetime
from typing import Final, Literal

import structlog

from streams.contract.records import PolicyRef, stable_id
from streams.contract.records.policy import PolicyChanged
from streams.policy.bundle import Bundle
from streams.policy.decide import DecisionRecords
from streams.policy.evaluate import restricted
from streams.policy.rules import Rule
from streams.runtime import metrics

log = structlog.get_logger()

WINDOW: Final = 200
BASELINE: Final = 1_000  # decisions before anything is judged
JUMP: Final = 3.0  # times the rate of before, at least
SURE: Final = 6.0  # standard deviations beyond it, at least
FLOOR: Final = 0.02  # a rate of before below this counts as this


class _Rate:
    """How often one rule held: all before the window, and in the window."""

    def __init__(self) -> None:
        self.before = self.before_hits = 0
        self.recent: deque[bool] = deque(maxlen=WINDOW)

    def saw(self, hit: bool) -> None:
        if len(self.recent) == WINDOW:
            self.before += 1
            self.before_hits += self.recent[0]
        self.recent.append(hit)

    @property
    def jumped(self) -> bool:
        if self.before < BASELINE or len(self.recent) < WINDOW:
            return False
        expected = max(FLOOR, (self.before_hits + 1) / (self.before + 2))
        now = sum(self.recent) / WINDOW
        deviation = math.sqrt(expected * (1 - expected) / WINDOW) or 1.0
        return now > JUMP * expected and (now - expected) / deviation > SURE


class Breaker:
    """Watches the rules of one worker."""

    def __init__(self) -> None:
        self._digest = ""
        self._rates: dict[str, _Rate] = {}
        self._tripped: set[str] = set()

    def saw(self, records: DecisionRecords, bundle: Bundle, now: datetime) -> list[PolicyChanged]:
        """Count one decision; return the switches of rules that must go off."""
        if bundle.digest != self._digest:  # a new policy has no before
            self._digest, self._rates, self._tripped = bundle.digest, {}, set()
        hits = {hit.rule_id for hit in records.decided.rules}
        tripped = []
        for rule in bundle.running:
            acts = rule.mode != "shadow" and restricted(rule.actions)
            if not acts or rule.id in self._tripped:
                continue
            rate = self._rates.setdefault(rule.id, _Rate())
            rate.saw(rule.id in hits)
            if rate.jumped:
                self._tripped.add(rule.id)
                tripped.append(_switch(rule, rate, bundle, now))
        return tripped


def _switch(rule: Rule, rate: _Rate, bundle: Bundle, now: datetime) -> PolicyChanged:
    before = rate.before_hits / max(1, rate.before)
    why = (
        f"it held for {sum(rate.recent)} of the last {WINDOW} decisions, "
        f"and for {before:.2%} of {rate.before} before"
    )
    metrics.RULES_TRIPPED.labels(rule.id).inc()
    log.error("rule_tripped", rule=rule.id, why=why)
    return switched(bundle.ref, rule.id, "tripped", "breaker", why, now)


def switched(
    policy: PolicyRef,
    rule_id: str,
    state: Literal["tripped", "killed", "on"],
    by: str,
    why: str,
    now: datetime,
) -> PolicyChanged:
    """Return the event that disables or enables a rule, whatever its mode in the bundle."""
    return PolicyChanged(
        change_id=stable_id("pol", policy.name, rule_id, state, now.isoformat()),
        kind="rule",
        policy=policy,
        state=state,
        rule_id=rule_id,
        why=why,
        changed_by=by,
        changed_at=now,
    )
