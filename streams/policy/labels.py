"""Labels: what is known about a recording, from which source, and which label prevails.

A label is a fact and has no consequence by itself. Every source keeps its own label;
the effective one is chosen by precedence, highest first:

    appeal > reviewer > provenance (confirmed) > registry
           > declaration of All or Partly > detector > declaration of None

A declaration of no AI is believed only without any other label: a detector that abstains has
looked, and its ``Unknown`` ranks above the declared ``None``. One that finds no trace has no
label beside a statement of no AI, and ``Unknown`` without it: no trace proves nothing. A label
with ``neg`` withdraws another of the same ``origin`` and is never effective.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from streams.contract.records import (
    Certainty,
    Component,
    Extent,
    Label,
    LabelSource,
    Mark,
    Outcome,
    Provenance,
    TrackClassified,
    Upload,
    stable_id,
)
from streams.contract.records.rights import WORLDWIDE
from streams.contract.vocabulary import BankKind, Tier
from streams.policy.facts import Facts
from streams.policy.registry import status_of
from streams.policy.rights import NO_RIGHTS, Rights
from streams.policy.schema import SAYS_AI

ARTWORK: Final = "artwork"
WHOLE: Final = 0.85  # least share that a registered AI output covers for ``All``


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
    mark: Mark | None = None
    tier: Tier | None = None


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
    stated = (
        *_declared(event),
        *_provenance(event.provenance),
        *_registry(event, facts),
        *_recognised(event),
        *_people(facts),
    )
    return (*_detected(event, stated), *stated)


def _detected(event: TrackClassified, stated: Iterable[Assertion]) -> Iterable[Assertion]:
    """The detector's label; none where it finds no trace and someone states that there is no AI."""
    analysis = event.analysis
    says_none = any(
        one.subject == "recording" and one.extent is Extent.NONE and not one.neg for one in stated
    )
    if analysis.outcome is Outcome.NO_TRACE and says_none:
        return
    tier = analysis.outcome.value if analysis.outcome.finds_ai else None
    yield _assertion(LabelSource.DETECTOR, detected_extent(event), analysis.generator, tier=tier)


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

    ``rights`` are those where the actions hold by default. The ids of the labels depend on
    ``context`` too (policy, facts).
    """
    basis = (event.upload_id, event.content_sha256, event.analysis.analysis_id, *context)
    labels = []
    for assertion in assertions:
        covered, neg = licensed(assertion, rights), "neg" if assertion.neg else None
        parts = (assertion.source, assertion.subject, assertion.origin, neg)
        labels.append(
            Label(
                label_id=stable_id("lbl", *basis, *(part for part in parts if part)),
                licensed=covered,
                agreement_id=rights.agreement_id if covered else None,
                **vars(assertion),
            )
        )
    return tuple(labels)


def _declared(event: TrackClassified) -> Iterable[Assertion]:
    declared = event.upload.declared
    extent = declared_extent(event)
    tool = declared.tools[0].name if declared.tools else None
    if extent is not None:
        audible = tuple(part for part in declared.components if part != ARTWORK)
        yield _assertion(LabelSource.DECLARATION, extent, tool, components=audible)
    drawn = declared.artwork_contains_ai
    if drawn is None and ARTWORK in declared.components:
        drawn = declared.contains_ai
    if drawn is not None:
        yield _assertion(
            LabelSource.DECLARATION, Extent(drawn), tool, (ARTWORK,), subject="artwork"
        )


def _provenance(provenance: Provenance | None) -> Iterable[Assertion]:
    """Manifest, AIGC tag, marks and watermark, each with the mark that names generator and song.

    A manifest that no longer fits the file, as of one that was tagged anew, declares at most.
    """
    if provenance is None:
        return
    marks = {mark.kind: mark for mark in reversed(provenance.marks)}
    says_ai = provenance.extent in SAYS_AI
    known = provenance.state in ("untrusted", "trusted") and provenance.extent is not Extent.UNKNOWN
    if known or (provenance.state == "invalid" and says_ai):
        # A chain of human edits is evidence toward None and never proof of it.
        proof = provenance.state == "trusted" and says_ai
        signed = marks.get("c2pa")
        agent = next(iter(provenance.software_agents), None)
        yield _assertion(
            LabelSource.PROVENANCE,
            provenance.extent,
            signed.generator if signed else agent,
            certainty=Certainty.CONFIRMED if proof else Certainty.DECLARED,
            origin="c2pa",
            mark=signed if says_ai else None,
        )
    if provenance.aigc is not None:
        # 3 was written by a platform whose detector thought so, perhaps this one's.
        guessed = Certainty.SUSPECTED if provenance.aigc.label == "3" else None
        tagged = marks.get("aigc")
        yield _assertion(
            LabelSource.PROVENANCE,
            Extent.ALL,
            tagged.generator if tagged else provenance.aigc.producer,
            certainty=guessed,
            origin="aigc",
            mark=tagged,
        )
    if (mark := _mark(provenance)) is not None:
        yield _assertion(
            LabelSource.PROVENANCE, Extent.ALL, mark.generator, origin="mark", mark=mark
        )
    if (mark := marks.get("watermark")) is not None:
        # None confirms: the tools are public, and anyone can put a watermark on.
        guessed = None if mark.declares else Certainty.SUSPECTED
        yield _assertion(
            LabelSource.PROVENANCE,
            Extent.ALL,
            mark.generator,
            certainty=guessed,
            origin="watermark",
            mark=mark,
        )


def _mark(provenance: Provenance) -> Mark | None:
    """Return the strongest mark that is no part of what another label of the file rests on."""
    elsewhere = {"aigc", "watermark"}
    if provenance.extent is not Extent.UNKNOWN:
        elsewhere.add("c2pa")
    return next((one for one in provenance.marks if one.kind not in elsewhere), None)


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
    """The best match in each bank of outputs registered by a generator's maker."""
    banks: set[str] = set()
    for match in event.matches:
        if match.bank_kind != BankKind.REGISTERED_AI or match.bank in banks:
            continue
        banks.add(match.bank)
        extent = Extent.ALL if match.share_of(event.audio.duration_s) >= WHOLE else Extent.PARTLY
        origin = f"{match.bank}:{match.item_id}"
        yield _assertion(LabelSource.REGISTRY, extent, match.generator, origin=origin)


def _people(facts: Facts) -> Iterable[Assertion]:
    for verdict in (*facts.undone, *((facts.verdict,) if facts.verdict else ())):
        holds = verdict is facts.verdict
        yield _assertion(
            LabelSource.REVIEWER,
            verdict.extent or Extent.NONE,
            components=verdict.components if holds else (),
            origin=verdict.verdict_id,
            neg=not holds,
            asserted_at=verdict.decided_at,
            expires_at=verdict.pinned_until if holds else None,
        )
    appeal = facts.appeal
    if appeal is not None and appeal.outcome is not None and appeal.outcome.extent is not None:
        yield _assertion(
            LabelSource.APPEAL,
            appeal.outcome.extent,
            components=appeal.outcome.components,
            origin=appeal.appeal_id,
            asserted_at=appeal.changed_at,
        )


def detected_extent(event: TrackClassified) -> Extent:
    """Return the detector's extent; ``Unknown`` where it finds nothing or not how much."""
    analysis = event.analysis
    says_how_much = analysis.outcome.finds_ai and analysis.extent in SAYS_AI
    return analysis.extent if says_how_much else Extent.UNKNOWN


def declared_extent(event: TrackClassified) -> Extent | None:
    """Return what is declared of the recording; None where only artwork, or nothing, is.

    A contributor that is AI, or contributes by AI, declares as much as ``contains_ai`` does.
    """
    declared = event.upload.declared
    if set(declared.components) == {ARTWORK}:
        return None
    if declared.contains_ai is not None:
        return Extent(declared.contains_ai)
    return Extent.PARTLY if has_ai_contributor(event.upload) else None


def denied(event: TrackClassified, assertions: Iterable[Assertion]) -> bool:
    """Whether the file itself declares AI where the delivery declares none."""
    return declared_extent(event) is Extent.NONE and any(
        one.source is LabelSource.PROVENANCE
        and one.extent in SAYS_AI
        and one.certainty is not Certainty.SUSPECTED
        for one in assertions
    )


def has_ai_contributor(upload: Upload) -> bool:
    """Whether any contributor is AI, or contributes by AI."""
    return any(
        one.is_generative_ai or one.ai_contribution in ("All", "Partly")
        for one in upload.contributors
    )


def rank(label: Label | Assertion) -> int:
    """Return the strength of a label; the highest prevails.

    Provenance that is not confirmed is a statement in a file that anyone can write. It ranks with
    the declaration; a mere suspicion in it ranks below our own detector and any statement.
    """
    source = label.source
    if source is LabelSource.PROVENANCE and label.certainty is Certainty.SUSPECTED:
        return -1
    if source is LabelSource.PROVENANCE and label.certainty is not Certainty.CONFIRMED:
        source = LabelSource.DECLARATION
    if source is LabelSource.DECLARATION and label.extent not in SAYS_AI:
        return 0
    return source.rank


A = TypeVar("A", Label, Assertion)


def effective(labels: Iterable[A]) -> A:
    """Return the label of the recording that prevails, of equals the last; there is always one."""
    return max(_about("recording", labels), key=rank)


def effective_artwork(labels: Iterable[A]) -> A | None:
    """Return the label of the artwork that prevails; None where there is none."""
    return max(_about("artwork", labels), key=rank, default=None)


def _about(subject: str, labels: Iterable[A]) -> list[A]:
    """Return the labels of a subject that are not withdrawn, the last first."""
    return [one for one in labels if one.subject == subject and not one.neg][::-1]
