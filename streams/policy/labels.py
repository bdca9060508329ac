"""Labels: what is known about a recording, who says it, and whose word prevails.

A label is a fact and has no consequence by itself. Every source keeps its own label;
the effective one is chosen by precedence, highest first:

    appeal > reviewer > provenance (confirmed) > registry
           > declaration of All or Partly > detector > declaration of None

A deliverer who says "AI" is believed at once; one who says "no AI" is believed only where
nobody has looked. A detector that abstains has looked: its ``Unknown`` stands above a
declared ``None``, because the claim is then unverified. A label with ``neg`` withdraws
another of the same ``origin`` and is never effective. Nothing is ever deleted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from streams.contract.records import (
    Certainty,
    Component,
    Contains,
    Extent,
    Label,
    LabelSource,
    Outcome,
    Provenance,
    TrackClassified,
    stable_id,
)
from streams.contract.records.rights import WORLDWIDE
from streams.policy.facts import Facts
from streams.policy.known_recordings import registered
from streams.policy.registry import status_of
from streams.policy.rights import NO_RIGHTS, Rights
from streams.policy.schema import SAYS_AI

ARTWORK: Final = "artwork"


@dataclass(frozen=True)
class Assertion:
    """What one source states about the recording or its artwork."""

    source: LabelSource
    extent: Extent
    certainty: Certainty
    generator: str | None = None
    subject: Literal["recording", "artwork"] = "recording"
    components: tuple[Component, ...] = ()
    origin: str | None = None
    neg: bool = False
    asserted_at: datetime | None = None
    expires_at: datetime | None = None


def _assertion(
    source: LabelSource,
    extent: Extent,
    generator: str | None = None,
    components: tuple[Component, ...] = (),
    certainty: Certainty | None = None,
    **rest: Any,
) -> Assertion:
    has_ai = extent is not Extent.NONE
    return Assertion(
        source=source,
        extent=extent,
        certainty=certainty or source.certainty,
        generator=generator if has_ai else None,
        components=components if has_ai else (),
        **rest,
    )


def assertions_of(event: TrackClassified, facts: Facts) -> tuple[Assertion, ...]:
    """Return what every source states, people last.

    Artwork is labelled apart: an AI-made cover states nothing about the recording.
    """
    return (
        _assertion(LabelSource.DETECTOR, detected_extent(event), event.analysis.generator),
        *_declared(event),
        *_provenance(event.provenance),
        *_registry(event, facts),
        *_recognised(event),
        *_people(facts),
    )


def licensed(assertion: Assertion, rights: Rights) -> bool:
    """Whether a licence covers it: a licence applies to all AI here, whatever its source."""
    return rights.licensed and assertion.extent is not Extent.NONE and not assertion.neg


def labels_of(
    event: TrackClassified,
    assertions: Iterable[Assertion],
    rights: Rights = NO_RIGHTS,
    context: tuple[str, ...] = (),
) -> tuple[Label, ...]:
    """Return the labels of a decision.

    Args:
        event: the analysis with its upload.
        assertions: what the sources state.
        rights: what follows from the registry where the actions hold by default.
        context: what else the ids of the labels depend on (policy, facts).
    """
    return tuple(_label(event, assertion, rights, context) for assertion in assertions)


def _declared(event: TrackClassified) -> Iterable[Assertion]:
    declared = event.upload.declared
    extent = declared_extent(event)
    tool = declared.tools[0].name if declared.tools else None
    if extent is not None:
        audible = tuple(part for part in declared.components if part != ARTWORK)
        yield _assertion(LabelSource.DECLARATION, extent, tool, components=audible)
    drawn: Contains | None = declared.artwork_contains_ai
    if drawn is None and ARTWORK in declared.components:
        drawn = declared.contains_ai
    if drawn is not None:
        yield _assertion(
            LabelSource.DECLARATION, Extent(drawn), tool, (ARTWORK,), subject="artwork"
        )


def _provenance(provenance: Provenance | None) -> Iterable[Assertion]:
    """A manifest that was changed since it was signed says nothing; a tag is a statement."""
    if provenance is None:
        return
    if provenance.state in ("untrusted", "trusted") and provenance.extent is not Extent.UNKNOWN:
        # A chain of human edits is evidence toward None and never proof of it.
        proof = provenance.state == "trusted" and provenance.extent in SAYS_AI
        yield _assertion(
            LabelSource.PROVENANCE,
            provenance.extent,
            next(iter(provenance.software_agents), None),
            certainty=Certainty.CONFIRMED if proof else Certainty.DECLARED,
            origin="c2pa",
        )
    if provenance.aigc is not None:
        # 3 was written by a platform whose detector thought so, perhaps this one's.
        guessed = Certainty.SUSPECTED if provenance.aigc.label == "3" else None
        yield _assertion(
            LabelSource.PROVENANCE,
            Extent.ALL,
            provenance.aigc.producer,
            certainty=guessed,
            origin="aigc",
        )


def _registry(event: TrackClassified, facts: Facts) -> Iterable[Assertion]:
    """A registrant states what a recording is that it names by its code."""
    for change in facts.entries:
        entry = change.entry
        if entry is None or entry.extent is None or event.upload.isrc not in entry.subject.isrcs:
            continue
        territory = entry.territories[0] if entry.territories else WORLDWIDE
        if entry.verification == "verified" and status_of(entry, territory, facts.at) == "in_force":
            made_by = next(iter(entry.conditions.generator_ids), None)
            yield _assertion(LabelSource.REGISTRY, entry.extent, made_by, origin=change.entry_id)


def _recognised(event: TrackClassified) -> Iterable[Assertion]:
    """The maker of a generator registered this recording as its output: stronger than any score."""
    for match, extent in registered(event):
        origin = f"{match.bank}:{match.item_id}"
        yield _assertion(LabelSource.REGISTRY, extent, match.generator, origin=origin)


def _people(facts: Facts) -> Iterable[Assertion]:
    for undone in facts.undone:
        yield _assertion(
            LabelSource.REVIEWER,
            undone.extent or Extent.NONE,
            origin=undone.verdict_id,
            neg=True,
            asserted_at=undone.decided_at,
        )
    verdict, appeal = facts.verdict, facts.appeal
    if verdict is not None:
        yield _assertion(
            LabelSource.REVIEWER,
            verdict.extent or Extent.NONE,
            components=verdict.components,
            origin=verdict.verdict_id,
            asserted_at=verdict.decided_at,
            expires_at=verdict.pinned_until,
        )
    if appeal is not None and appeal.outcome is not None and appeal.outcome.extent is not None:
        yield _assertion(
            LabelSource.APPEAL,
            appeal.outcome.extent,
            components=appeal.outcome.components,
            origin=appeal.appeal_id,
            asserted_at=appeal.changed_at,
        )


def _label(
    event: TrackClassified, assertion: Assertion, rights: Rights, context: tuple[str, ...]
) -> Label:
    covered = licensed(assertion, rights)
    return Label(
        label_id=stable_id(
            "lbl",
            *(event.upload_id, event.content_sha256, event.analysis.analysis_id),
            *context,
            *(assertion.source, assertion.subject),
            *((assertion.origin,) if assertion.origin else ()),
            *(("neg",) if assertion.neg else ()),
        ),
        licensed=covered,
        agreement_id=rights.agreement_id if covered else None,
        **vars(assertion),
    )


def detected_extent(event: TrackClassified) -> Extent:
    """Return what the detector says; ``Unknown`` where it abstains or cannot tell how much."""
    match event.analysis.outcome:
        case Outcome.AI_LIKELY:
            extent = event.analysis.extent
            return extent if extent in SAYS_AI else Extent.UNKNOWN
        case Outcome.HUMAN_LIKELY:
            return Extent.NONE
        case _:
            return Extent.UNKNOWN


def declared_extent(event: TrackClassified) -> Extent | None:
    """Return what is declared of the recording; None where only artwork, or nothing, is.

    A contributor that is AI, or contributes by AI, declares as much as ``contains_ai`` does.
    """
    declared = event.upload.declared
    only_artwork = declared.components and set(declared.components) == {ARTWORK}
    if declared.contains_ai is None and not only_artwork:
        parts = {one.ai_contribution for one in event.upload.contributors}
        machines = any(one.is_generative_ai for one in event.upload.contributors)
        return Extent.PARTLY if machines or parts & {"All", "Partly"} else None
    if declared.contains_ai is None or only_artwork:
        return None
    return Extent(declared.contains_ai)


def rank(label: Label | Assertion) -> int:
    """Return the strength of a label; the highest prevails.

    Provenance that is not confirmed is a statement in a file that anyone could have
    written, so it ranks with the declaration; a mere suspicion in it, below our own detector.
    """
    source = label.source
    if source is LabelSource.PROVENANCE and label.certainty is Certainty.SUSPECTED:
        return 0
    if source is LabelSource.PROVENANCE and label.certainty is not Certainty.CONFIRMED:
        source = LabelSource.DECLARATION
    if source is LabelSource.DECLARATION and label.extent not in SAYS_AI:
        return 0
    return source.rank


A = TypeVar("A", Label, Assertion)


def effective(labels: Iterable[A], subject: str = "recording") -> A:
    """Return the label of the recording that prevails; of equals the last.

    Raises:
        ValueError: no label is about it.
    """
    candidates = [label for label in labels if label.subject == subject and not label.neg]
    if not candidates:
        raise ValueError(f"no label is about the {subject}")
    return max(enumerate(candidates), key=lambda item: (rank(item[1]), item[0]))[1]


def effective_artwork(labels: Iterable[A]) -> A | None:
    """Return the label of the artwork that prevails; None where there is none."""
    labels = list(labels)
    known = any(label.subject == "artwork" and not label.neg for label in labels)
    return effective(labels, "artwork") if known else None
