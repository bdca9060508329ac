"""The evaluation on made-up makers: one generator with a clock, two relatives with lines."""

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.assessment.model import Model
from detector.errors import BadInput
from detector.evidence.clock import Lattice, standard_lattice
from detector.types import FloatArray
from models.commands import RELEASED
from models.evaluation import evaluate, measures, nested
from models.evaluation.card_measurements import blocks as card_blocks
from models.evaluation.document import markdown, page
from models.evaluation.held_out_scores import scores_csv
from models.evaluation.nested import Constants, measured
from models.evaluation.report import blocks
from models.training import fpr_by_stratum
from models.training.detection_tables import p_values
from models.training.fusion import fuse
from models.training.metrics import auroc
from models.training.scoring import Population, Scored, assessable, score_all
from models.training.template_fitting import MIN_TRACKS, Lines
from tests.support.makers import observed

# Fewer rates than are looked at in earnest: every measure here takes a time of each.
LATTICE = Lattice(
    tuple(
        rate for n, rate in enumerate(standard_lattice().rates) if rate.penalty == 0 or n % 6 == 0
    )
)


@lru_cache
def heard() -> tuple[Scored, ...]:
    """Six generators: two with a clock, three with the lines of one decoder, one with both."""
    makers: list[tuple[str, float | None, int | None]] = [
        ("ticks", 50.0, None), ("ticks too", 43.06640625, None), ("lines", None, 11),
        ("same lines", None, 11), ("lines again", None, 11), ("both", 25.0, 11),
    ]  # fmt: skip
    tracks = [
        observed("ai", maker, f"org/{maker} {take % 2}", 10 * number + take,
                 clock_hz=clock_hz, first_line=line)
        for number, (maker, clock_hz, line) in enumerate(makers)
        for take in range(6)
    ]  # fmt: skip
    tracks += [
        observed("human", f"band {band}", f"org/band {band}", 200 + 40 * band + take)
        for band in range(4)
        for take in range(26)
    ]
    return tuple(fuse(score_all(tracks, LATTICE), lattice=LATTICE).scored)


@lru_cache
def model() -> Model:
    return Model.load(RELEASED)


def population() -> Population:
    return assessable(heard(), "full_rate")


@lru_cache
def figures() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.evaluation.baselines.fakeprints", no_sound)
        return evaluate.subset_figures(heard(), population(), model(), Path("unused"), 1)


def no_sound(tracks: list[object], name: str, cache: Path) -> FloatArray:
    return np.random.default_rng(1).random((len(tracks), 30)).astype(np.float32)


@lru_cache
def halved() -> list[dict[str, Any]]:
    return nested.nested(population(), LATTICE, (1,))


def test_each_branch_finds_what_the_other_misses() -> None:
    """Removing a branch fails this."""
    rows = figures()["baselines"]
    assert rows["this model"]["tpr_at_0.01"] == 1
    assert rows["clock alone"]["tpr_at_0.01"] < 0.6  # those with lines only are missed
    assert rows["templates alone"]["tpr_at_0.01"] < 0.8  # those with a clock only are missed
    generators = figures()["generators"]
    assert {row["flagged_at_5"] for row in generators.values()} == {1.0}


def test_simple_rules_are_at_chance_where_there_is_nothing_to_know() -> None:
    rows = figures()["baselines"]
    for name in ("bit rate", "mean spectrum", "fakeprint"):
        assert rows[name]["tpr_at_0.01"] < 0.3, name
        assert rows[name]["auroc"] < 0.75, name
    assert not figures()["confounds"]["confounded"]
    assert figures()["permuted_auroc"] == pytest.approx(0.5, abs=0.12)


def test_shuffled_labels_are_seen() -> None:
    """Labels dealt out at random between makers leave nothing of the figures."""
    names = sorted({one.group for one in heard()})
    rng = np.random.default_rng(3)
    dealt = dict(zip(names, rng.permutation([True] * 6 + [False] * (len(names) - 6)), strict=True))
    ai = np.array([one.score for one in heard() if dealt[one.group]])
    human = np.array([one.score for one in heard() if not dealt[one.group]])
    assert auroc(ai, human) < 0.9 < figures()["auroc"]


def test_swapped_classes_are_refused() -> None:
    swapped = Population("full_rate", population().tracks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scored, "is_ai", property(lambda one: one.observed.track.label == "human"))
        with pytest.raises(BadInput, match="labels swapped"):
            evaluate.subset_figures(heard(), swapped, model(), Path("unused"), 1)


def test_probabilities_and_outcomes() -> None:
    figures = measures.probability_figures(population())
    assert figures["brier"] < 0.1
    assert figures["ece"] < 0.2
    assert sum(one["tracks"] for one in figures["bins"]) == len(heard())
    many = population()
    everywhere = np.ones(len(many.tracks), bool)
    outcomes = measures.outcomes(many, p_values(heard()), 0.01, everywhere)
    nowhere = measures.outcomes(many, p_values(heard()), 0.01, ~everywhere)
    assert nowhere["human"]["human_likely"] == 0
    for shares in outcomes.values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert outcomes["ai"]["ai_likely"] > 0.9
    assert outcomes["human"]["ai_likely"] <= 0.02


def test_the_constants_measured_apart_give_the_released_scores() -> None:
    lines = measured(heard(), LATTICE)
    plausible = np.array([rate.penalty == 0 for rate in LATTICE.rates])
    scores = lines.scores(Constants(), plausible)
    assert scores.max(axis=1) == pytest.approx([one.clock for one in heard()], abs=1e-3)
    other = lines.scores(Constants(contrast=1.0, penalty=2.0), plausible)
    assert np.abs(other - scores).max() > 0.5


def test_halves_keep_everything_that_belongs_together() -> None:
    for seed in range(4):
        first = nested.halves(heard(), seed)
        for key in ("maker", "group"):
            sides: dict[str, set[bool]] = {}
            for track, side in zip(heard(), first, strict=True):
                sides.setdefault(getattr(track, key), set()).add(bool(side))
            assert all(len(side) == 1 for side in sides.values())
        for ai in (True, False):
            own = first[[track.is_ai is ai for track in heard()]]
            assert 0.3 < own.mean() < 0.7


def test_nested_figures_judge_only_strangers() -> None:
    rows = halved()
    assert len(rows) == 2
    for row in rows:
        for label in ("ai", "human"):
            assert not set(row["chosen_on"][label]) & set(row["judged"][label])
        assert row["fused"]["auroc"] > 0.9
        assert 0 <= row["fused"]["frozen_0.05_fpr"] < 0.3
    chosen = {hz for row in rows for hz in row["plausible_hz"]}
    assert chosen <= {50.0, 43.0664, 25.0}  # nothing but what the half's generators run on


def test_halves_of_which_no_template_can_be_made_are_passed_over() -> None:
    counts: Counter[str] = Counter()
    few = []
    for track in population().tracks:
        counts[track.group] += track.is_ai
        if counts[track.group] < MIN_TRACKS:
            few.append(track)
    assert nested.nested(Population("full_rate", tuple(few)), LATTICE, range(1)) == []


@lru_cache
def unseen() -> dict[str, Any]:
    lines = Lines.of([one.observed for one in heard()])
    return nested.decoders_unseen(population(), lines, LATTICE)


def test_with_the_decoder_unknown_its_relatives_are_no_help() -> None:
    rows = unseen()["generators"]
    assert set(rows["lines"]["templates_taken"]) == {"same lines", "lines again", "both"}
    assert rows["ticks"]["templates_taken"] == []
    assert rows["ticks"]["rates_hz"] == [50.0]
    assert rows["ticks"]["listed"]["tpr_at_0.01"] == 1  # at a price the clock is still seen
    assert rows["lines"]["listed"]["tpr_at_0.01"] < 0.7  # with lines alone it hardly is
    assert rows["ticks"]["unlisted"]["auroc"] <= rows["ticks"]["listed"]["auroc"]


def test_false_positives_are_counted_by_length() -> None:
    p = np.where([one.is_ai for one in heard()], 0.001, 0.5)
    rows = {row["from_s"]: row for row in fpr_by_stratum.by_duration(heard(), p)}
    assert rows[12.0]["human"] + rows[12.0]["ai"] == len(heard())  # all are 20 s
    assert rows[12.0]["fpr"]["0.05"] == 0
    assert rows[12.0]["tpr"]["0.01"] == 1
    assert rows[60.0]["to_s"] is None
    assert rows[60.0]["fpr"]["0.01"] is None


def test_names_are_judged_without_the_tracks_repository() -> None:
    figures = measures.attribution(heard())
    assert figures["known"]["tracks"] == 36  # each generator stands in two repositories
    sharers = {"lines", "same lines", "lines again", "both"}
    assert figures["known"]["wrong"] > 0
    assert all(set(members) <= sharers for members in figures["families"])  # one decoder
    counted = measures.families(
        Counter({("a", "a"): 6, ("a", "b"): 4, ("c", "c"): 9, ("c", ""): 1})
    )
    assert counted == [["a", "b"]]


def test_report_and_scores() -> None:
    data = {
        "listed": {"ai": 36, "human": 120}, "suspects": [], "unheard": [],
        "not_used": 0,
        "used": {
            label: {"tracks": 1, "performances": 1, "makers": 1, "repositories": 1, "hours": 1.0}
            for label in ("ai", "human")
        },
    }  # fmt: skip
    everything = {
        "model": {"name": "x<y", "version": "1", "digest": "d"},
        "data": data,
        "subsets": {"44.1 kHz and up": figures()},
        "nested": {"44.1 kHz and up": halved()},
        "attribution": measures.attribution(heard()),
        "unseen_decoders": {"44.1 kHz and up": unseen()},
        "suspects": {
            "44.1 kHz and up": {
                "suspects": 19,
                "flagged": {"0.01": 19},
                "fpr_without": {"0.01": 0.005},
                "fpr_with": {"0.01": 0.09},
            }
        },
        "as_released": {},
    }
    report = blocks(everything, details=True)
    text, html = markdown(report), page("x<y", report)
    assert "labels permuted" in text
    assert "judged on the other" in text
    assert html.count("<svg") == 4
    assert "x&lt;y" in html
    # nothing is fetched: no addresses but the names of XML's vocabularies
    assert not re.search(r"""(src|href)=["']https?:|@import|<script|<link""", html)
    card = markdown(card_blocks(everything, None, "x<y"))
    assert "| this model |" in card
    assert "is within chance) and" in card
    assert "would be 9.0 % instead of 0.5 % at 1%" in card
    assert "Decoder unseen as well" in card
    assert "confounded as delivered" in card or "below the limit" in card
    rows = scores_csv(heard(), p_values(heard()), Path.cwd()).splitlines()
    assert len(rows) == 1 + len(heard())
    assert rows[0].startswith("path,sha256,label,maker,repository")
