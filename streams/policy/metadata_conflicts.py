"""Contradictions inside of a delivery's own metadata (DDEX ERN 4.3.2, domain 1.1).

They cost nothing to find and say more about a delivery than its declaration alone.
"""

from typing import Final

from streams.contract.records import Upload

ALL_WITH_HUMAN: Final = "ddex_all_with_human"
NONE_WITH_AI: Final = "ddex_none_with_ai"
ALL_WITH_HUMAN_VOCALS: Final = "ddex_all_with_human_vocals"


def conflicts(upload: Upload) -> tuple[str, ...]:
    """Return the contradictions of an upload's metadata, by name.

    ``ContainsAI=All`` admits only machines as contributors, and no human vocal performance;
    ``None`` admits no contributor who worked by AI. That recording and artwork differ is no
    contradiction.
    """
    declared = upload.declared
    names = []
    if declared.contains_ai == "All":
        if any(not one.is_generative_ai for one in upload.contributors):
            names.append(ALL_WITH_HUMAN)
        if declared.has_vocal_performance:
            names.append(ALL_WITH_HUMAN_VOCALS)
    if declared.contains_ai == "None" and any(
        one.is_generative_ai or one.ai_contribution in ("All", "Partly")
        for one in upload.contributors
    ):
        names.append(NONE_WITH_AI)
    return tuple(sorted(names))
