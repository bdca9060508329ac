"""A breaker for rules: a restrictive rule that suddenly holds for far more tracks is disabled.

A binomial test of each worker compares the last ``WINDOW`` decisions with all before. The
sender with most hits is left out, so that one key's uploads disable no rule for all. An
installation with a single sender is judged by that one. The event
(``policies.changed``, state ``tripped``) holds until a person enables the rule again
(``earmark policy enable``); earlier decisions stay. The ledger gets it from the topic: there is no
transaction of a person's that an entry of the audit log could belong to.
"""

import math
from collections import Counter, deque
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
LEAST: Final = 50  # decisions of other senders in the window, to be judged by
FLOOR: Final = 0.02  # a rate of before below this counts as this


class _Rate:
    """How often one rule held: all before the window, and in the window, by sender."""

    def __init__(self) -> None:
        self.before = self.before_hits = 0
        self.recent: deque[tuple[bool, str]] = deque(maxlen=WINDOW)

    def saw(self, hit: bool, sender: str) -> None:
        if len(self.recent) == WINDOW:
            self.before += 1
            self.before_hits += self.recent[0][0]
        self.recent.append((hit, sender))

    def jump(self, *, leave_out: bool) -> tuple[int, int] | None:
        """Return hits and decisions of the window that are a jump; None: there is none."""
        if self.before < BASELINE or len(self.recent) < WINDOW:
            return None
        hits, decisions = sum(hit for hit, _ in self.recent), WINDOW
        if leave_out:
            worst, most = Counter(one for hit, one in self.recent if hit).most_common(1)[0]
            hits, decisions = hits - most, WINDOW - sum(one == worst for _, one in self.recent)
        if decisions < LEAST:
            return None
        expected = max(FLOOR, (self.before_hits + 1) / (self.before + 2))
        now = hits / decisions
        deviation = math.sqrt(expected * (1 - expected) / decisions) or 1.0
        is_jump = now > JUMP * expected and (now - expected) / deviation > SURE
        return (hits, decisions) if is_jump else None


class Breaker:
    """Watches the rules of one worker."""

    def __init__(self) -> None:
        self._digest = ""
        self._rates: dict[str, _Rate] = {}
        self._tripped: set[str] = set()
        self._senders: set[str] = set()  # two at most: whether there are several

    def saw(
        self, records: DecisionRecords, bundle: Bundle, sender: str, now: datetime
    ) -> list[PolicyChanged]:
        """Count one decision; return the switches of rules that must go off."""
        if len(self._senders) < 2:
            self._senders.add(sender)
        if bundle.digest != self._digest:  # a new policy has no before
            self._digest, self._rates, self._tripped = bundle.digest, {}, set()
        hits = {hit.rule_id for hit in records.hits}
        tripped = []
        for rule in bundle.running:
            acts = rule.mode != "shadow" and restricted(rule.actions)
            if not acts or rule.id in self._tripped:
                continue
            rate = self._rates.setdefault(rule.id, _Rate())
            rate.saw(rule.id in hits, sender)
            if rule.id in hits and (jump := rate.jump(leave_out=len(self._senders) > 1)):
                self._tripped.add(rule.id)
                tripped.append(_switch(rule, rate, jump, bundle, now))
        return tripped


def _switch(
    rule: Rule, rate: _Rate, jump: tuple[int, int], bundle: Bundle, now: datetime
) -> PolicyChanged:
    before = rate.before_hits / max(1, rate.before)
    hits, decisions = jump
    why = (
        f"it held for {hits} of the last {decisions} decisions, "
        f"and for {before:.2%} of {rate.before} before"
    )
    if decisions < WINDOW:
        why += " (without the sender with most)"
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
