"""A new generator from a few tracks: its template, its clock, and not its source."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from detector.assessment.model import Model
from detector.errors import BadInput, ModelError
from detector.evidence.clock import standard_lattice
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation
from models.commands import RELEASED, app
from models.learning.few_shot import compare, write_candidate
from models.learning.few_shot_learning import clock_of, learn, noise_of, template
from models.learning.references import REFERENCES, References, unpack
from models.learning.reviewed import chosen
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through
from models.training.fusion import fuse
from models.training.scoring import score_all
from models.training.train import save
from streams.runtime.settings import Settings
from tests.support.makers import observed

BINS = 6_686
UNLISTED_HZ = 44_100 / 719  # a prime hop: on no list


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows four generators of two decoders, and six bands."""
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
    out = tmp_path_factory.mktemp("models") / "base"
    save(fused, [], out, name="base", version="1", seed=0)
    return out


def loaded(folder: Path) -> tuple[Model, References]:
    return Model.load(folder), unpack((folder / REFERENCES).read_bytes())


@lru_cache
def tracks(kind: str, count: int, first: int, line: int | None = 83) -> tuple[Observation, ...]:
    label = "human" if kind == "human" else "ai"
    return tuple(
        observed(label, kind, "org/new", seed, first_line=line).observation
        for seed in range(first, first + count)
    )


def outcomes(model: Model, observations: tuple[Observation, ...]) -> list[str]:
    return [one.outcome for one in model.assess(observations, 0.01)]


@pytest.mark.parametrize("shots", [3, 5])
def test_a_few_tracks_find_the_others_and_no_human(folder: Path, shots: int) -> None:
    model, references = loaded(folder)
    unseen, humans = tracks("new", 12, 700), tracks("human", 40, 5_000, None)
    assert outcomes(model, unseen).count("ai_likely") <= 2
    learned_generator = learn("new", tracks("new", shots, 600), (), model, references)
    assert outcomes(learned_generator.model, unseen).count("ai_likely") == len(unseen)
    assert outcomes(learned_generator.model, humans).count("ai_likely") <= 2
    (answer, *_) = learned_generator.model.assess(unseen, 0.01)
    assert answer.generator == "new"
    assert "the few known tracks of new" in " ".join(one.sentence for one in answer.evidence)
    assert learned_generator.rate is None


def test_what_was_known_before_is_answered_as_before(folder: Path) -> None:
    model, references = loaded(folder)
    learned_generator = learn("new", tracks("new", 4, 600), (), model, references)
    known = tuple(
        observed("ai", "maker 2", "org/2", seed, first_line=47, clock_hz=25.0).observation
        for seed in range(20, 26)
    )
    before, after = model.assess(known, 0.02), learned_generator.model.assess(known, 0.02)
    assert [one.outcome for one in before] == [one.outcome for one in after]
    assert [one.score for one in before] == [one.score for one in after]


def test_controls_of_the_same_source_keep_the_source_from_being_learned(folder: Path) -> None:
    """Everything from this site has one set of lines; the generator adds another."""
    model, references = loaded(folder)

    def of_site(seed: int, line: int | None) -> Observation:
        plain = observed("ai", "x", "org/new", seed, first_line=29).observation
        if line is None:
            return plain
        own = observed("ai", "x", "org/new", seed, first_line=line).observation
        return replace(plain, shares=np.maximum(plain.shares, own.shares))

    shots = [of_site(seed, 83) for seed in range(600, 605)]
    neighbours = tuple(of_site(seed, None) for seed in range(800, 820))
    unseen = tuple(of_site(seed, 83) for seed in range(900, 910))
    naive = learn("new", shots, (), model, references).model
    assert outcomes(naive, neighbours).count("ai_likely") > 10
    taught = learn("new", shots, neighbours[:8], model, references).model
    assert outcomes(taught, neighbours[8:]).count("ai_likely") <= 1
    assert outcomes(taught, unseen).count("ai_likely") >= 9


def test_bins_in_which_people_differ_count_less_and_controls_nothing() -> None:
    rng = np.random.default_rng(1)
    humans = 0.01 * rng.standard_normal((60, BINS)).astype(np.float32)
    humans[:, : BINS // 2] *= 5
    people = References(
        units=humans,
        whole=np.ones(60, np.float32),
        seconds=np.ones(60, np.float32),
        weights=np.ones(60, np.float32),
        rates_hz=np.full(60, 44_100, np.int32),
        populations=np.full(60, "full_rate"),
    )
    noise = noise_of(people)
    assert noise.mean() == pytest.approx(1)
    assert noise[: BINS // 2].mean() > 2 * noise[BINS // 2 :].mean()
    shots = np.full((3, BINS), 0.01, np.float32)
    controls = 0.01 * rng.standard_normal((4, BINS)).astype(np.float32) + np.float32(0.005)
    vector = template(shots, controls, noise, 20_000)
    assert np.abs(controls @ vector).max() < 0.01 * np.abs(controls).max() * BINS**0.5
    plain = template(shots, controls[:0], noise, 20_000)
    assert plain[BINS // 2 :].mean() > 2 * plain[: BINS // 2].mean()


def test_an_unlisted_clock_is_measured_and_added(folder: Path) -> None:
    model, references = loaded(folder)
    shots = [
        observed("ai", "new", "org/new", seed, clock_hz=UNLISTED_HZ).observation
        for seed in range(600, 604)
    ]
    learned_generator = learn("new", shots, (), model, references)
    assert learned_generator.rate is not None
    assert learned_generator.rate.hz == pytest.approx(UNLISTED_HZ, abs=1e-6)
    assert learned_generator.rate.known_for == ("new",)
    other = observed("ai", "new", "org/new", 700, clock_hz=UNLISTED_HZ).observation
    (answer,) = learned_generator.model.assess([other], 0.01)
    assert answer.outcome == "ai_likely"
    assert "61.34 Hz" in answer.evidence[0].sentence


def test_a_listed_clock_gets_the_name(folder: Path) -> None:
    model, references = loaded(folder)
    shots = [
        observed("ai", "new", "org/new", seed, clock_hz=50.0).observation
        for seed in range(600, 604)
    ]
    rate = learn("new", shots, (), model, references).rate
    assert rate is not None
    assert rate.hz == 50.0
    assert rate.known_for[-1] == "new"
    assert clock_of(tracks("human", 5, 5_000, None), model.lattice, "x") is None


def test_what_cannot_be_learned_is_refused_with_its_reason(folder: Path) -> None:
    model, references = loaded(folder)
    shots = list(tracks("new", 3, 600))
    with pytest.raises(BadInput, match="too_few: 3 tracks are needed, 2 can be used"):
        learn("new", shots[:2], (), model, references)
    lower = replace(shots[0], sample_rate_hz=22_050)
    with pytest.raises(BadInput, match="mixed_rates"):
        learn("new", [*shots, lower], (), model, references)
    with pytest.raises(BadInput, match="has no templates"):
        learn("new", shots, (), replace(model, template_set=None), references)
    assert Geometry(22_050) != shots[0].geometry


def test_a_candidate_is_written_and_answers_alike(folder: Path, tmp_path: Path) -> None:
    model, references = loaded(folder)
    shots = list(tracks("new", 4, 600))
    learned_generator = learn("new", shots, (), model, references)
    digests = {
        write_candidate(learned_generator, folder, tmp_path / "one" / "taught") for _ in range(2)
    }
    written, again = loaded(tmp_path / "one" / "taught")
    assert digests == {written.digest}
    assert (written.name, [one.name for one in written.learned]) == ("taught", ["new"])
    unseen = tracks("new", 6, 700)
    assert written.assess(unseen, 0.01) == learned_generator.model.assess(unseen, 0.01)
    further = learn("newer", list(tracks("newer", 3, 650, 61)), (), written, again)
    assert [one.name for one in further.model.learned] == ["new", "newer"]
    rows = compare("new", shots, (), model, references, learned_generator)
    assert (rows[0].tracks, rows[0].after) == (4, 4)
    assert rows[-1].after <= rows[-1].before + 3


def test_the_command_on_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for take in range(3):
        files.append(tmp_path / f"{take}.wav")
        painted = decode_through(render(40 + take, 13.0), RATE_HZ, (8, 8, 8), 5)
        write_audio(files[-1], painted)
    out = tmp_path / "taught"
    words = [*map(str, files), "--generator", "Painter", "--cache", str(tmp_path / "cache")]
    done = CliRunner().invoke(
        app, ["learn", *words, "--out", str(out), "--dry-run", "--workers", "1"]
    )
    assert done.exit_code == 0, done.output
    assert "dry run" in done.output
    assert "clock at 86.13 Hz" in done.output
    assert not out.exists()
    done = CliRunner().invoke(app, ["learn", *words, "--out", str(out), "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert Model.load(out).learned[0].name == "Painter"
    named = [one.hz for one in Model.load(out).lattice.rates if "Painter" in one.known_for]
    assert named == [pytest.approx(44_100 / 512, abs=1e-5)]
    monkeypatch.setattr(
        "models.learning.few_shot.ALPHA", 0.001
    )  # as a model of few recordings at 1 %
    done = CliRunner().invoke(app, ["learn", *words, "--out", str(out), "--workers", "1"])
    assert isinstance(done.exception, ModelError)
    assert "needs at least 999 human performances" in str(done.exception)


def test_reviewed_tracks_are_lessons_and_their_neighbours_controls(tmp_path: Path) -> None:
    rows = ["path,label,generator,source_repo"]
    rows += [f"/a/{number}.mp3,ai,NewTool,shop" for number in range(3)]
    rows += ["/a/other.mp3,ai,OldTool,shop", "/h/far.mp3,human,reviewed,elsewhere"]
    rows += [f"/h/{number}.mp3,human,reviewed,shop" for number in range(12)]
    (tmp_path / "reviewed.csv").write_text("\n".join(rows))
    tracks, controls = chosen(tmp_path / "reviewed.csv", "NewTool")
    assert tracks == [Path(f"/a/{number}.mp3") for number in range(3)]
    assert controls == [Path(f"/h/{number}.mp3") for number in range(10)]
    with pytest.raises(BadInput, match=r"no track of Else; AI: NewTool \(3\), OldTool \(1\)"):
        chosen(tmp_path / "reviewed.csv", "Else")
    (tmp_path / "empty.csv").write_text("path\n")
    with pytest.raises(BadInput, match="has no rows or lacks"):
        chosen(tmp_path / "empty.csv", "NewTool")


def test_the_model_that_learns_by_default_is_the_default_model() -> None:
    assert Settings().model == RELEASED
    assert (RELEASED / REFERENCES).stat().st_size < 1_500_000
