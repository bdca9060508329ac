"""Limits of XML from outside."""

import pytest

from streams.services.ddex import xml


def test_elements_are_counted_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_ELEMENTS", 10)
    assert len(xml.tree(b"<a>" + b"<b/>" * 9 + b"</a>")) == 9
    with pytest.raises(xml.WrongDdex, match="more than 10 elements"):
        xml.tree(b"<a>" + b"<b/>" * 10 + b"</a>")


def test_the_first_text_counts_by_the_order_of_the_paths() -> None:
    element = xml.tree(b"<a><b> </b><b>1</b><c><d>2</d></c></a>")
    assert xml.text(element, "c/d", "b") == "2"
    assert xml.text(element, "x", "b") == "1"
    assert xml.text(element, "d") is None
    assert xml.anywhere(element, "d") == "2"
