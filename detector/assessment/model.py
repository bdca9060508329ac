"""A released model: a folder whose every byte is accounted for, and what it answers.

    models/<name>/manifest.json        what it is, SHA-256 of the other files, figures
                 /weights.safetensors  calibration scores, templates of generators
                 /rates.toml           the lattice of decoder rates, with who is known for each
                 /CARD.md              what it is for, what it cannot do, measured figures

Nothing is unpickled. A file that does not match its SHA-256 stops the process. The model's digest
is the SHA-256 of its manifest, which names the branches (``detector.evidence.registry``).
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from detector.assessment.answer import abstain, answer
from detector.calibration.applicability import abstention_reason
from detector.calibration.calibration import Calibration, HumanScores, LengthScale
from detector.calibration.ood import Likeness
from detector.errors import ModelError
from detector.evidence.arrays import CPU, check_device, on_device
from detector.evidence.branch import SCORE_DIGITS, BranchScores, Recording
from detector.evidence.clock import ClockFinding, Lattice, score_tracks
from detector.evidence.combination import search, statistics_of
from detector.evidence.families import Families
from detector.evidence.rates import read_rates
from detector.evidence.registry import checked
from detector.evidence.templates import (
    SCALES,
    Attribution,
    FixedLines,
    Learned,
    TemplateSet,
    residual,
)
from detector.observation import observation as observing
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation
from detector.types import Assessment, FloatArray, Rates

__all__ = ["Model", "abstain", "population"]

MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "weights.safetensors"
RATES: Final = "rates.toml"

SEARCHED_TOGETHER: Final = 8  # recordings: 2 MB each; more are no quicker
FULL_RATE_HZ: Final = 44_100  # lower rates are a population of their own: other decoders and nulls


def population(sample_rate_hz: int) -> str:
    """Return the population that a recording is calibrated in."""
    return "full_rate" if sample_rate_hz >= FULL_RATE_HZ else "low_rate"


@dataclass(frozen=True)
class Model:
    """A verified model; ``assess`` answers for batches of observations."""

    name: str
    version: str
    digest: str
    branches: tuple[str, ...]
    lattice: Lattice
    calibrations: dict[str, Calibration]
    device: str
    template_set: TemplateSet | None = None
    attribution: Attribution | None = None
    learned: tuple[Learned, ...] = ()
    likeness: Likeness | None = None
    families: Families | None = None

    @classmethod
    def load(cls, folder: Path, device: str = CPU) -> "Model":
        """Load and verify a model folder; ``device``: see ``detector.evidence.arrays``.

        Raises:
            ModelError: a file is missing, altered, or made for another observation version, or
                the device needs PyTorch, which is not installed.
        """
        check_device(device)
        try:
            manifest_bytes = (folder / MANIFEST).read_bytes()
            manifest = orjson.loads(manifest_bytes)
            files = _verified(folder, manifest)
            tensors = safetensors.numpy.load(files[WEIGHTS])
            branches = checked(manifest["branches"])
            if list(branches) != manifest["branches"]:
                raise ValueError(f"branches {manifest['branches']}, not {branches}")
            with_templates = "templates" in branches
            return cls(
                name=str(manifest["name"]),
                version=str(manifest["version"]),
                digest=hashlib.sha256(manifest_bytes).hexdigest(),
                branches=branches,
                lattice=read_rates(files[RATES].decode()),
                calibrations={
                    name: _calibration(name, values, tensors, statistics_of(branches))
                    for name, values in manifest["calibration"].items()
                },
                device=device,
                template_set=_template_set(manifest["templates"], tensors)
                if with_templates
                else None,
                attribution=_attribution(manifest["templates"]) if with_templates else None,
                learned=_learned(manifest.get("learned", []), tensors) if with_templates else (),
                likeness=_likeness(manifest.get("likeness")),
                families=_families(manifest["families"], tensors)
                if "families" in branches
                else None,
            )
        except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
            raise ModelError(f"{folder} is not a model folder: {error!r}") from error

    def _calibrated(self, observed: Observation) -> bool:
        known = self.calibrations.get(population(observed.sample_rate_hz))
        return known is not None and known.covers(observed.duration_s, observed.sample_rate_hz)

    def check_rates(self, rates: Rates) -> None:
        """Refuse rates that any population cannot support (ModelError)."""
        for calibration in self.calibrations.values():
            calibration.check_rates(rates)

    def assess(self, observations: Sequence[Observation], rates: Rates) -> list[Assessment]:
        """Answer for each observation at the false-positive ``rates``, whatever the batch."""
        answers: dict[int, Assessment] = {}
        assessable: dict[Geometry, list[int]] = defaultdict(list)
        for index, observed in enumerate(observations):
            reason = abstention_reason(observed)
            if reason is None and not self._calibrated(observed):
                reason = "uncalibrated"
            if (
                reason is None
                and self.likeness is not None
                and self.likeness.is_out_of_distribution(observed)
            ):
                reason = "out_of_distribution"
            if reason is None:
                assessable[observed.geometry].append(index)
            else:
                answers[index] = abstain(reason)
        for geometry, indexes in assessable.items():
            calibration = self.calibrations[population(geometry.sample_rate_hz)]
            members = [observations[index] for index in indexes]
            scores = self.scores(members, geometry, calibration)
            for index, observed, findings in zip(indexes, members, scores, strict=True):
                answers[index] = answer(findings, observed, calibration, rates)
        return [answers[index] for index in range(len(observations))]

    def scores(
        self, members: Sequence[Observation], geometry: Geometry, calibration: Calibration
    ) -> list[BranchScores]:
        """Return the findings of all branches in observations of one geometry."""
        lines = on_device(np.stack([member.clock for member in members]), self.device)
        groups = np.array([member.groups for member in members])
        clocks = score_tracks(lines, groups, geometry, self.lattice)
        rows = list(zip(
            members, clocks.score.tolist(), clocks.best.tolist(), clocks.looped.tolist(),
            strict=True,
        ))  # fmt: skip
        scores: list[BranchScores] = []
        for first in range(0, len(rows), SEARCHED_TOGETHER):
            recordings = [
                Recording(
                    member,
                    self.lattice,
                    ClockFinding(round(height, SCORE_DIGITS), self.lattice.rates[best]),
                    looped,
                    self._fixed_lines(member),
                    families_for(self.families, member),
                )
                for member, height, best, looped in rows[first : first + SEARCHED_TOGETHER]
            ]
            scores += search(recordings, self.branches, calibration)
        return scores

    def _fixed_lines(self, observed: Observation) -> FixedLines | None:
        if self.template_set is None:
            return None
        return FixedLines(
            self.template_set,
            self.template_set.unit(residual(observed)),
            population(observed.sample_rate_hz),
            self.attribution,
            self.learned,
        )


def _verified(folder: Path, manifest: dict[str, Any]) -> dict[str, bytes]:
    files = {}
    for name, expected in manifest["files"].items():
        files[name] = data = (folder / name).read_bytes()
        if hashlib.sha256(data).hexdigest() != expected:
            raise ModelError(f"{folder / name} is not the released file (SHA-256 differs)")
    if manifest["observation_version"] != observing.VERSION:
        raise ModelError(
            f"{folder.name} reads observation version {manifest['observation_version']}, "
            f"this build makes version {observing.VERSION}"
        )
    return files


def _calibration(
    name: str,
    values: dict[str, Any],
    tensors: dict[str, np.ndarray[Any, Any]],
    statistics: Sequence[str],
) -> Calibration:
    low, high = values["rates_hz"]
    return Calibration(
        population=name,
        humans=human_scores(name, values["scale"], tensors),
        slope=float(values["slope"]),
        intercept=float(values["intercept"]),
        clip=(float(values["clip"][0]), float(values["clip"][1])),
        looks={
            statistic: human_scores(f"{name}.{statistic}", values["looks"][statistic], tensors)
            for statistic in statistics
        },
        longest_s=float(values["longest_s"]),
        rates_hz=(int(low), int(high)),
        identified=human_scores(f"{name}.identified", values["identified"], tensors)
        if "identified" in values
        else None,
    )  # fmt: skip


def human_scores(
    name: str, scale: dict[str, float], tensors: dict[str, np.ndarray[Any, Any]]
) -> HumanScores:
    """Return human scores as a model holds them: tensors, and their scale in the manifest."""
    return HumanScores(
        tensors[f"human_scores.{name}"],
        tensors[f"human_weights.{name}"],
        LengthScale(**scale),
        tensors.get(f"human_strata.{name}"),
    )


def _template_set(values: dict[str, Any], tensors: dict[str, np.ndarray[Any, Any]]) -> TemplateSet:
    by_population = {
        part: {
            name: tensors[f"templates.{part}.{name}"]
            for name in values["populations"]
            if f"templates.{part}.{name}" in tensors
        }
        for part in SCALES
    }
    return TemplateSet(
        names=tuple(str(name) for name in values["names"]),
        generators=frozenset(str(name) for name in values["generators"]),
        human_mean=tensors["templates.human_mean"].astype(np.float32),
        human_axes=tensors["templates.human_axes"].astype(np.float32),
        vectors=widened(tensors["templates.vectors"], tensors["templates.steps"]),
        **by_population,
    )


def narrowed(vectors: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """Return unit vectors [n, bins] in whole steps, and the step [n] of each: a byte a number."""
    steps: FloatArray = (np.abs(vectors).max(axis=1) / 127).clip(min=1e-9).astype(np.float32)
    return np.rint(vectors / steps[:, None]).astype(np.int8), steps


def widened(whole: NDArray[Any], steps: NDArray[Any]) -> FloatArray:
    """Return what ``narrowed`` took, at length 1 again."""
    vectors = whole.astype(np.float32) * steps[:, None].astype(np.float32)
    unit_length: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)
    return unit_length


def _learned(
    values: Sequence[dict[str, Any]], tensors: dict[str, np.ndarray[Any, Any]]
) -> tuple[Learned, ...]:
    return tuple(
        Learned(
            name=str(one["name"]),
            vector=widened(
                tensors[f"learned.{index}.vector"][None], tensors[f"learned.{index}.step"]
            )[0],
            humans=human_scores(f"learned.{index}", one["scale"], tensors),
            population=str(one["population"]),
            sample_rates_hz=tuple(int(rate) for rate in one["sample_rates_hz"]),
            rate_hz=one["rate_hz"],
            tracks=int(one["tracks"]),
        )
        for index, one in enumerate(values)
    )


def _likeness(values: dict[str, Any] | None) -> Likeness | None:
    if values is None:
        return None
    return Likeness(
        np.array(values["centre"]), np.array(values["inverse"]), float(values["farthest"])
    )


def _families(values: dict[str, Any], tensors: dict[str, np.ndarray[Any, Any]]) -> Families:
    weights = tensors["families.weights"].astype(np.float32)
    return Families(weights, float(values["bias"]), str(values["population"]))


def families_for(families: Families | None, observed: Observation) -> Families | None:
    """Return the families model where it knows the recording's population."""
    if families is None or families.population != population(observed.sample_rate_hz):
        return None
    return families


def _attribution(values: dict[str, Any]) -> Attribution:
    rule = values["attribution"]
    return Attribution(
        float(rule["min_score"]), float(rule["min_margin"]), tuple(rule["populations"])
    )
