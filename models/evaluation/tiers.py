"""Both tiers by kind of music and by generator, known and unseen: what a model is judged by.

The released model answers, less what it learned of each track. Templates are averaged anew, and
families are fitted anew, without the tracks that are left out; all else is the model's.

- *Known*: the generator's tracks of other repositories were learned, where these are three or more.
  Else its other tracks were, less a tenth. The track itself never was.
- *Unseen*: nothing of the generator was learned, and nothing of its repositories.

People's recordings are those of the release, each judged without its repository.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray
from scipy.stats import binomtest

from detector.assessment.model import MANIFEST, WEIGHTS, Model, population
from detector.calibration.applicability import abstention_reason
from detector.calibration.calibration import Calibration
from detector.evidence.families import Families
from detector.evidence.templates import FULL_RATE, TemplateSet, residual
from detector.types import Assessment, BoolVector, FloatArray, FloatVector, Rates
from models.learning.data import AI, HUMAN, Track, digest, file_sha256, folds, read_manifest, usable
from models.learning.null_distribution import human_scores
from models.learning.observations import Observed, observe
from models.training.family_fitting import Examples, fit
from models.training.metrics import cluster_bootstrap, rounded
from models.training.template_fitting import MIN_TRACKS

REPORT: Final = "tiers.json"
RATES: Final = Rates(0.01, 0.001)
TENTHS: Final = 10


@dataclass(frozen=True)
class Asked:
    """One line of what is asked for: whose tracks, and the shares; None: not asked.

    ``names`` are kinds of people's music, or beginnings of generators' names; none: all.
    """

    title: str
    measured: str  # "human", "known" or "unseen"
    names: tuple[str, ...]
    suspected: float
    identified: float | None


ASKED: Final = (
    Asked("people's music", "human", (), 0.013, 0.001),
    Asked("electronic and chiptune", "human", ("electronic", "chiptune"), 0.02, 0.001),
    Asked(
        "Suno, ElevenLabs, MiniMax, HeartMuLa, ACE-Step, Stable Audio",
        "known",
        ("Suno", "ElevenLabs-Music", "MiniMax", "HeartMuLa", "ACE-Step", "StableAudio"),
        0.97,
        0.9,
    ),
    Asked("Lyria 3, Udio, Mureka", "known", ("Lyria", "Udio", "Mureka"), 0.8, 0.6),
    Asked("generators never seen", "unseen", (), 0.8, None),
)


@dataclass(frozen=True)
class Fold:
    """Tracks [n] that are judged together, and those [n] that the model must not know.

    ``forgotten`` are makers whose templates are taken away altogether.
    """

    judged: BoolVector
    left_out: BoolVector
    forgotten: frozenset[str] = frozenset()


def measure(
    manifest: Path, root: Path, folder: Path, *, cache: Path, workers: int
) -> dict[str, Any]:
    """Return the figures of both tiers at 44.1 kHz and up, for ``REPORT``."""
    model = Model.load(folder)
    tracks = read_manifest(manifest, root)
    observed, _ = observe(usable(tracks), cache, workers)
    observed = [one for one in observed if _population(one) == FULL_RATE]
    described = orjson.loads((folder / MANIFEST).read_bytes())["figures"][FULL_RATE]
    return {
        "model": {"name": model.name, "weights": weights_digest(folder)},
        "data": digest(one.track for one in observed),
        **figures_of(model, described, observed, tracks),
    }


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of a model's weights, which a change of the code leaves alone."""
    return file_sha256(folder / WEIGHTS)


def figures_of(
    model: Model,
    described: dict[str, Any],
    observed: Sequence[Observed],
    tracks: Sequence[Track],
    seed: int = 0,
) -> dict[str, Any]:
    """Return the figures.

    Args:
        model: as released.
        described: the figures of its manifest, for people's recordings.
        observed: AI and human recordings at 44.1 kHz and up.
        tracks: all of the manifest: the makers of decoders beside them.
        seed: of the intervals.
    """
    held_out = HeldOut.of(model, observed)
    ai = [one for one in observed if one.track.label == AI]
    own = [one.track for one in ai]
    answers = {
        "known": held_out.answers(known_folds(own)),
        "unseen": held_out.answers(unseen_folds(own, tracks)),
    }
    makers = np.array([one.maker for one in own])
    by_generator = {
        maker: {
            name: _row([given[at] for at in here], [own[at] for at in here], seed)
            for name, given in answers.items()
        }
        for maker in sorted(set(makers.tolist()))
        for here in (np.flatnonzero(makers == maker).tolist(),)
    }
    asked = []
    for line in ASKED:
        here = [i for i, one in enumerate(own) if one.maker.startswith(line.names or ("",))]
        kinds = [kind for kind in line.names if kind in described["kinds"]]
        if line.measured != "human" and here:
            assessments = answers[line.measured]
            row = _row([assessments[at] for at in here], [own[at] for at in here], seed)
        elif line.measured == "human" and (kinds or not line.names):
            row = people(described, kinds, seed)
        else:
            continue  # the set has none of these
        asked.append(
            {
                "title": line.title,
                "measured": line.measured,
                "asked": {"suspected": line.suspected, "identified": line.identified},
                **row,
            }
        )
    return {
        "learned_of": {"ai": len(ai), "human": len(observed) - len(ai)},
        "asked": asked,
        "generators": by_generator,
        "all": {name: _row(given, own, seed) for name, given in answers.items()},
        "kinds": {kind: people(described, (kind,), seed) for kind in sorted(described["kinds"])},
    }


def _population(recording: Observed) -> str:
    return population(recording.observation.sample_rate_hz)


def people(described: dict[str, Any], kinds: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the row of some kinds of people's music, or of all, by the figures of a release.

    The interval of all resamples sources, that of a kind is of the count alone.
    """
    if kinds:
        rows = [described["kinds"][kind] for kind in kinds]
        total = sum(row["recordings"] for row in rows)
        flagged = sum(row["suspected_at_1"] for row in rows)
        named = sum(row["identified_at_01"] for row in rows)
        origins = sum(row["origins"] for row in rows)
        mean = sum(row["by_origin"] * row["origins"] for row in rows) / origins
        return {
            "tracks": total,
            "origins": origins,
            "abstained": 0,
            "suspected": flagged,
            "suspected_interval": exact(flagged, total),
            "suspected_mean": rounded(mean),
            "identified": named,
            "identified_interval": exact(named, total),
            "no_trace": None,
        }
    hits: dict[str, list[bool]] = {"suspected": [], "identified": []}
    sources: list[str] = []
    for source, row in described["human_sources"].items():
        sources += [source] * row["tracks"]
        for tier, share in (("suspected", "flagged_at_1"), ("identified", "identified_at_01")):
            count = round(row[share] * row["tracks"])
            hits[tier] += [True] * count + [False] * (row["tracks"] - count)
    abstained = sum(row["abstained"] for row in described["human_sources"].values())
    return _counted(hits, sources, seed) | {"abstained": abstained, "no_trace": None}


def _row(answers: Sequence[Assessment], tracks: Sequence[Track], seed: int) -> dict[str, Any]:
    """Return the row of AI tracks; intervals resample generators, or one's repositories."""
    several = len({one.maker for one in tracks}) > 1
    hits = {
        "suspected": [one.finds_ai for one in answers],
        "identified": [one.outcome == "identified" for one in answers],
    }
    origins = [one.maker if several else one.repository for one in tracks]
    return _counted(hits, origins, seed) | {
        "abstained": sum(one.reason is not None for one in answers),
        "no_trace": sum(one.outcome == "no_trace" for one in answers),
    }


def _counted(hits: dict[str, list[bool]], origins: Sequence[str], seed: int) -> dict[str, Any]:
    suspected, identified = (np.array(hits[tier], bool) for tier in ("suspected", "identified"))
    names = np.array(origins)
    means = [suspected[names == name].mean() for name in sorted(set(origins))]
    return {
        "tracks": len(suspected),
        "origins": len(means),
        "suspected": int(suspected.sum()),
        "suspected_interval": interval(suspected, origins, seed),
        "suspected_mean": rounded(np.mean(means)),
        "identified": int(identified.sum()),
        "identified_interval": interval(identified, origins, seed),
    }


def interval(flags: BoolVector, origins: Sequence[str], seed: int) -> list[float]:
    """Return the 95 % interval of a share over resampled origins."""
    shares = flags.astype(float)
    low, high = cluster_bootstrap(
        shares, origins, shares, origins, lambda own, _: float(own.mean()), seed=seed
    )
    if low == high:  # one origin, or all alike: resampling shows nothing
        return exact(int(flags.sum()), len(flags))
    return [rounded(low), rounded(high)]


def exact(count: int, total: int) -> list[float]:
    """Return the 95 % interval of a count (Clopper and Pearson, 1934)."""
    both = binomtest(count, total).proportion_ci(method="exact")
    return [rounded(both.low), rounded(both.high)]


def known_folds(tracks: Sequence[Track]) -> Iterator[Fold]:
    """Yield folds of AI tracks whose generators stay known.

    A repository's tracks are judged together, and nothing of that repository is known, where other
    repositories have tracks enough of the generator for a template. Else its tracks there are
    judged by tenths.
    """
    repositories = np.array([one.repository for one in tracks])
    totals = Counter(one.maker for one in tracks)
    local = Counter((one.maker, one.repository) for one in tracks)
    elsewhere = np.array(
        [totals[one.maker] - local[one.maker, one.repository] >= MIN_TRACKS for one in tracks], bool
    )
    for repository in sorted(set(repositories[elsewhere].tolist())):
        here = repositories == repository
        yield Fold(elsewhere & here, here)
    turn: Counter[str] = Counter()
    tenth = np.full(len(tracks), -1)
    for index in np.flatnonzero(~elsewhere).tolist():
        tenth[index] = turn[tracks[index].maker] % TENTHS
        turn[tracks[index].maker] += 1
    for number in sorted(set(tenth[tenth >= 0].tolist())):
        yield Fold(tenth == number, tenth == number)


def unseen_folds(tracks: Sequence[Track], beside: Sequence[Track]) -> Iterator[Fold]:
    """Yield a fold for each generator of AI tracks, without it and its repositories.

    ``beside`` are all tracks: a maker who published in one of these repositories is forgotten.
    """
    makers = np.array([one.maker for one in tracks])
    repositories = np.array([one.repository for one in tracks])
    for maker in sorted(set(makers.tolist())):
        own = makers == maker
        places = set(repositories[own].tolist())
        forgotten = {one.maker for one in beside if one.label != HUMAN and one.repository in places}
        yield Fold(own, own | np.isin(repositories, list(places)), frozenset(forgotten | {maker}))


@dataclass(frozen=True)
class HeldOut:
    """A model that can be freed of what it learned of some AI tracks.

    ``vectors`` [n, 6686] are the residuals of the AI tracks, by which templates are averaged anew;
    ``examples`` those of families: the AI tracks first, then people's recordings.
    """

    model: Model
    ai: list[Observed]
    vectors: FloatArray
    examples: Examples | None
    products: FloatVector

    @classmethod
    def of(cls, model: Model, observed: Sequence[Observed]) -> "HeldOut":
        """Take what a model can learn of recordings; its null of families is measured anew."""
        ai = [one for one in observed if one.track.label == AI]
        vectors = np.stack([residual(one.observation) for one in ai])
        human = [
            one
            for one in observed
            if one.track.label == HUMAN and abstention_reason(one.observation) is None
        ]
        if model.families is None:
            return cls(model, ai, vectors, None, np.zeros((0, 0)))
        examples = Examples.of([*ai, *human])
        products = examples.products
        calibration = _with_families(model.calibrations[FULL_RATE], human, examples, products)
        calibrations = {**model.calibrations, FULL_RATE: calibration}
        return cls(replace(model, calibrations=calibrations), ai, vectors, examples, products)

    def answers(self, judged: Iterator[Fold]) -> list[Assessment]:
        """Return the answers about all AI tracks, by a model for each fold."""
        answers: dict[int, Assessment] = {}
        for fold in judged:
            model = self.without(fold)
            indexes = np.flatnonzero(fold.judged).tolist()
            observations = [self.ai[index].observation for index in indexes]
            answers |= dict(zip(indexes, model.assess(observations, RATES), strict=True))
        return [answers[index] for index in range(len(self.ai))]

    def without(self, fold: Fold) -> Model:
        """Return the model that does not know what a fold leaves out."""
        families: Families | None = None
        if self.examples is not None:
            used = np.ones(len(self.examples.ai), bool)
            used[: len(self.ai)] = ~fold.left_out
            families = fit(self.examples, self.products, used)
        templates = self.model.template_set
        if templates is not None:
            templates = self._templates(templates, fold)
        return replace(self.model, template_set=templates, families=families)

    def _templates(self, templates: TemplateSet, fold: Fold) -> TemplateSet:
        """Return the templates, averaged anew where tracks are left out; too few make none."""
        units = templates.unit(self.vectors)
        makers = np.array([one.track.maker for one in self.ai])
        usable_units = np.array(
            [abstention_reason(one.observation) is None for one in self.ai], bool
        )
        vectors, kept = templates.vectors.copy(), []
        touched = set(makers[fold.left_out].tolist())
        for index, name in enumerate(templates.names):
            if name in fold.forgotten:
                continue
            if name in touched:
                rest = units[(makers == name) & ~fold.left_out & usable_units]
                if len(rest) < MIN_TRACKS:
                    continue
                mean = rest.mean(axis=0)
                vectors[index] = mean / np.linalg.norm(mean)
            kept.append(index)
        return replace(templates, vectors=vectors).only(kept)


def _with_families(
    calibration: Calibration, human: Sequence[Observed], examples: Examples, products: FloatVector
) -> Calibration:
    """Return the calibration with the null of families by these recordings, out of fold."""
    at = np.flatnonzero(~examples.ai)
    fold: NDArray[np.int64] = np.array(folds([one.track.repository for one in human], TENTHS))
    logits = np.zeros(len(human))
    for number in sorted(set(fold.tolist())):
        used = np.ones(len(examples.ai), bool)
        used[at[fold == number]] = False
        families = fit(examples, products, used)
        if families is not None:
            for index in np.flatnonzero(fold == number).tolist():
                logits[index] = families.logit(examples.values[at[index]])
    seconds = np.array([one.observation.duration_s for one in human])
    counts = Counter(one.track.performance for one in human)
    weights = np.array([1 / counts[one.track.performance] for one in human])
    looks = {**calibration.looks, "families": human_scores(logits, seconds, weights)}
    return replace(calibration, looks=looks)
