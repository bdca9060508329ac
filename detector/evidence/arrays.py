"""Arrays of numpy, or of torch where a device is asked for: what both do, by one code.

``Array`` is an ndarray, or a tensor on a device. Operators and slices are the same of both, and so
are ``mean``, ``sum``, ``clip``, ``reshape`` and the used functions of ``namespace(array)``.
Where the two differ, the function is here. Torch is loaded when an array is put on a device.
"""

import ctypes
import sys
import warnings
from functools import cache
from typing import Any, Final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from detector.errors import ModelError
from detector.types import FloatArray

Array = Any
"""``FloatArray`` or ``torch.Tensor``."""

CPU: Final = "cpu"
"""Numpy's device. All other names are torch's: ``cuda``, ``cuda:1``, ``cpu:0``."""


def check_device(device: str) -> None:
    """Refuse a device that needs torch where it is not installed (ModelError)."""
    if device != CPU:
        try:
            import torch  # noqa: F401
        except ImportError as error:
            remedy = "pip install 'earmark[gpu]', or score on cpu"
            raise ModelError(f"to score on {device}, PyTorch is needed: {remedy}") from error


def namespace(array: Array) -> Any:
    """Return the module whose functions take this array."""
    return np if isinstance(array, np.ndarray) else sys.modules["torch"]


def on_device(array: NDArray[Any], device: str) -> Array:
    """Return an array on a device, without a copy on numpy's."""
    if device == CPU:
        return array
    import torch

    return torch.from_numpy(array).to(device)


def beside(array: NDArray[Any], other: Array) -> Array:
    """Return a numpy array where another one is."""
    return namespace(other).asarray(array, device=other.device)


def on_host(array: Array) -> NDArray[Any]:
    """Return an array of numpy."""
    host: NDArray[Any] = array if isinstance(array, np.ndarray) else array.cpu().numpy()
    return host


def lower_median(rows: Array) -> Array:
    """Return the lower median [..., 1], by numpy without sorting everything."""
    if not isinstance(rows, np.ndarray):
        return rows.median(dim=-1, keepdim=True).values
    at = (rows.shape[-1] - 1) // 2
    return np.partition(rows, at, axis=-1)[..., at : at + 1]


def deviation(rows: Array) -> Array:
    """Return the standard deviation [..., 1], summed in double precision."""
    if not isinstance(rows, np.ndarray):
        return rows.double().std(dim=-1, keepdim=True, correction=0).float()
    return rows.std(axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)


class Averages:
    """A sparse matrix [len(rows), bins] that takes the mean of each row's bins, 0 of none."""

    def __init__(self, rows: list[NDArray[np.int64]], bins: int) -> None:
        sizes = [len(row) for row in rows]
        shares = np.repeat([1 / max(size, 1) for size in sizes], sizes).astype(np.float32)
        parts = (
            shares,
            np.concatenate(rows).astype(np.int32),
            np.cumsum([0, *sizes], dtype=np.int32),
        )
        self._matrix = scipy.sparse.csr_array(parts, (len(rows), bins))
        self._on_device: dict[str, Array] = {}

    def of(self, z: Array) -> FloatArray:
        """Return the means [len(rows), n] of ``z`` [n, bins]."""
        if isinstance(z, np.ndarray):
            means: FloatArray = self._matrix @ np.ascontiguousarray(z.T)
            return means
        return on_host(self._copy(str(z.device)) @ z.T.contiguous())

    def _copy(self, device: str) -> Array:
        if device not in self._on_device:
            import torch

            matrix = self._matrix
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Sparse (CSR|invariant)")
                self._on_device[device] = torch.sparse_csr_tensor(
                    torch.from_numpy(matrix.indptr),
                    torch.from_numpy(matrix.indices),
                    torch.from_numpy(matrix.data),
                    matrix.shape,
                    device=device,
                    check_invariants=True,
                )
        return self._on_device[device]


def chosen(setting: str) -> str:
    """Return the device of a setting: ``auto`` is CUDA where it is there, else numpy."""
    if setting != "auto":
        return setting
    return CPU if cuda() is None else "cuda"


def described(device: str) -> str:
    """Return what scores, for people."""
    return "the CPU, by numpy" if device == CPU else f"{cuda() or device}, by PyTorch"


@cache
def cuda() -> str | None:
    """Return the name of the CUDA device, None where there is none or no torch that knows it.

    Without a driver, torch is not loaded: that takes a second, and hundreds of megabytes.
    """
    try:
        ctypes.CDLL("libcuda.so.1")
        import torch
    except (OSError, ImportError):
        return None
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def is_device_fault(error: BaseException) -> bool:
    """Whether the device failed, and not what was computed there."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, (torch.AcceleratorError, torch.OutOfMemoryError))
