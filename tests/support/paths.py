"""Where things are in a clone."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
MODELS: Final = ROOT / "models"
GOLDEN: Final = ROOT / "tests" / "golden"
