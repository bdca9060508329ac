"""Labels: what is known about a recording, who says it, and whose word prevails.

A label is a fact and has no consequence by itself. Every source keeps its own label;
the effective one is chosen by precedence, highest first:

    appeal > reviewer > provenance (confirmed) > registry
           > declaration of All or Partly > detector > declaration of None

A deliverer who says "AI" is believed at once; one who says "no AI" is believed only where
nobody has looked. A detector that abstains has looked: its ``Unknown`` stands above a
declared ``None``, because the claim is then unverified. A label with ``neg`` withdraws
and is never effective.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from streams.policy.agreements import Agreement, licence
from streams.records import (
    Certainty,
    Component,
    Extent,
    Label,
    LabelSource,
    Outcome,
    TrackClassified,
    stable_id,
)

ARTWORK: Final = "artwork"


def labels_of(
    event: TrackClassified, agreements: Iterable[Agreement], policy_digest: str
) -> tuple[Label, ...]:
    """Return the detector's label and those that the declaration makes.

    Artwork is labelled apart: a drawn cover says nothing about the recording. A declared
    licence applies to whatever is AI here, whoever found it.
    """
    upload, declared = event.upload, event.upload.declared
    agreement_id = licence(declared.tools, upload.territories, event.uploaded_at, agreements)
    facts = [
        _Fact(LabelSource.DETECTOR, detected_extent(event), generator=event.analysis.generator)
    ]
    extent = declared_extent(event)
    tool = declared.tools[0].name if declared.tools else None
    if extent is not None:
        heard = tuple(part for part in declared.components if part != ARTWORK)
        facts.append(_Fact(LabelSource.DECLARATION, extent, tool, components=heard))
    if declared.contains_ai is not None and ARTWORK in declared.components:
        drawn = Extent(declared.contains_ai)
        facts.append(_Fact(LabelSource.DECLARATION, drawn, tool, "artwork", (ARTWORK,)))
    return tuple(_label(event, fact, agreement_id, policy_digest) for fact in facts)


@dataclass(frozen=True)
class _Fact:
    source: LabelSource
    extent: Extent
    generator: str | None = None
    subject: Literal["recording", "artwork"] = "recording"
    components: tuple[Component, ...] = ()


def _label(
    event: TrackClassified, fact: _Fact, agreement_id: str | None, policy_digest: str
) -> Label:
    has_ai = fact.extent is not Extent.NONE
    licensed = has_ai and agreement_id is not None
    found_by_us = fact.source is LabelSource.DETECTOR
    return Label(
        label_id=stable_id(
            "lbl",
            *(event.upload_id, event.content_sha256, event.analysis.analysis_id, policy_digest),
            *(fact.source, fact.subject),
        ),
        subject=fact.subject,
        extent=fact.extent,
        components=fact.components if has_ai else (),
        certainty=Certainty.SUSPECTED if found_by_us else Certainty.DECLARED,
        source=fact.source,
        generator=fact.generator if has_ai else None,
        licensed=licensed,
        agreement_id=agreement_id if licensed else None,
    )


def detected_extent(event: TrackClassified) -> Extent:
    """Return what the detector says; ``Unknown`` where it abstains or cannot tell how much."""
    match event.analysis.outcome:
        case Outcome.AI_LIKELY:
            found = event.analysis.extent
            return found if found in (Extent.ALL, Extent.PARTLY) else Extent.UNKNOWN
        case Outcome.HUMAN_LIKELY:
            return Extent.NONE
        case _:
            return Extent.UNKNOWN


def declared_extent(event: TrackClassified) -> Extent | None:
    """Return what is declared of the recording; None where only artwork, or nothing, is."""
    declared = event.upload.declared
    only_artwork = declared.components and set(declared.components) == {ARTWORK}
    if declared.contains_ai is None or only_artwork:
        return None
    return Extent(declared.contains_ai)


_RANK: Final = {
    LabelSource.APPEAL: 6,
    LabelSource.REVIEWER: 5,
    LabelSource.PROVENANCE: 4,
    LabelSource.REGISTRY: 3,
    LabelSource.DETECTOR: 1,
}


def rank(label: Label) -> int:
    """Return how strong a label's word is; higher prevails.

    Provenance that is not confirmed is a statement in a file that anyone could have
    written, so it ranks with the declaration.
    """
    stated = label.source is LabelSource.DECLARATION or (
        label.source is LabelSource.PROVENANCE and label.certainty is not Certainty.CONFIRMED
    )
    if stated:
        return 2 if label.extent in (Extent.ALL, Extent.PARTLY) else 0
    return _RANK[label.source]


def effective(labels: Iterable[Label]) -> Label:
    """Return the label of the recording that prevails; the later of equals, as said last.

    Raises:
        ValueError: no label speaks about the recording.
    """
    standing = [one for one in labels if one.subject == "recording" and not one.neg]
    if not standing:
        raise ValueError("no label speaks about the recording")
    return max(enumerate(standing), key=lambda item: (rank(item[1]), item[0]))[1]
