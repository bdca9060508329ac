"""Audio in, assessment out: a plain library without Kafka, environment or clock.

Read it in the order in which data flows:

- ``audio``: decoding, framing, spectra, the acoustic fingerprint;
- ``matching``: landmarks, quads and postings, by which known recordings are recognised;
- ``observation``: the one pass over the audio, and what it keeps;
- ``calibration``: what a score is worth, and when the detector abstains;
- ``evidence``: the branches, and how their scores combine;
- ``assessment``: the answer, and a released model;
- ``explain``: pictures of the evidence.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector.assessment.model import Model

RELEASED = Path(__file__).resolve().parents[1] / "models" / "ensemble-5"
FOUR_HOURS_S = 14_400.0


def analyze_file(
    path: Path | str,
    model: Path | str = RELEASED,
    *,
    alpha: float = 0.01,
    identified_alpha: float = 0.001,
    max_duration_s: float = FOUR_HOURS_S,
) -> dict[str, Any]:
    """Return the answer for one audio file, as ``earmark analyze --json`` prints it.

    The file is decoded in this process. The service decodes in a confined child; do the same with
    files that may be hostile. ``model`` is the folder of a released one, which stays in memory.

    Raises:
        InvalidAudio: the file cannot be decoded; the reason is a stable code.
        ModelError: the folder is no released model, or it does not support the rates.
        OSError: the file cannot be opened.
    """
    from detector.assessment.analyze import analysed
    from detector.observation.listen import listen
    from detector.types import Rates

    released = _loaded(Path(model).resolve())
    rates = Rates(alpha, identified_alpha)
    released.check_rates(rates)
    return analysed(str(path), listen(Path(path), max_duration_s=max_duration_s), released, rates)


@lru_cache(maxsize=4)
def _loaded(folder: Path) -> "Model":
    """Return the model of a folder, loaded once."""
    from detector.assessment.model import Model

    return Model.load(folder)
