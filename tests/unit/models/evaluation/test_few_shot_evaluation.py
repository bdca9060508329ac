"""Generators that are left out and taught again, as a whole model would meet them."""

from detector.evidence.clock import standard_lattice
from models.evaluation.few_shot_evaluation import MIN_TRACKS, measure
from models.training.fusion import fuse
from models.training.scoring import score_all
from models.training.template_fitting import Lines
from tests.support.makers import observed


def test_a_generator_with_lines_of_its_own_is_found_when_it_was_taught() -> None:
    """Two share a decoder, the third has its own; the fourth has too few tracks."""
    makers = (("one", 11, 8), ("two", 11, 8), ("new", 83, 8), ("few", 47, MIN_TRACKS - 1))
    recordings = [
        observed("ai", name, f"org/{name}", 100 * number + take, first_line=line)
        for number, (name, line, count) in enumerate(makers)
        for take in range(count)
    ]
    recordings += [
        observed("human", f"band {band}", f"org/band-{band}", 1_000 + 40 * band + take)
        for band in range(5)
        for take in range(24)
    ]
    lattice = standard_lattice()
    fused = fuse(score_all(recordings, lattice), lattice=lattice, branches=("clock", "templates"))
    figures = measure(fused, Lines.of(recordings), seed=1)
    rows = figures["generators"]
    assert sorted(rows) == ["new", "one", "two"]
    assert rows["new"]["unlearned"] < 0.3
    assert rows["new"]["3"]["found"] > 0.9
    assert rows["one"]["unlearned"] > 0.9  # its relative is known
    assert rows["new"]["5"]["controls"] is None  # no human recording of its repository
    assert figures["mean"]["unlearned_controls"] is None
