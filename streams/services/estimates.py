"""Estimates of false positives and recall from rulings, marks and old releases; pure.

False positives are stated as a share of *people's* tracks, as alpha is:

- ``reviews``: answers that find AI and reach people, times the share that people rule to be made
  by people. What a rule sends and what a random sample sends count apart. Findings that no person
  rules about widen the interval upwards alone. AI that people confirm is taken off the
  denominator. AI that is not found stays in it, so the share is not overstated.
- ``old_releases``: tracks that were released before there were music generators.

Recall has two sources: ``marks``, files that name their generator, and ``sample``, a random sample
of what the detector does not find. Each interval is of 95 % (Wilson); in a product both factors
are at their bound. An estimate with too few cases has no share.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from streams.contract.vocabulary import TIERS
from streams.services.review_quality import Share
from streams.services.ruled_tracks import Answer, Ruling

LEAST_ANSWERS: Final = 100  # of one kind of music
LEAST_RULINGS: Final = 20
LEAST_ARTISTS: Final = 10  # tracks of one artist are alike: many of them are few cases
LEAST_MARKED: Final = 20

By = Literal["kind", "generator"]
Evidence = Literal["reviews", "old_releases", "marks", "sample"]


@dataclass(frozen=True)
class Estimate:
    """One estimate; ``share`` is None where there are too few ``cases`` or ``artists``.

    ``of`` is a kind of music (``detector.explain.compared``) or a generator; ``tier`` an outcome
    that finds AI, or empty for recall, which counts both.
    """

    by: By
    of: str
    tier: str
    evidence: Evidence
    cases: int
    artists: int = 0
    share: float | None = None
    low: float = 0.0
    high: float = 1.0

    @property
    def bounds(self) -> tuple[tuple[str, float], ...]:
        """The estimate and the bounds of its interval by name; empty where there is none."""
        if self.share is None:
            return ()
        return ("share", self.share), ("low", self.low), ("high", self.high)

    def exceeds(self, rate: float) -> bool:
        """Whether a rate is surely not kept: the whole interval lies above it."""
        return self.share is not None and self.low > rate


def too_few(ruled: Collection[Ruling]) -> bool:
    """Whether rulings are too few, or of too few artists, for an estimate."""
    return len(ruled) < LEAST_RULINGS or len({one.artist for one in ruled}) < LEAST_ARTISTS


@dataclass(frozen=True)
class _Part:
    """Answers of one tier that reach people in one way: how many, and what people rule.

    ``human`` has no cases where too few rulings are there.
    """

    flagged: Share
    human: Share

    def false(self, bound: int) -> float:
        """Return the share of answers that are false positives, at a bound of both factors."""
        return self.flagged.interval[bound] * self.human.interval[bound]

    def true(self, flagged: int, human: int) -> float:
        """Return the share of answers that find AI rightly, at bounds of the two factors."""
        return self.flagged.interval[flagged] * (1 - self.human.interval[human])

    @property
    def estimates(self) -> tuple[float, float]:
        """The shares of false and of right findings; 0 where no person ruled."""
        flagged, human = self.flagged.share or 0.0, self.human.share
        return (0.0, 0.0) if human is None else (flagged * human, flagged * (1 - human))


@dataclass(frozen=True)
class _Group:
    """Answers and rulings about one kind of music, or those that name one generator.

    ``answers`` are all that a share is stated of; ``generator`` narrows the findings.
    """

    by: By
    name: str
    answers: Sequence[Answer]
    ruled: Sequence[Ruling]

    def counts(self, answer: Answer, tier: str) -> bool:
        """Whether an answer is a finding of this tier and, by generator, names it."""
        named = self.by == "kind" or answer.generator == self.name
        return named and answer.outcome == tier

    def of(self, tier: str) -> list[Ruling]:
        """Return the rulings about such findings."""
        return [one for one in self.ruled if self.counts(one.answer, tier)]

    def parts(self, tier: str) -> list[_Part]:
        """Return the findings that a rule sends to people, and the others."""
        parts = []
        for asked in (True, False):
            own = [one for one in self.of(tier) if one.answer.asked is asked]
            flagged = sum(self.counts(one, tier) and one.asked is asked for one in self.answers)
            known = [] if too_few(own) else own
            human = sum(not one.is_ai for one in known)
            share = Share(tier, flagged, len(self.answers))
            parts.append(_Part(share, Share(tier, human, len(known))))
        return parts


def _groups(by: By, answers: Sequence[Answer], ruled: Sequence[Ruling]) -> list[_Group]:
    findings = [one for one in (*answers, *(ruling.answer for ruling in ruled)) if one.finds_ai]
    if by == "generator":
        names = {one.generator for one in findings if one.generator}
        return [_Group(by, name, answers, ruled) for name in sorted(names)]
    return [
        _Group(
            by,
            kind,
            [one for one in answers if one.compared_with == kind],
            [one for one in ruled if one.answer.compared_with == kind],
        )
        for kind in sorted({one.compared_with for one in findings})
    ]


def reviewed(by: By, answers: Sequence[Answer], ruled: Sequence[Ruling]) -> list[Estimate]:
    """Return false positives by people's rulings, of each kind or named generator, and tier."""
    estimates = []
    for group in _groups(by, answers, ruled):
        for tier in TIERS:
            rulings = group.of(tier)
            artists = len({one.artist for one in rulings})
            estimate = Estimate(by, group.name, tier.value, "reviews", len(rulings), artists)
            own = group.parts(tier)
            if len(group.answers) >= LEAST_ANSWERS and any(part.human.count for part in own):
                others = [part for other in TIERS if other != tier for part in group.parts(other)]
                low, share, high = _of_people(own, others)
                estimate = replace(estimate, share=share, low=low, high=high)
            if rulings:
                estimates.append(estimate)
    return estimates


def _of_people(own: Sequence[_Part], others: Sequence[_Part]) -> tuple[float, float, float]:
    """Return low bound, estimate and high bound of false positives among people's tracks.

    What people confirm as AI, by ``own`` or ``others``, is no track of people's. The share rises
    with each factor of ``own``, and falls with the human share of ``others``.
    """
    false = sum(part.estimates[0] for part in own)
    right = sum(part.estimates[1] for part in (*own, *others))
    low, high = (sum(part.false(bound) for part in own) for bound in (0, 1))
    people_low = 1 - sum(part.true(0, 0) for part in own) - sum(part.true(0, 1) for part in others)
    people_high = 1 - sum(part.true(1, 1) for part in own) - sum(part.true(1, 0) for part in others)
    return (
        low / people_low,
        false / max(1 - right, false, 1e-9),
        1.0 if people_high <= high else high / people_high,
    )


def released_before(
    answers: Sequence[Answer], ruled: Sequence[Ruling], artists: Mapping[str, str]
) -> list[Estimate]:
    """Return false positives among tracks older than generators; ``artists`` by their upload.

    What people ruled to be AI all the same is left out: its date is wrong.
    """
    are_ai = {one.answer.content_sha256 for one in ruled if one.is_ai}
    kinds: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.upload_id in artists and answer.content_sha256 not in are_ai:
            kinds[answer.compared_with].append(answer)
    estimates = []
    for kind, tracks in sorted(kinds.items()):
        several = len({artists[one.upload_id] for one in tracks})
        enough = len(tracks) >= LEAST_ANSWERS and several >= LEAST_ARTISTS
        for tier in TIERS:
            share = Share(kind, sum(one.outcome == tier for one in tracks), len(tracks))
            estimate = Estimate("kind", kind, tier.value, "old_releases", len(tracks), several)
            estimates.append(_plain(estimate, share) if enough else estimate)
    return estimates


def recall_by_marks(
    answers: Sequence[Answer], marked: Collection[tuple[str, str]]
) -> list[Estimate]:
    """Return the share that is found of files that name their generator.

    ``marked`` has upload and generator.
    """
    by_upload = {one.upload_id: one for one in answers}
    detected, all_marked = Counter[str](), Counter[str]()
    for upload_id, generator in marked:
        if (answer := by_upload.get(upload_id)) is not None:
            all_marked[generator] += 1
            detected[generator] += answer.finds_ai
    estimates = []
    for generator, count in sorted(all_marked.items()):
        estimate = Estimate("generator", generator, "", "marks", count)
        share = Share(generator, detected[generator], count)
        estimates.append(_plain(estimate, share) if count >= LEAST_MARKED else estimate)
    return estimates


def recall_by_sample(answers: Sequence[Answer], ruled: Sequence[Ruling]) -> list[Estimate]:
    """Return the share of AI that is found, of each kind: by a sample of what is not found.

    It supposes that the sample is drawn from all that the detector does not find. Findings that
    no person rules about count as right in the estimate, and as either in the interval.
    """
    estimates = []
    for group in _groups("kind", answers, ruled):
        sample = [one for one in group.ruled if not (one.answer.asked or one.answer.finds_ai)]
        if not sample:
            continue
        artists = len({one.artist for one in sample})
        estimate = Estimate("kind", group.name, "", "sample", len(sample), artists)
        parts = [part for tier in TIERS for part in group.parts(tier)]
        right = sum((one.flagged.share or 0.0) * (1 - (one.human.share or 0.0)) for one in parts)
        if right and not too_few(sample) and len(group.answers) >= LEAST_ANSWERS:
            quiet = sum(not one.finds_ai for one in group.answers)
            unfound = Share(group.name, quiet, len(group.answers))
            ai = Share(group.name, sum(one.is_ai for one in sample), len(sample))
            least, most = (a * b for a, b in zip(unfound.interval, ai.interval, strict=True))
            low = sum(part.true(0, 1) for part in parts)
            high = sum(part.true(1, 0) for part in parts)
            missed = (unfound.share or 0.0) * (ai.share or 0.0)
            estimate = replace(
                estimate,
                share=right / (right + missed),
                low=low / max(low + most, 1e-9),
                high=high / max(high + least, 1e-9),
            )
        estimates.append(estimate)
    return estimates


def _plain(estimate: Estimate, share: Share) -> Estimate:
    low, high = share.interval
    return replace(estimate, share=share.share, low=low, high=high)
