"""A released model: a folder whose every byte is accounted for, and what it answers.

    models/<name>/manifest.json        what it is, SHA-256 of the other files, figures
                 /weights.safetensors  calibration scores (and weights of learned branches)
                 /rates.toml           the lattice of decoder rates, with who is known for each
                 /CARD.md              what it is for, what it cannot do, measured figures

Nothing is unpickled. A file that does not match its SHA-256 stops the process. The
model's digest is the SHA-256 of its manifest, so it covers everything.
"""

import hashlib
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import safetensors
import safetensors.numpy
import torch

from detector import observation as observing
from detector.calibration import Calibration
from detector.clock import Lattice, Rate, score_segments, score_tracks
from detector.errors import ModelError
from detector.observation import Geometry, Observation
from detector.types import Assessment, Evidence, SegmentScore

MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "weights.safetensors"
RATES: Final = "rates.toml"

FULL_RATE_HZ: Final = (
    44_100  # lower rates are a population of their own: other decoders, other nulls
)
MIN_DURATION_S: Final = 5.0
MAX_SILENT_SHARE: Final = 0.95
SILENT_PEAK: Final = 10 ** (-60 / 20)
HUMAN_LIKELY_BELOW: Final = 0.2  # probability; and the p-value must not be small either
HUMAN_LIKELY_P: Final = 0.1
SEGMENT_PRESENT: Final = 1.0  # S at one fixed rate: 99 % of human segments lie below 0.6
COVERAGE_ALL: Final = 0.7
COVERAGE_PARTLY: Final = 0.45


def population(sample_rate_hz: int) -> str:
    """Return the population that a recording is calibrated in."""
    return "full_rate" if sample_rate_hz >= FULL_RATE_HZ else "low_rate"


@dataclass(frozen=True)
class Model:
    """A verified model; ``assess`` answers for batches of observations."""

    name: str
    version: str
    digest: str
    lattice: Lattice
    calibrations: dict[str, Calibration]
    device: torch.device

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "Model":
        """Load and verify a model folder.

        Raises:
            ModelError: a file is missing, altered, or made for another observation version.
        """
        try:
            manifest_bytes = (folder / MANIFEST).read_bytes()
            manifest = orjson.loads(manifest_bytes)
            files = {}
            for name, expected in manifest["files"].items():
                data = (folder / name).read_bytes()
                if hashlib.sha256(data).hexdigest() != expected:
                    raise ModelError(f"{folder / name} is not the released file (SHA-256 differs)")
                files[name] = data
            if manifest["observation_version"] != observing.VERSION:
                raise ModelError(
                    f"{folder.name} reads observation version {manifest['observation_version']}, "
                    f"this build makes version {observing.VERSION}"
                )
            tensors = safetensors.numpy.load(files[WEIGHTS])
            calibrations = {
                name: Calibration(
                    population=name,
                    human_scores=tensors[f"human_scores.{name}"],
                    slope=float(values["slope"]),
                    intercept=float(values["intercept"]),
                    clip=(float(values["clip"][0]), float(values["clip"][1])),
                )
                for name, values in manifest["calibration"].items()
            }
            return cls(
                name=str(manifest["name"]),
                version=str(manifest["version"]),
                digest=hashlib.sha256(manifest_bytes).hexdigest(),
                lattice=read_rates(files[RATES].decode()),
                calibrations=calibrations,
                device=torch.device(device),
            )
        except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
            raise ModelError(f"{folder} is not a model folder: {error!r}") from error

    def check_alpha(self, alpha: float) -> None:
        """Refuse an alpha that any population cannot support (ModelError)."""
        for calibration in self.calibrations.values():
            calibration.check_alpha(alpha)

    def assess(self, observations: Sequence[Observation], alpha: float) -> list[Assessment]:
        """Answer for each observation; the batch changes nothing in the answers.

        Args:
            observations: any mix of sample rates and lengths.
            alpha: false-positive rate that the operator accepts.
        """
        answers: dict[int, Assessment] = {}
        assessable: dict[Geometry, list[int]] = defaultdict(list)
        for index, observed in enumerate(observations):
            reason = reason_against(observed)
            if reason is None and population(observed.sample_rate_hz) not in self.calibrations:
                reason = "uncalibrated"
            if reason is None:
                assessable[observed.geometry].append(index)
            else:
                answers[index] = abstain(reason)
        for geometry, indexes in assessable.items():
            members = [observations[index] for index in indexes]
            answers.update(zip(indexes, self._score(members, geometry, alpha), strict=True))
        return [answers[index] for index in range(len(observations))]

    def _score(
        self, members: list[Observation], geometry: Geometry, alpha: float
    ) -> list[Assessment]:
        lines = torch.from_numpy(np.stack([one.clock for one in members])).to(self.device)
        groups = torch.tensor([one.groups for one in members], device=self.device)
        scores = score_tracks(lines, groups, geometry, self.lattice)
        calibration = self.calibrations[population(geometry.sample_rate_hz)]
        answers = []
        for one, score, best in zip(
            members, scores.score.tolist(), scores.best.tolist(), strict=True
        ):
            rate = self.lattice.rates[best]
            answer = _answer(score, rate, calibration, alpha)
            if answer.outcome == "ai_likely":
                answer = _locate(answer, one, rate)
            answers.append(answer)
        return answers


def reason_against(observed: Observation) -> str | None:
    """Return why an observation cannot be assessed, or None."""
    if observed.duration_s < MIN_DURATION_S:
        return "too_short"
    if len(observed.peaks) and float((observed.peaks < SILENT_PEAK).mean()) > MAX_SILENT_SHARE:
        return "silent"
    if not any(observed.groups):
        return "band_limited"
    return None


def abstain(reason: str) -> Assessment:
    """Return the answer of a detector that cannot know, with its reason."""
    return Assessment("not_assessable", reason, None, None, None, "Unknown", None, (), None, ())


def _answer(score: float, rate: Rate, calibration: Calibration, alpha: float) -> Assessment:
    score = round(score, 4)  # the last bits depend on the batch and the device; answers must not
    p_value = calibration.p_value(score)
    probability = calibration.probability(score)
    if p_value <= alpha:
        outcome, extent = "ai_likely", "All"
    elif p_value >= HUMAN_LIKELY_P and probability <= HUMAN_LIKELY_BELOW:
        outcome, extent = "human_likely", "None"
    else:
        outcome, extent = "uncertain", "Unknown"
    evidence = Evidence("clock", score, _sentence(score, rate, calibration), rate.hz)
    return Assessment(
        outcome=outcome,
        reason=None,
        score=score,
        probability=round(probability, 4),
        p_value=round(p_value, 5),
        extent=extent,
        coverage=None,
        segments=(),
        generator=None,
        evidence=(evidence,),
    )


def _sentence(score: float, rate: Rate, calibration: Calibration) -> str:
    strong, count = calibration.as_strong(score), len(calibration.human_scores)
    compared = f"{strong} of {count} human recordings have a pulse as strong"
    if calibration.p_value(score) >= HUMAN_LIKELY_P:
        return f"No decoder clock was found in the energy above 4.5 kHz; {compared}."
    known = (
        f", the frame rate of {_listed(rate.known_for)}"
        if rate.known_for
        else f", a rate that decoders can have ({rate.origin})"
    )
    return (
        f"The energy above 4.5 kHz pulses at exactly {rate.hz:.2f} Hz and its multiples{known}; "
        f"{compared}."
    )


def _listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence lists them; of many, the three best known."""
    if len(names) > 3:
        names = (*names[:3], "others")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _locate(answer: Assessment, observed: Observation, rate: Rate) -> Assessment:
    """Add the segments at the winning rate, and what they say about the extent."""
    scores = score_segments(torch.from_numpy(observed.timeline), rate.hz, observed.geometry)
    heights = scores.tolist()
    smooth = [float(np.median(heights[max(0, i - 1) : i + 2])) for i in range(len(heights))]
    coverage = float(np.mean([height > SEGMENT_PRESENT for height in smooth]))
    extent = answer.extent
    if len(smooth) >= 3:  # shorter tracks are one stretch
        extent = (
            "All"
            if coverage >= COVERAGE_ALL
            else "Partly"
            if coverage < COVERAGE_PARTLY
            else "Unknown"
        )
    segments = tuple(
        SegmentScore(round(start, 2), round(end, 2), round(height, 3))
        for (start, end), height in zip(segment_times(observed), heights, strict=True)
    )
    return replace(answer, extent=extent, coverage=round(coverage, 3), segments=segments)


def segment_times(observed: Observation) -> list[tuple[float, float]]:
    """Return start and end of each timeline segment in seconds; they overlap by half."""
    half = observed.geometry.segment_s / 2
    edges = [index * half for index in range(len(observed.timeline) + 2)]
    return [
        (start, min(start + 2 * half, observed.duration_s))
        for start, _ in list(pairwise(edges))[: len(observed.timeline)]
    ]


def read_rates(text: str) -> Lattice:
    """Read ``rates.toml``: tables ``[[rate]]`` with hz, penalty, origin, known_for."""
    return Lattice(
        tuple(
            Rate(
                hz=float(row["hz"]),
                penalty=float(row["penalty"]),
                origin=str(row["origin"]),
                known_for=tuple(str(name) for name in row.get("known_for", ())),
            )
            for row in tomllib.loads(text)["rate"]
        )
    )


def write_rates(lattice: Lattice) -> str:
    """Return the text of ``rates.toml``."""
    lines = ["# Candidate clock rates of neural decoders; a new generator is one measured rate."]
    for rate in lattice.rates:
        lines += [
            "",
            "[[rate]]",
            f"hz = {rate.hz!r}",
            f"penalty = {rate.penalty!r}",
            f"origin = {orjson.dumps(rate.origin).decode()}",
        ]
        if rate.known_for:
            lines.append(f"known_for = {orjson.dumps(list(rate.known_for)).decode()}")
    return "\n".join(lines) + "\n"
