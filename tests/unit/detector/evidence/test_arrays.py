"""Numpy's and torch's arrays give the same; torch on the CPU stands in for a device."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from detector.errors import ModelError
from detector.evidence import arrays
from detector.evidence.arrays import Averages, beside, deviation, lower_median, on_device, on_host
from detector.evidence.clock import line_heights
from detector.observation.geometry import Geometry
from tests.support.refused import refusing

ON_TORCH = "cpu:0"
ROWS = np.random.default_rng(1).normal(0, 3, (2, 3, 1_000)).astype(np.float32)


def test_a_device_gives_what_numpy_gives() -> None:
    there = on_device(ROWS, ON_TORCH)
    assert isinstance(there, torch.Tensor)
    assert on_device(ROWS, arrays.CPU) is ROWS
    np.testing.assert_array_equal(on_host(there), ROWS)
    np.testing.assert_array_equal(on_host(lower_median(there)), lower_median(ROWS))
    np.testing.assert_allclose(on_host(deviation(there)), deviation(ROWS), rtol=1e-6)
    doubled = there * beside(np.array([2, 0, 1], np.float32)[:, None], there)
    np.testing.assert_array_equal(on_host(doubled)[:, 0], 2 * ROWS[:, 0])


def test_the_median_is_the_lower_one_of_the_middle() -> None:
    assert lower_median(np.array([[4, 1, 3, 2]], np.float32)).tolist() == [[2.0]]


def test_line_heights_do_not_depend_on_the_device() -> None:
    geometry = Geometry(44_100)
    lines = np.random.default_rng(2).normal(-1, 0.6, (3, geometry.bins)).astype(np.float32)
    lines[:, 500::500] += 6
    heights = line_heights(lines, geometry)
    assert heights.max() == 4
    there = line_heights(on_device(lines, ON_TORCH), geometry)
    np.testing.assert_allclose(on_host(there), heights, atol=1e-5)


def test_averages_are_means_of_the_bins_and_nothing_of_none() -> None:
    averages = Averages([np.array([0, 2]), np.array([], np.int64), np.array([999])], 1_000)
    rows = ROWS[0]
    expected = np.stack([rows[:, [0, 2]].mean(axis=1), np.zeros(3), rows[:, 999]])
    for z in (rows, on_device(rows, ON_TORCH)):
        np.testing.assert_allclose(averages.of(z), expected, atol=1e-6)


def test_the_devices_fault_is_told_from_other_faults() -> None:
    assert arrays.is_device_fault(torch.AcceleratorError("device lost"))
    assert arrays.is_device_fault(torch.OutOfMemoryError("full"))
    assert not arrays.is_device_fault(RuntimeError("a bug"))


@pytest.mark.skipif(arrays.cuda() is None, reason="no CUDA device here")
def test_a_cuda_device_is_chosen_where_it_is_there() -> None:
    assert arrays.chosen("auto") == "cuda"


def test_a_setting_is_taken_at_its_word() -> None:
    assert (arrays.chosen("cpu"), arrays.chosen("cuda")) == ("cpu", "cuda")
    assert "numpy" in arrays.described("cpu")
    assert "PyTorch" in arrays.described(ON_TORCH)


def test_without_torch_a_device_is_refused_with_what_to_install(tmp_path: Path) -> None:
    code = (
        "from detector.evidence import arrays; print(arrays.chosen('auto'))\n"
        "arrays.check_device('cpu'); arrays.check_device('cuda')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=refusing("torch", tmp_path),
        capture_output=True,
        text=True,
    )
    assert run.stdout.split() == ["cpu"]
    assert ModelError.__name__ in run.stderr
    assert "earmark[gpu]" in run.stderr
