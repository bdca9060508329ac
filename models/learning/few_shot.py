"""The command ``earmark learn``: files in, a candidate model and what changes with it out.

Old and new model are compared on tracks that the judging template does not know. A candidate is
refused where it finds nothing, or the source (the controls) and not the generator.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
import safetensors.numpy

from detector.assessment.model import MANIFEST, RATES, WEIGHTS, Model, narrowed
from detector.calibration.applicability import abstention_reason
from detector.errors import BadInput
from detector.evidence.rates import write_rates
from detector.observation.observation import Observation
from detector.types import Rates
from models.learning.data import AI, HUMAN, Track, file_sha256
from models.learning.few_shot_learning import LearnedGenerator, learn
from models.learning.folder import tensors_of_scores, write
from models.learning.observations import observe
from models.learning.references import REFERENCES, References, unpack

ALPHA: Final = 0.01
CONTROLS: Final = "controls"  # the name of their row
MOST_CONTROLS: Final = 0.05  # flagged, each left out
LEAST_SHOTS: Final = 0.5  # found, each left out


@dataclass(frozen=True)
class Compared:
    """How many of a group the old and the new model flag."""

    group: str
    tracks: int
    before: int
    after: int


@dataclass(frozen=True)
class Candidate:
    """What ``earmark learn`` prints: the comparison, what was left out, and the folder."""

    learned_generator: LearnedGenerator
    compared: tuple[Compared, ...]
    left_out: tuple[str, ...]
    folder: Path | None
    digest: str | None

    def doubts(self) -> list[str]:
        """Return why the comparison is weak evidence."""
        return doubts_about(self.compared)

    def report(self) -> str:
        """Return it for people."""
        template = self.learned_generator.template
        rate = self.learned_generator.rate
        clock = (
            "no clock that all its tracks share"
            if rate is None
            else f"clock at {rate.hz:.2f} Hz ({rate.origin})"
        )
        lines = [
            f"{template.name}: {template.tracks} tracks ({template.population}); {clock}",
            *self.left_out,
            *self.doubts(),
            f"{'each judged without itself':34s}{'tracks':>8s}{'before':>8s}{'after':>8s}",
        ]
        lines += [
            f"  {row.group:32s}{row.tracks:8d}{row.before:8d}{row.after:8d}"
            for row in self.compared
        ]
        end = (
            "dry run: nothing was written"
            if self.folder is None
            else f"{self.folder}: sha256 {self.digest}"
        )
        return "\n".join([*lines, end])


def doubts_about(compared: Sequence[Compared]) -> list[str]:
    """Return why a comparison is weak evidence that the generator was learned."""
    shots, *others = compared
    doubts = []
    if not any(row.group == CONTROLS for row in others):
        doubts.append(
            "one source and no controls: this may be how the source publishes, and not the "
            "generator. Give --controls, human recordings from the same source"
        )
    if shots.before == shots.tracks:
        doubts.append("the model finds all of these tracks already: nothing was gained")
    return doubts


def learn_from_files(
    name: str,
    files: Sequence[Path],
    controls: Sequence[Path],
    folder: Path,
    out: Path | None,
    *,
    cache: Path,
    workers: int,
) -> Candidate:
    """Learn a generator from files; write the candidate to ``out``, unless that is None.

    Raises:
        BadInput: too few tracks that can be used, ``controls`` that would be flagged, or
            ``no_trace`` where the tracks would not find each other.
        ModelError: the model knows too few human recordings to be compared at 1 %.
    """
    model = Model.load(folder)
    if not (folder / REFERENCES).is_file():
        raise BadInput("manifest", f"{folder} has no {REFERENCES}: it cannot learn")
    references = unpack((folder / REFERENCES).read_bytes())
    shots, rejected = _assessable(files, AI, name, cache, workers)
    assessed_controls, rejected_controls = _assessable(controls, HUMAN, "controls", cache, workers)
    learned_generator = learn(name, shots, assessed_controls, model, references)
    model.calibrations[learned_generator.template.population].check_rates(Rates(ALPHA))
    compared = compare(name, shots, assessed_controls, model, references, learned_generator)
    _check(compared, name)
    digest = None if out is None else write_candidate(learned_generator, folder, out, compared)
    return Candidate(learned_generator, compared, (*rejected, *rejected_controls), out, digest)


def _assessable(
    files: Sequence[Path], label: str, maker: str, cache: Path, workers: int
) -> tuple[list[Observation], list[str]]:
    """Return what can be assessed, each content once, and a note on each file that cannot."""
    tracks: dict[str, Track] = {}
    for path in files:
        if not path.is_file():
            raise BadInput("manifest", f"{path} is no file")
        track = Track(path, label, maker, maker, file_sha256(path))
        tracks.setdefault(track.sha256, track)
    observed, rejected = observe(list(tracks.values()), cache, workers)
    notes = [f"left out: {item.track.path.name}: {item.reason}" for item in rejected]
    used = []
    for item in observed:
        reason = abstention_reason(item.observation)
        if reason is None:
            used.append(item.observation)
        else:
            notes.append(f"left out: {item.track.path.name}: {reason}")
    return used, notes


def compare(
    name: str,
    shots: Sequence[Observation],
    controls: Sequence[Observation],
    model: Model,
    references: References,
    learned_generator: LearnedGenerator,
) -> tuple[Compared, ...]:
    """Return how many tracks, controls and reference recordings each model flags at 1 %."""
    rows = [Compared(f"tracks of {name}", len(shots), _flagged(model, shots), 0)]
    for index, shot in enumerate(shots):
        rest = [*shots[:index], *shots[index + 1 :]]
        without = learn(name, rest, controls, model, references, least=2).model
        rows[0] = replace(rows[0], after=rows[0].after + _flagged(without, [shot]))
    if controls:
        rows.append(Compared(CONTROLS, len(controls), _flagged(model, controls), 0))
    for index, control in enumerate(controls):
        rest = [*controls[:index], *controls[index + 1 :]]
        without = learn(name, shots, rest, model, references).model
        rows[1] = replace(rows[1], after=rows[1].after + _flagged(without, [control]))
    population_name = learned_generator.template.population
    own = references.populations == population_name
    before = model.calibrations[population_name].humans
    changed = learned_generator.model.calibrations[population_name].humans
    # under the old threshold: what the new look adds to false positives before the null follows
    bar = before.bar(ALPHA)
    rows.append(
        Compared(
            f"human recordings ({population_name})",
            int(own.sum()),
            int((before.values >= bar).sum()),
            int((changed.values >= bar).sum()),
        )
    )
    return tuple(rows)


def _flagged(model: Model, observations: Sequence[Observation]) -> int:
    return sum(one.finds_ai for one in model.assess(observations, Rates(ALPHA)))


def _check(compared: Sequence[Compared], name: str) -> None:
    """Refuse what would find the source instead of the generator, or nothing."""
    shots = compared[0]
    if shots.after < LEAST_SHOTS * shots.tracks:
        raise BadInput(
            "no_trace",
            f"of the {shots.tracks} tracks of {name} the others find only {shots.after}: it leaves "
            "no trace that they share. More tracks, or longer ones, may help",
        )
    for row in compared[1:]:
        if row.group == CONTROLS and row.after > MOST_CONTROLS * row.tracks:
            raise BadInput(
                "controls",
                f"{row.after} of {row.tracks} controls would be called {name}: what was learned is "
                "how this source publishes, not the generator. More controls may help",
            )


def write_candidate(
    learned_generator: LearnedGenerator, folder: Path, out: Path, compared: Sequence[Compared]
) -> str:
    """Write the candidate: the old folder with one more template; return its digest.

    Its manifest and card have the comparison of this generator, and of those learned before.
    """
    manifest: dict[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
    tensors = safetensors.numpy.load((folder / WEIGHTS).read_bytes())
    tensors = {key: value for key, value in tensors.items() if "learned." not in key}
    model = learned_generator.model
    for population_name, calibration in model.calibrations.items():
        tensors |= tensors_of_scores(population_name, calibration.humans)
    for index, learned in enumerate(model.learned):
        vector, step = narrowed(learned.vector[None])
        tensors[f"learned.{index}.vector"], tensors[f"learned.{index}.step"] = vector[0], step
        tensors |= tensors_of_scores(f"learned.{index}", learned.humans)
    manifest["learned"] = [
        {
            "name": learned.name,
            "population": learned.population,
            "sample_rates_hz": list(learned.sample_rates_hz),
            "rate_hz": learned.rate_hz,
            "scale": asdict(learned.humans.scale),
            "tracks": learned.tracks,
        }
        for learned in model.learned
    ]
    manifest["learned_from"] = {
        "name": manifest["name"],
        "digest": hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest(),
    }
    manifest["taught"] = manifest.get("taught", {}) | {
        learned_generator.template.name: {
            "compared": [asdict(row) for row in compared],
            "doubts": doubts_about(compared),
        }
    }
    manifest["name"] = out.name
    parts = {
        WEIGHTS: safetensors.numpy.save(tensors),
        RATES: write_rates(model.lattice).encode(),
        REFERENCES: (folder / REFERENCES).read_bytes(),
    }
    return write(out, manifest, parts)
