"""A model of made-up generators, and tracks of one that it does not know."""

from functools import lru_cache
from pathlib import Path

from detector.assessment.model import Model
from detector.evidence.clock import standard_lattice
from detector.observation.observation import Observation
from models.learning.references import REFERENCES, References, unpack
from models.training.fusion import fuse
from models.training.scoring import score_all
from models.training.train import save
from tests.support.makers import observed


def base_model(out: Path) -> None:
    """Save a model that knows four generators of two decoders, and six bands."""
    recordings = [
        observed("ai", f"maker {number}", f"org/{number}", 10 * number + take,
                 first_line=(11, 11, 47, 47)[number], clock_hz=(50.0, None, 25.0, None)[number])
        for number in range(4)
        for take in range(5)
    ]  # fmt: skip
    recordings += [
        observed("human", f"band {band}", f"org/band-{band}", 1_000 + 40 * band + take)
        for band in range(6)
        for take in range(24)
    ]
    fused = fuse(score_all(recordings, standard_lattice()), lattice=standard_lattice())
    save(fused, [], out, name="base", version="1", seed=0)


def loaded(folder: Path) -> tuple[Model, References]:
    return Model.load(folder), unpack((folder / REFERENCES).read_bytes())


@lru_cache
def tracks(kind: str, count: int, first: int, line: int | None = 83) -> tuple[Observation, ...]:
    label = "human" if kind == "human" else "ai"
    return tuple(
        observed(label, kind, "org/new", seed, first_line=line).observation
        for seed in range(first, first + count)
    )
