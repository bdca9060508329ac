"""``bench policy``: decisions a second on one core, with fifty rules.

The peer is reading and writing the event, which every processor does whatever it decides.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import yaml

from streams.contract.records import TrackClassified
from streams.contract.records import parse as parse_record
from streams.policy.bundle import Bundle, load, parse
from streams.policy.decide import decide
from tests.bench.events import event
from tests.bench.measure import Job, by_turns, cpu_here
from tests.bench.table import Report, Row

RULES: Final = 50


def bench_policy(policy: Path, events: int, rounds: int) -> Report:
    """Measure a policy file as it is, and filled up to fifty rules."""
    stored = [event(number).to_bytes() for number in range(events)]
    small, many = load(policy), filled(policy, RULES)
    ready = [parse_record(TrackClassified, one) for one in stored]
    name = f"decide, {len(small.rules)} rules"
    full = f"decide, {len(many.rules)} rules"
    jobs: dict[str, Job] = {
        "read and write": lambda: cpu_here(
            lambda: [parse_record(TrackClassified, one).to_bytes() for one in stored]
        ),
        name: lambda: cpu_here(lambda: [decide(one, small) for one in ready]),
        full: lambda: cpu_here(lambda: [decide(one, many) for one in ready]),
    }
    measured = by_turns(jobs, rounds)
    rows = {
        n: Row(n, tuple(events / v for v in values), "events/CPU-s")
        for n, values in measured.items()
    }
    peer = rows["read and write"].median
    return Report(
        "policy",
        "read and write",
        tuple(Row(row.name, row.values, row.unit, row.median / peer) for row in rows.values()),
        {"decisions_per_second": rows[full].median, "rules": len(many.rules)},
        ("a decision is labels, consequences, a review task and what else is told, one core",),
    )


def filled(policy: Path, rules: int) -> Bundle:
    """Return the policy with copies of its own rules, on trial, until there are so many."""
    plain: dict[str, Any] = yaml.safe_load(policy.read_text(encoding="utf-8"))
    own = list(plain["rules"])
    for number in range(max(0, rules - len(own))):
        copied = deepcopy(own[number % len(own)])  # a policy file must not hold aliases
        copied |= {"id": f"copy-{number}", "mode": "shadow"}
        copied.pop("sample_to_review", None)
        plain["rules"].append(copied)
    plain.pop("tests", None)  # they say which rules are on trial
    return parse(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), str(policy))
