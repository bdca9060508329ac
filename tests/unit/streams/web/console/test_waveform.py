"""The waveform and the segments, as coordinates."""

import numpy as np

from streams.contract.records import SegmentScore
from streams.web.console.waveform import HEIGHT, STEPS, WIDTH, outline, stretches
from tests.support.console import Console
from tests.support.stories import tell


def test_a_louder_place_is_further_from_the_middle() -> None:
    points = [
        tuple(map(float, one.split(","))) for one in outline(np.array([0.0, 1.0, 0.5])).split()
    ]
    above, below = points[:3], points[:2:-1]
    middle = HEIGHT / 2
    assert [x for x, _ in above] == [x for x, _ in below] == [0, WIDTH / 2, WIDTH]
    assert [middle - y for _, y in above] == [y - middle for _, y in below]
    assert [middle - y for _, y in above] == [0, middle - 2, (middle - 2) / 2]
    assert outline(np.array([])) == ""


def test_segments_that_overlap_meet_in_the_middle(console: Console) -> None:
    decided, _ = tell(console.resources.ledger)
    segments = (
        SegmentScore(start_s=0, end_s=60, score=9.0),
        SegmentScore(start_s=40, end_s=110, score=-1.0),
    )
    analysis = decided.analysis.model_copy(update={"segments": segments})
    drawn = stretches(decided.model_copy(update={"analysis": analysis}), 100.0)
    assert [(one.x, one.width) for one in drawn] == [(0, WIDTH / 2), (WIDTH / 2, WIDTH / 2)]
    assert [one.segment for one in drawn] == list(segments)
    assert [one.strength for one in drawn] == [STEPS - 1, 0]
    assert stretches(None, 100.0) == stretches(decided, 0.0) == ()
