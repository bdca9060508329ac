"""Pictures of evidence, and the words that are drawn."""

import re
from html import unescape
from pathlib import Path

from detector.assessment.model import Model
from detector.explain.picture import Picture, picture_of
from detector.observation.observation import Observer
from detector.types import FloatArray, Rates
from models.synthesis.music import RATE_HZ
from tests.support.paths import MODELS

RELEASED = MODELS / "clock-5"


def pictured(samples: FloatArray, model: Model, title: str = "a track.flac") -> Picture:
    observer = Observer(RATE_HZ)
    observer.feed(samples)
    observation = observer.finish()
    (answer,) = model.assess([observation], Rates())
    humans = model.calibrations["full_rate"].looks["clock"]
    return picture_of(title, observation, answer, humans, "full_rate", 0.01)


def text_of(svg: Path) -> str:
    """The words of an SVG in reading order, joined where a sentence wraps."""
    hits = re.findall(r"<text[^>]*>(.*?)</text>", svg.read_text(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", one)).strip() for one in hits)
