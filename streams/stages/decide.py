"""tracks.classified -> labels, a decision, and a review task where a person must look.

The facts about a track come from the ledger, the policy from a file or from its publication. The
rest is pure (``streams.policy.decide``): the same analysis, facts and policy give the same records.
A fact that arrives while its track is decided makes ``redecide`` decide it again.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial

from streams.contract import processes, topics
from streams.contract.output import Output
from streams.contract.records import TrackClassified
from streams.policy.bundle import Bundle
from streams.policy.decide import DecisionRecords, decide
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.settings import Settings
from streams.services.decision_metrics import count_decision
from streams.services.policies.breaker import Breaker
from streams.store.clock import CheckedClock
from streams.store.database import Ledger
from streams.store.policy_releases import Policies
from streams.store.track_facts import TrackFacts

NAME = processes.DECIDE.name


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler]:
    with closing(await asyncio.to_thread(Ledger.open, settings.ledger)) as ledger:
        policies = await asyncio.to_thread(Policies, settings.policy, ledger)
        track_facts, breaker, clock = TrackFacts(ledger), Breaker(), CheckedClock(ledger)

        def decided(event: TrackClassified) -> tuple[DecisionRecords, Bundle]:
            bundle = policies.current()
            facts = track_facts.facts(event, clock.now(), bundle.name)
            return decide(event, bundle, facts), bundle

        async def handle(event: TrackClassified) -> Sequence[Output]:
            if event.replaces:  # the ledger reopens the track, and redecide follows
                return ()
            records, bundle = await asyncio.to_thread(decided, event)
            tripped = breaker.saw(records, bundle, event.upload.sender, datetime.now(UTC))
            count_decision(records)
            declared = event.upload.declared.contains_ai or "Unknown"
            metrics.DECLARED.labels(declared, event.analysis.outcome.value).inc()
            changes = [Output(topics.POLICIES_CHANGED, change) for change in tripped]
            return [*records.outputs(), *changes]

        yield each(NAME, TrackClassified, handle)


DECIDE = Processor(NAME, processes.DECIDE.reads[0], _open)
run_decide = partial(run, DECIDE)
