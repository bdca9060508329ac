"""Pictures that are slow to draw, or cannot be drawn, delay no other request."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from detector.errors import Transient
from streams.services import evidence_pictures
from streams.services.evidence_pictures import NoPicture, picture
from tests.support.console import Console
from tests.support.stories import tell


def test_while_one_is_drawn_few_wait_and_not_for_long(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_pictures, "WAIT_S", 0.5)
    monkeypatch.setattr(evidence_pictures, "_require_model", lambda model, decision: None)
    resources = console.resources
    decided, _ = tell(resources.ledger)

    def ask(_: int) -> float:
        began = time.monotonic()
        with pytest.raises(Transient):
            picture(resources.ledger, resources.store, Path(), decided, "png")
        return time.monotonic() - began

    with evidence_pictures.DRAWING, ThreadPoolExecutor(12) as pool:
        waited = list(pool.map(ask, range(12)))
    assert sum(one >= 0.5 for one in waited) < 12, "the others are sent away at once"


def test_no_process_starts_for_another_models_answer(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    resources = console.resources
    decided, _ = tell(resources.ledger)
    with pytest.raises(NoPicture, match="another model"):
        picture(resources.ledger, resources.store, resources.settings.model, decided, "png")
