"""Reason codes of verdicts: at least one is given, so that figures can be told apart by them."""

from typing import Final

REASONS: Final = {
    "R-AUDIBLE-ARTEFACTS": "synthetic artefacts can be heard",
    "R-DECODER-TRACE": "the decoder's trace in the picture is convincing",
    "R-GENERATOR-KNOWN": "the generator is known or named in the file",
    "R-DECLARED": "the deliverer says so, credibly",
    "R-PROVENANCE": "signed provenance says so",
    "R-HUMAN-PERFORMANCE": "a human performance can be heard",
    "R-FALSE-TRACE": "the trace has another cause: loop, chip, telephone, codec",
    "R-CREATION-SHOWN": "a session, stems or a film of the recording were shown",
    "R-LICENCE-SHOWN": "a licence covers it",
    "R-AUDIO-GONE": "the audio can no longer be heard",
    "R-NOT-DECIDABLE": "neither ear nor picture decides it",
    "R-SECOND-PAIR-OF-EARS": "somebody else should look",
    "R-OTHER": "another reason, in the note",
}
UNDO: Final = "R-UNDONE"
OTHER: Final = "R-OTHER"
