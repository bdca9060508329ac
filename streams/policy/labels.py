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
from typing import Final, Literal

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
from streams.policy.registry import standing
from streams.policy.rights import NO_RIGHTS, Rights

ARTWORK: Final = "artwork"
SAYS_AI: Final = (Extent.ALL, Extent.PARTLY)


def labels_of(
    event: TrackClassified, facts: Facts, rights: Rights = NO_RIGHTS, context: tuple[str, ...] = ()
) -> tuple[Label, ...]:
    """Return the labels of every source that says something.

    Artwork is labelled apart: a drawn cover says nothing about the recording. A licence
    applies to whatever is AI here, whoever found it.

    Args:
        event: the analysis with its upload.
        facts: what people and registries said.
        rights: what follows from the registry where the actions hold by default.
        context: what else the ids of the labels depend on (policy, facts).
    """
    found = [
        _Fact(LabelSource.DETECTOR, detected_extent(event), generator=event.analysis.generator),
        *_declared(event),
        *_provenance(event.provenance),
        *_registry(event, facts),
        *_recognised(event),
        *_people(facts),
    ]
    return tuple(_label(event, fact, rights, context) for fact in found)


@dataclass(frozen=True)
class _Fact:
    source: LabelSource
    extent: Extent
    generator: str | None = None
    subject: Literal["recording", "artwork"] = "recording"
    components: tuple[Component, ...] = ()
    certainty: Certainty | None = None
    origin: str | None = None
    neg: bool = False
    asserted_at: datetime | None = None
    expires_at: datetime | None = None


def _declared(event: TrackClassified) -> Iterable[_Fact]:
    declared = event.upload.declared
    extent = declared_extent(event)
    tool = declared.tools[0].name if declared.tools else None
    if extent is not None:
        heard = tuple(part for part in declared.components if part != ARTWORK)
        yield _Fact(LabelSource.DECLARATION, extent, tool, components=heard)
    drawn: Contains | None = declared.artwork_contains_ai
    if drawn is None and ARTWORK in declared.components:
        drawn = declared.contains_ai
    if drawn is not None:
        yield _Fact(LabelSource.DECLARATION, Extent(drawn), tool, "artwork", (ARTWORK,))


def _provenance(said: Provenance | None) -> Iterable[_Fact]:
    """A manifest that was changed since it was signed says nothing; a tag is a statement."""
    if said is None:
        return
    if said.state in ("untrusted", "trusted") and said.extent is not Extent.UNKNOWN:
        # A chain of human edits is evidence toward None and never proof of it.
        proof = said.state == "trusted" and said.extent in SAYS_AI
        yield _Fact(
            LabelSource.PROVENANCE,
            said.extent,
            next(iter(said.software_agents), None),
            certainty=Certainty.CONFIRMED if proof else Certainty.DECLARED,
            origin="c2pa",
        )
    if said.aigc is not None:
        # 3 was written by a platform whose detector thought so, perhaps this one's.
        guessed = Certainty.SUSPECTED if said.aigc.label == "3" else None
        yield _Fact(
            LabelSource.PROVENANCE,
            Extent.ALL,
            said.aigc.producer,
            certainty=guessed,
            origin="aigc",
        )


def _registry(event: TrackClassified, facts: Facts) -> Iterable[_Fact]:
    """A registrant states what a recording is that it names by its code."""
    for one in facts.entries:
        entry = one.entry
        if entry is None or entry.extent is None or event.upload.isrc not in entry.subject.isrcs:
            continue
        territory = entry.territories[0] if entry.territories else WORLDWIDE
        if entry.verification == "verified" and standing(entry, territory, facts.at) == "in_force":
            made_by = next(iter(entry.conditions.generator_ids), None)
            yield _Fact(LabelSource.REGISTRY, entry.extent, made_by, origin=one.entry_id)


def _recognised(event: TrackClassified) -> Iterable[_Fact]:
    """The maker of a generator registered this recording as its output: stronger than any score."""
    for match, extent in registered(event):
        origin = f"{match.bank}:{match.item_id}"
        yield _Fact(LabelSource.REGISTRY, extent, match.generator, origin=origin)


def _people(facts: Facts) -> Iterable[_Fact]:
    for undone in facts.undone:
        yield _Fact(
            LabelSource.REVIEWER,
            undone.extent or Extent.NONE,
            origin=undone.verdict_id,
            neg=True,
            asserted_at=undone.decided_at,
        )
    verdict, appeal = facts.verdict, facts.appeal
    if verdict is not None:
        yield _Fact(
            LabelSource.REVIEWER,
            verdict.extent or Extent.NONE,
            components=verdict.components,
            origin=verdict.verdict_id,
            asserted_at=verdict.decided_at,
            expires_at=verdict.pinned_until,
        )
    if appeal is not None and appeal.outcome is not None and appeal.outcome.extent is not None:
        yield _Fact(
            LabelSource.APPEAL,
            appeal.outcome.extent,
            components=appeal.outcome.components,
            origin=appeal.appeal_id,
            asserted_at=appeal.changed_at,
        )


def _label(event: TrackClassified, fact: _Fact, rights: Rights, context: tuple[str, ...]) -> Label:
    has_ai = fact.extent is not Extent.NONE
    licensed = has_ai and rights.licensed and not fact.neg
    return Label(
        label_id=stable_id(
            "lbl",
            *(event.upload_id, event.content_sha256, event.analysis.analysis_id),
            *context,
            *(fact.source, fact.subject),
            *((fact.origin,) if fact.origin else ()),
            *(("neg",) if fact.neg else ()),
        ),
        subject=fact.subject,
        extent=fact.extent,
        components=fact.components if has_ai else (),
        certainty=fact.certainty or fact.source.certainty,
        source=fact.source,
        generator=fact.generator if has_ai else None,
        licensed=licensed,
        agreement_id=rights.agreement_id if licensed else None,
        neg=fact.neg,
        origin=fact.origin,
        asserted_at=fact.asserted_at,
        expires_at=fact.expires_at,
    )


def detected_extent(event: TrackClassified) -> Extent:
    """Return what the detector says; ``Unknown`` where it abstains or cannot tell how much."""
    match event.analysis.outcome:
        case Outcome.AI_LIKELY:
            found = event.analysis.extent
            return found if found in SAYS_AI else Extent.UNKNOWN
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


def rank(label: Label) -> int:
    """Return how strong a label's word is; higher prevails.

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


def effective(labels: Iterable[Label], subject: str = "recording") -> Label:
    """Return the label of the recording that prevails; the later of equals, as said last.

    Raises:
        ValueError: no label speaks about it.
    """
    standing_labels = [one for one in labels if one.subject == subject and not one.neg]
    if not standing_labels:
        raise ValueError(f"no label speaks about the {subject}")
    return max(enumerate(standing_labels), key=lambda item: (rank(item[1]), item[0]))[1]


def effective_artwork(labels: Iterable[Label]) -> Label | None:
    """Return what prevails about the artwork; None where nothing is said of it."""
    found = [one for one in labels if one.subject == "artwork"]
    return effective(found, "artwork") if any(not one.neg for one in found) else None
