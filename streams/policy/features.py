"""What a rule may ask about a track: the published feature set, and nothing else.

The evaluator sees only these, so a stored set of features replays a decision exactly. A
value that is missing is None, and every condition says what it does then.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from streams.policy.labels import declared_extent, detected_extent
from streams.records import Certainty, Extent, Label, LabelSource, Outcome, TrackClassified

Declared = Literal["All", "Partly", "None", "absent"]


class Features(BaseModel):
    """A snapshot of one track: the effective label, the answer behind it, the delivery.

    ``disclosure_mismatch``: the detector found AI where the declaration says there is
    none, or all of a recording where it says part. False where either side is silent.
    It adds nothing to the detector's score: it *is* that score, next to a claim.
    """

    model_config = ConfigDict(frozen=True)

    extent: Extent
    certainty: Certainty
    source: LabelSource
    licensed: bool
    generator: str | None
    outcome: Outcome
    p_value: float | None
    probability: float | None
    coverage: float | None
    declared: Declared
    disclosure_mismatch: bool
    distributor: str | None
    duration_s: float
    silent_share: float


def features_of(event: TrackClassified, label: Label) -> Features:
    """Take the snapshot of a track whose effective label is ``label``."""
    analysis, declared = event.analysis, declared_extent(event)
    found = detected_extent(event) if analysis.outcome is Outcome.AI_LIKELY else None
    return Features(
        extent=label.extent,
        certainty=label.certainty,
        source=label.source,
        licensed=label.licensed,
        generator=label.generator,
        outcome=analysis.outcome,
        p_value=analysis.p_value,
        probability=analysis.probability,
        coverage=analysis.coverage,
        declared=_DECLARED[declared],
        disclosure_mismatch=found is not None
        and (declared is Extent.NONE or (declared is Extent.PARTLY and found is Extent.ALL)),
        distributor=event.upload.distributor,
        duration_s=event.audio.duration_s,
        silent_share=event.audio.silent_share,
    )


_DECLARED: dict[Extent | None, Declared] = {
    Extent.ALL: "All",
    Extent.PARTLY: "Partly",
    Extent.NONE: "None",
    None: "absent",
}
