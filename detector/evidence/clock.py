"""The clock branch: does the energy of the high bands pulse at a decoder's frame rate?

For each rate r of a lattice, with n lines at k*r between 150 and 1,500 Hz of mean height ``on``,

    S(r) = (on - 0.7 off) * sqrt(n)

where ``off`` is the highest mean over the fractions (k - p/q)*r, q = 2..8, at least 0. The score
of a track is the largest S. ``docs/explanation/detector.md`` describes the guards against loops,
moved levels, mains and MP3 frames. CPU and CUDA run the same code in any batch size.
"""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from detector.observation.geometry import Geometry
from detector.types import FloatArray

LOW_HZ: Final = 150.0
HIGH_HZ: Final = 1_500.0
BASELINE_ABOVE_HZ: Final = 60.0
NEIGHBOUR: Final = 0.7
CLIP: Final = (-1.5, 4.0)
CONTRAST: Final = 0.7
CONTRAST_ORDERS: Final = range(2, 9)
GUARD_ORDERS: Final = range(9, 25)  # beyond those of the contrast
GUARD_RATIO: Final = 0.8
GUARD_CAP: Final = 1.0
LOOP_FROM: Final = 1.5  # S without the guard; of people's playing 9 in 10 stay below 0.6
LOOP_BINS: Final = 1.5  # a line between two bins stands in both
MOST_LOOPS: Final = 3  # of different rates in one recording
MIN_LINES: Final = 4
# Nepers of power for each neper of order: 0 are lines of a clock, alike at any order; a level
# that jumps has at most -2 (Fourier coefficients of bounded variation): this is the middle.
LEVEL_FALL: Final = -1.0
LEVEL_ALIKE: Final = 0.5**0.5  # correlation of two bands' lines: half of what varies is common
MP3_FRAME_HZ: Final = (44_100 / 1_152, 48_000 / 1_152, 32_000 / 1_152)
MP3_WIDTH_HZ: Final = 0.15
MAINS_HZ: Final = (100.0, 120.0)
MAINS_WIDTH_HZ: Final = 0.5
MAINS_WIDTH_SHARE: Final = 8e-4
COMMON_HZ: Final = 50.0  # players of old machines and trackers run at it, too
COMMON_FAINT: Final = 5.0  # S


@dataclass(frozen=True)
class Rate:
    """One candidate clock rate; ``penalty`` is subtracted from its score."""

    hz: float
    penalty: float
    origin: str
    known_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lattice:
    """The rates of a model, without the mains rates, which are probed apart."""

    rates: tuple[Rate, ...]

    @property
    def probed(self) -> tuple[float, ...]:
        """All frequencies that are scored: the rates, then the mains."""
        return tuple(rate.hz for rate in self.rates) + MAINS_HZ


@dataclass(frozen=True)
class ClockFinding:
    """The best rate of one recording, and its score."""

    score: float
    rate: Rate

    @property
    def common_and_faint(self) -> bool:
        """Whether other things than decoders pulse like this, too."""
        return self.rate.hz == COMMON_HZ and self.score < COMMON_FAINT


@dataclass(frozen=True)
class ClockScores:
    """Scores of a batch: ``score`` [B], ``best`` [B] index into the rates, ``all`` [B, rates].

    ``looped`` [B]: the strongest pulse was that of a repetition or of a moved level, at the rate
    ``loop_hz`` [B].
    """

    score: torch.Tensor
    best: torch.Tensor
    all: torch.Tensor
    looped: torch.Tensor
    loop_hz: torch.Tensor


def line_heights(lines: torch.Tensor, geometry: Geometry) -> torch.Tensor:
    """Return z [..., bins]: lines standardised, clipped, at least 0.7 of each neighbour."""
    first = round(BASELINE_ABOVE_HZ / geometry.bin_hz) + 1
    above = lines[..., first:]
    middle = _median(above)
    spread = _spread(above).clamp(min=1e-6)
    z = (lines - middle) / spread
    joined = z.clone()
    joined[..., 1:] = torch.maximum(joined[..., 1:], NEIGHBOUR * z[..., :-1])
    joined[..., :-1] = torch.maximum(joined[..., :-1], NEIGHBOUR * z[..., 1:])
    joined = joined - joined[..., first:].mean(dim=-1, keepdim=True)
    return joined.clamp(*CLIP)


def _median(rows: torch.Tensor) -> torch.Tensor:
    """Return the lower median [..., 1] as torch does, without sorting everything."""
    if rows.device.type != "cpu":
        return rows.median(dim=-1, keepdim=True).values
    at = (rows.shape[-1] - 1) // 2
    return torch.from_numpy(np.partition(rows.numpy(), at, axis=-1)[..., at : at + 1])


def _spread(rows: torch.Tensor) -> torch.Tensor:
    """Return the standard deviation [..., 1], summed in double precision as torch does it."""
    if rows.device.type != "cpu":
        return rows.std(dim=-1, keepdim=True, unbiased=False)
    spread = rows.numpy().std(axis=-1, keepdims=True, dtype=np.float64)  # in a sixth of the time
    return torch.from_numpy(spread.astype(np.float32))


def score_tracks(
    lines: torch.Tensor, groups: torch.Tensor, geometry: Geometry, lattice: Lattice
) -> ClockScores:
    """Score a batch of equal geometry, on the device of ``lines``; 0 where no band has energy.

    Args:
        lines: [B, 3, bins] sharpened modulation spectra (``Observation.clock``).
        groups: [B, 3] bool, which of the three bands have energy.
        geometry: of all tracks in the batch.
        lattice: candidate rates.
    """
    z = line_heights(lines, geometry) * groups[..., None]
    scores = score_heights(z, groups, geometry, lattice)
    for row in range(len(lines)):
        own = slice(row, row + 1)
        hz = _repeated_hz(scores, row, lines[row], groups[row], geometry, lattice)
        if hz is not None:
            scores.looped[row] = True
            _hear_through_loops(z[own], lines[row], groups[own], geometry, lattice, scores, row, hz)
    return scores


def _repeated_hz(
    scores: ClockScores,
    row: int,
    lines: torch.Tensor,
    groups: torch.Tensor,
    geometry: Geometry,
    lattice: Lattice,
) -> float | None:
    if bool(scores.looped[row]):
        return float(scores.loop_hz[row])
    hz = lattice.rates[int(scores.best[row])].hz
    pulses = float(scores.score[row]) >= LOOP_FROM
    return hz if pulses and is_moved_level(lines[groups].cpu().numpy(), geometry, hz) else None


def is_moved_level(lines: FloatArray, geometry: Geometry, hz: float) -> bool:
    """Whether ``lines`` [bands, bins] at a rate are those of a moved level, and no clock's.

    Their heights must fall with the logarithm of their order, and must correlate between bands
    (those with energy): one band alone is never a moved level.
    """
    bins = lattice_bins(geometry, allowed_bins(geometry), hz, 1)
    if len(lines) < 2 or len(bins) < MIN_LINES:
        return False
    near = [lines[:, (bins + shift).clip(0, geometry.bins - 1)] for shift in (-1, 0, 1)]
    heights = np.maximum.reduce(near).astype(np.float64)
    orders = np.rint(bins * geometry.bin_hz / hz)
    fall = np.polyfit(np.log(orders), heights.mean(axis=0), 1, w=orders**-0.5)[0]
    if fall > LEVEL_FALL or (heights.std(axis=1) == 0).any():
        return False
    alike = np.corrcoef(heights)[np.triu_indices(len(heights), 1)].mean()
    return bool(alike >= LEVEL_ALIKE)


def _hear_through_loops(
    z: torch.Tensor,
    lines: torch.Tensor,
    groups: torch.Tensor,
    geometry: Geometry,
    lattice: Lattice,
    scores: ClockScores,
    row: int,
    hz: float,
) -> None:
    """Mask the loops of one track, that at ``hz`` first, and store the new score in its row."""
    for _ in range(MOST_LOOPS):
        z = z * loop_mask(geometry, hz).to(z.device)
        again = score_heights(z, groups, geometry, lattice)
        for kept, new in ((scores.score, again.score), (scores.best, again.best)):
            kept[row] = new[0]
        scores.all[row] = again.all[0]
        further = _repeated_hz(again, 0, lines, groups[0], geometry, lattice)
        if further is None:
            break
        hz = further


def score_heights(
    z: torch.Tensor, groups: torch.Tensor, geometry: Geometry, lattice: Lattice
) -> ClockScores:
    """Score line heights [B, bands, bins], which are zero where a band has no energy."""
    scores, loop, loop_hz = _score(z, groups, geometry, lattice)
    looped = loop > scores.amax(dim=1).clamp(min=LOOP_FROM)
    winner = scores.argmax(dim=1)
    humming = (winner >= len(lattice.rates)).nonzero()[:, 0]
    if len(humming):
        mask = mains_mask(geometry).to(z.device)
        quiet, _, _ = _score(z[humming] * mask, groups[humming], geometry, lattice)
        scores[humming] = quiet
    scores = scores[:, : len(lattice.rates)]
    penalised = scores - torch.tensor([rate.penalty for rate in lattice.rates], device=z.device)
    best = penalised.max(dim=1)
    return ClockScores(best.values, best.indices, penalised, looped, loop_hz)


def _score(
    z: torch.Tensor, groups: torch.Tensor, geometry: Geometry, lattice: Lattice
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return S [B, probed] after the ratio guard, the largest S that it capped, and its Hz [B]."""
    comb = _comb(geometry, lattice.probed)
    batch, bands, bins = z.shape
    used = groups.sum(dim=1).clamp(min=1)[:, None]
    each = _means(comb.contrast, z.reshape(batch * bands, bins), len(lattice.probed))
    on, off = each[..., 0], each[..., 1:].amax(dim=-1).clamp(min=0)
    root = comb.root.to(z.device)
    per_band = ((on - CONTRAST * off) * root).reshape(batch, bands, -1)
    score = per_band.sum(dim=1) / used  # bands without energy are all zero

    together = z.sum(dim=1) / used
    near = _means(comb.contrast, together, len(lattice.probed))
    far = _means(comb.guard, together, len(lattice.probed))
    fractions = torch.cat((near[..., 1:], far), dim=-1).max(dim=-1)
    off_any = fractions.values
    looped = off_any > GUARD_RATIO * near[..., 0]
    loop = torch.where(looped, score, torch.zeros_like(score)).max(dim=1)
    probed = torch.tensor(lattice.probed, dtype=torch.float64, device=z.device)
    order = fractions.indices.gather(1, loop.indices[:, None])[:, 0] + CONTRAST_ORDERS.start
    loop_hz = probed[loop.indices] / order
    return torch.where(looped, score.clamp(max=GUARD_CAP), score), loop.values, loop_hz


def score_bounds(z: torch.Tensor, geometry: Geometry, lattice: Lattice) -> torch.Tensor:
    """Return the most that line heights [rows, bins] can score, mains masked or not."""
    lines = _lines(geometry, tuple(rate.hz for rate in lattice.rates))
    picked = z[:, lines.bins.to(z.device)]
    kept = mains_mask(geometry)[lines.bins].to(z.device)
    sums = torch.zeros(2, len(z), len(lines.root), device=z.device)
    for total, heights in zip(sums, (picked, picked * kept), strict=True):
        total.index_add_(1, lines.rate.to(z.device), heights)
    bounds: torch.Tensor = (sums / lines.root.to(z.device)).amax(dim=(0, 2))
    return bounds


def score_segments(timeline: torch.Tensor, hz: float, geometry: Geometry) -> torch.Tensor:
    """Return S [segments] at one fixed rate, of all bands: 99 % of human ones are below 0.6."""
    z = line_heights(timeline, geometry)
    comb = _comb(geometry, (hz,))
    means = _means(comb.contrast, z, 1)[:, 0]
    off = means[:, 1:].amax(dim=-1).clamp(min=0)
    scores: torch.Tensor = (means[:, 0] - CONTRAST * off) * comb.root.to(z.device)[0]
    return scores


@dataclass(frozen=True)
class _Comb:
    """Sparse averaging matrices [probed * orders, bins] and sqrt(n) of each rate."""

    contrast: torch.Tensor
    guard: torch.Tensor
    root: torch.Tensor


@dataclass(frozen=True)
class _Lines:
    """Bins [n] of all lines, the rate [n] of each, and sqrt(lines) [rates], infinite for few."""

    bins: torch.Tensor
    rate: torch.Tensor
    root: torch.Tensor


@lru_cache(maxsize=32)
def _lines(geometry: Geometry, rates: tuple[float, ...]) -> _Lines:
    allowed = allowed_bins(geometry)
    rows = [lattice_bins(geometry, allowed, hz, 1) for hz in rates]
    sizes = [len(row) for row in rows]
    return _Lines(
        torch.from_numpy(np.concatenate(rows)),
        torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(sizes)),
        torch.tensor([sqrt(n) if n >= MIN_LINES else inf for n in sizes]),
    )


def _means(matrix: torch.Tensor, z: torch.Tensor, probed: int) -> torch.Tensor:
    product = torch.sparse.mm(matrix.to(z.device), z.T.contiguous())
    means: torch.Tensor = product.T.reshape(len(z), probed, -1)
    return means


@lru_cache(maxsize=64)
def _comb(geometry: Geometry, probed: tuple[float, ...]) -> _Comb:
    allowed = allowed_bins(geometry)
    nothing = np.empty(0, np.int64)
    contrast: list[NDArray[np.int64]] = []
    guard: list[NDArray[np.int64]] = []
    root = []
    for hz in probed:
        on = lattice_bins(geometry, allowed, hz, 1)
        enough = len(on) >= MIN_LINES
        contrast.append(on if enough else nothing)
        for orders, rows in ((CONTRAST_ORDERS, contrast), (GUARD_ORDERS, guard)):
            rows.extend(
                lattice_bins(geometry, allowed, hz, q) if enough else nothing for q in orders
            )
        root.append(sqrt(len(on)) if enough else 0.0)
    return _Comb(
        _averaging(contrast, geometry.bins), _averaging(guard, geometry.bins), torch.tensor(root)
    )


def allowed_bins(geometry: Geometry) -> NDArray[np.bool_]:
    """Return which bins [bins] are away from MP3's frame rates."""
    hz = np.arange(geometry.bins) * geometry.bin_hz
    distances = [np.abs(hz - np.round(hz / frame) * frame) for frame in MP3_FRAME_HZ]
    allowed: NDArray[np.bool_] = np.min(distances, axis=0) > MP3_WIDTH_HZ
    return allowed


def lattice_bins(
    geometry: Geometry, allowed: NDArray[np.bool_], hz: float, q: int
) -> NDArray[np.int64]:
    """Return the bins at (k - p/q) * hz, p/q in lowest terms; at k * hz for q = 1."""
    step = hz / q
    index = np.arange(int(LOW_HZ / step), int(HIGH_HZ / step) + 2)
    at = index * step
    inside = (at >= LOW_HZ) & (at < HIGH_HZ) & (np.gcd(index, q) == 1)
    position = np.rint(at[inside] / geometry.bin_hz).astype(np.int64)
    position = position[position < geometry.bins]
    bins: NDArray[np.int64] = position[allowed[position]]
    return bins


def _averaging(rows: list[NDArray[np.int64]], bins: int) -> torch.Tensor:
    sizes = [len(row) for row in rows]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse (CSR|invariant)")
        return torch.sparse_csr_tensor(
            torch.tensor(np.cumsum([0, *sizes])),
            torch.from_numpy(np.concatenate(rows)),
            torch.from_numpy(np.concatenate([np.full(n, 1 / max(n, 1)) for n in sizes])).float(),
            (len(rows), bins),
            check_invariants=True,
        )


@lru_cache(maxsize=16)
def mains_mask(geometry: Geometry) -> torch.Tensor:
    """Return [bins], 0 at all multiples of 100 and 120 Hz."""
    hz = torch.arange(geometry.bins) * geometry.bin_hz
    mask = torch.ones(geometry.bins)
    for mains in MAINS_HZ:
        distance = (hz - (hz / mains).round() * mains).abs()
        mask[distance <= (MAINS_WIDTH_SHARE * hz).clamp(min=MAINS_WIDTH_HZ)] = 0
    return mask


@lru_cache(maxsize=64)
def loop_mask(geometry: Geometry, loop_hz: float, beside: float = LOOP_BINS) -> torch.Tensor:
    """Return [bins], 0 at all multiples of a loop's rate and so many bins beside them."""
    hz = np.arange(geometry.bins) * geometry.bin_hz
    distance = np.abs(hz - np.round(hz / loop_hz) * loop_hz)
    return torch.from_numpy((distance > beside * geometry.bin_hz).astype(np.float32))


def standard_lattice() -> Lattice:
    """Return the lattice from which a model's ``rates.toml`` starts, 20 to 405 Hz.

    Without penalty: sample rates over 1 or 5 times a power of two, and round rates of codecs.
    Hops with further factors 3, 5 and 7, as vocoders have, have a penalty of 0.5.
    """
    sample_rates = (44_100, 48_000, 32_000, 24_000, 22_050, 16_000)
    plausible: dict[float, str] = {}
    for rate in sample_rates:
        for hop in [2**a for a in range(16)] + [5 * 2**a for a in range(16)]:
            plausible.setdefault(round(rate / hop, 6), f"{rate}/{hop}")
    for hz in (25, 40, 50, 75, 80, 150, 160, 200, 320, 400):
        plausible.setdefault(float(hz), "codec frame rate")
    possible: dict[float, str] = {}
    for rate in sample_rates:
        for a in range(16):
            for b in range(3):
                for c in range(4):
                    for d in range(3 if rate in (44_100, 22_050) else 1):
                        if b + c + d <= 4:
                            hop = 2**a * 3**b * 5**c * 7**d
                            possible.setdefault(round(rate / hop, 6), f"{rate}/{hop}")
    left_out = {60.0, 300.0, *MAINS_HZ}
    inside = [hz for hz in plausible if 20 <= hz <= 405 and hz not in left_out]
    others = [
        hz for hz in possible if 20 <= hz <= 405 and hz not in left_out and hz not in plausible
    ]
    return Lattice(
        tuple(Rate(hz, 0.0, plausible[hz]) for hz in sorted(inside))
        + tuple(Rate(hz, 0.5, possible[hz]) for hz in sorted(others))
    )
