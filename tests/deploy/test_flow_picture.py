"""The drawing of the flow."""

from xml.etree import ElementTree

import pytest

from deploy import flow_picture
from streams.contract import topics


def test_it_is_well_formed_and_shows_every_box() -> None:
    root = ElementTree.fromstring(flow_picture.svg())  # noqa: S314 - our own text
    texts = {element.text for element in root.iter() if element.text}
    assert {box.name for box in flow_picture.BOXES.values()} <= texts
    assert {topics.UPLOADED, topics.DECIDED, topics.DECISIONS_APPLIED} <= texts


def test_boxes_lie_inside_and_apart() -> None:
    boxes = list(flow_picture.BOXES.values())
    for place, box in enumerate(boxes):
        assert 0 <= box.x <= flow_picture.WIDTH - flow_picture.BOX
        assert 0 <= box.y <= flow_picture.HEIGHT - flow_picture.TALL
        for other in boxes[place + 1 :]:
            beside = abs(box.x - other.x) >= flow_picture.BOX
            assert beside or abs(box.y - other.y) >= flow_picture.TALL


def test_an_arrow_that_no_process_writes_is_refused() -> None:
    with pytest.raises(ValueError, match="does not lead from decide to classify"):
        flow_picture._check(topics.CLASSIFIED, "decide", "classify")
