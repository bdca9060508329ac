"""The step from a candidate to what is served: made again, and every gate shut once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from detector.assessment.model import MANIFEST, Model
from detector.errors import BadInput, ModelError
from detector.evidence.clock import standard_lattice
from models.evaluation.release import check, release, reproduce
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through
from models.training.fusion import Fused, fuse
from models.training.scoring import score_all
from models.training.train import save, train
from tests.support.makers import observed
from tests.support.manifests import write_manifest
from tests.support.paths import MODELS


def fused_of(kbit_ai: float = 192.0, kbit_human: float = 192.0) -> Fused:
    """Four generators and five bands, all published alike unless bit rates say otherwise."""
    recordings = [
        observed("ai", f"maker {number}", f"org/{number}", 100 * number + take,
                 clock_hz=(50.0, 25.0, 86.1328125, 50.0)[number],
                 kbit=kbit_ai + (take % 3) * 16)
        for number in range(4)
        for take in range(30)
    ] + [
        observed("human", f"band {band}", f"org/band-{band}", 1_000 + 100 * band + take,
                 kbit=kbit_human + (take % 3) * 16)
        for band in range(5)
        for take in range(30)
    ]  # fmt: skip
    lattice = standard_lattice()
    return fuse(score_all(recordings, lattice), lattice=lattice, branches=("clock",))


@pytest.fixture(scope="module")
def fused() -> Fused:
    return fused_of()


def changed(fused: Fused, score: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Fused:
    return replace(
        fused,
        scored=[
            replace(one, score=float(value)) for one, value in zip(fused.scored, score, strict=True)
        ],
    )


def test_what_is_fit_to_be_released_passes(fused: Fused) -> None:
    gates = check(fused, seed=0)["full_rate"]
    assert gates["permuted_auroc"] == pytest.approx(0.5, abs=0.1)
    assert gates["confounds"]["weighed"]["auroc"] > 0.95


def test_swapped_classes_are_refused(fused: Fused) -> None:
    scores = np.array([-one.score for one in fused.scored])
    with pytest.raises(BadInput, match="polarity"):
        check(changed(fused, scores), seed=0)


def test_swapped_labels_that_templates_have_learned_are_refused_by_the_clock(fused: Fused) -> None:
    """The score follows the labels, as it does when templates were taught with them."""
    swapped = [
        replace(one, observed=replace(one.observed, track=replace(
            one.observed.track, label="human" if one.is_ai else "ai")))
        for one in fused.scored
    ]  # fmt: skip
    taught = replace(fused, scored=swapped)
    scores = np.array([2.0 * one.is_ai for one in swapped])
    with pytest.raises(BadInput, match="which no label has taught"):
        check(changed(taught, scores), seed=0)


def test_scores_of_one_maker_above_all_others_are_refused(
    fused: Fused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With so few makers that the deals do not even out, the permutations say so."""
    few = replace(fused, scored=[one for one in fused.scored if one.maker[-1] in "01"])
    scores = np.array([100.0 * (one.maker == "maker 0") + one.is_ai for one in few.scored])
    monkeypatch.setattr("models.evaluation.evaluate.PERMUTATIONS", 1)
    with pytest.raises(BadInput, match="permutation"):
        check(changed(few, scores), seed=0)


def test_a_class_with_bit_rates_of_its_own_is_refused() -> None:
    with pytest.raises(BadInput, match="confounds"):
        check(fused_of(kbit_ai=320.0, kbit_human=96.0), seed=0)


def test_a_candidate_is_made_again_byte_for_byte(fused: Fused, tmp_path: Path) -> None:
    digest = save(fused, [], tmp_path / "c", name="c", version="1", seed=3).digest
    described = orjson.loads((tmp_path / "c" / MANIFEST).read_bytes())
    assert reproduce(fused, [], described) == digest
    assert described["features_digest"] != described["data"]["digest"]
    reference = described["reference"]["full_rate"]
    assert (sum(reference["ai"]), sum(reference["human"])) == (120, 150)
    fewer = replace(fused, scored=fused.scored[1:])
    with pytest.raises(BadInput, match="data: the manifest lists other recordings"):
        reproduce(fewer, [], described)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    rows = []
    for maker in range(2):
        for take in range(2):
            played = render(10 * maker + take, 6.0)
            write_audio(root / f"human-{maker}-{take}.wav", played)
            rows.append((f"human-{maker}-{take}.wav", "human", f"band {maker}", f"org/h{maker}"))
            painted = decode_through(played, RATE_HZ, (8, 8, 8), maker)
            write_audio(root / f"ai-{maker}-{take}.wav", painted)
            rows.append((f"ai-{maker}-{take}.wav", "ai", f"decoder {maker}", f"org/a{maker}"))
    write_manifest(root / "manifest.csv", rows)
    train(
        root / "manifest.csv", root, root / "candidate", name="tiny", version="1", seed=0,
        cache=root / "cache", cells=root / "cells", workers=1, branches=("clock",),
    )  # fmt: skip
    return root


def released(corpus: Path, candidate: Path, out: Path) -> None:
    release(
        candidate, corpus / "manifest.csv", corpus, out, version="1", cache=corpus / "cache",
        cells=corpus / "cells",        workers=1,
    )  # fmt: skip


def rewritten(corpus: Path, folder: Path, **values: object) -> Path:
    folder.mkdir()
    for path in (corpus / "candidate").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    described = orjson.loads((folder / MANIFEST).read_bytes()) | values
    (folder / MANIFEST).write_bytes(orjson.dumps(described))
    return folder


def test_other_code_or_another_seed_is_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="was trained by other code"):
        released(corpus, rewritten(corpus, tmp_path / "a", code_digest="0" * 64), tmp_path / "out")
    with pytest.raises(BadInput, match="digest: made again"):
        released(corpus, rewritten(corpus, tmp_path / "b", branches=["clock"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_altered_candidate_is_refused(corpus: Path, tmp_path: Path) -> None:
    folder = rewritten(corpus, tmp_path / "a")
    (folder / "rates.toml").write_text("# nothing\n")
    with pytest.raises(ModelError, match="is not the released file"):
        released(corpus, folder, tmp_path / "out")


def test_what_is_served_has_passed_the_gates() -> None:
    """The models of this repository: released, and with what was measured then."""
    root = MODELS
    for name in ("ensemble-5", "clock-5"):
        described = orjson.loads((root / name / MANIFEST).read_bytes())
        gates = described["release"]["gates"]
        assert set(gates) == set(Model.load(root / name).calibrations)
        for gate in gates.values():
            assert abs(gate["permuted_auroc"] - 0.5) < 0.1
            assert gate["confounds"]["weighed"]["probe_auroc"] < 0.6
            songs = gate["songs"]
            assert songs["flagged"]["0.01"] <= max(2, songs["performances"] / 100)
        assert sum(path.stat().st_size for path in (root / name).iterdir()) < 6_000_000
