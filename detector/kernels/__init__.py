"""Passes over arrays that numpy makes in many steps: compiled where a C compiler was at hand.

Both give the same bits (``tests/unit/detector/kernels/test_compiled.py``), so observations do not
show which of them made them.
"""

from detector.kernels import compiled
from detector.kernels.reference import Kernels

chosen: Kernels = compiled.load() or Kernels()
"""What this process uses; read it at each call."""
