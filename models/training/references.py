"""Writes the file ``references.zst`` of a model; ``models.learning.references`` reads it."""

from collections.abc import Mapping, Sequence

import numpy as np
import orjson
import safetensors.numpy
import zstandard
from numpy.typing import NDArray

from detector.evidence.templates import TemplateSet
from models.learning.null_distribution import Null
from models.learning.references import STEP
from models.training.template_fitting import Lines


def pack(
    template_set: TemplateSet,
    lines: Lines,
    rows: Mapping[str, Sequence[int]],
    rates_hz: Mapping[str, Sequence[int]],
    nulls: Mapping[str, Null],
) -> bytes:
    """Return the file for the human recordings of ``nulls``.

    Args:
        template_set: compares them.
        lines: of all recordings.
        rows: for each population, where its witnesses stand in ``lines``, in their order.
        rates_hz: for each population, their sample rates.
        nulls: by population.
    """
    every = [row for name in nulls for row in rows[name]]
    units = template_set.unit(lines.vectors[every])
    witnesses = [one for null in nulls.values() for one in null.witnesses]
    tensors = {
        "units": np.rint(units / STEP).clip(-127, 127).astype(np.int8),
        "whole": np.concatenate([null.whole for null in nulls.values()]).astype(np.float32),
        "seconds": np.array([one.scores.seconds for one in witnesses], np.float32),
        "weights": np.concatenate([null.weights for null in nulls.values()]).astype(np.float32),
        "strata": np.concatenate([_strata(null) for null in nulls.values()]),
        "rates_hz": np.array([hz for name in nulls for hz in rates_hz[name]], np.int32),
    }
    header = {"populations": orjson.dumps(lines.populations[every].tolist()).decode()}
    plain = safetensors.numpy.save(tensors, header)
    return zstandard.ZstdCompressor(level=19).compress(plain)


def _strata(null: Null) -> NDArray[np.int8]:
    return np.full(len(null.witnesses), -1, np.int8) if null.strata is None else null.strata
