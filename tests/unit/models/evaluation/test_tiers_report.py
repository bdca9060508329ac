"""The tables of both tiers, and the sentence about what is not met."""

from typing import Any

from models.evaluation.document import markdown
from models.evaluation.tiers_report import blocks


def row(suspected_ai: int, named: int, no_trace: int | None) -> dict[str, Any]:
    return {
        "tracks": 20,
        "origins": 2,
        "abstained": 1,
        "suspected": suspected_ai,
        "suspected_interval": [0.5, 1.0],
        "suspected_mean": 0.75,
        "identified": named,
        "identified_interval": [0.0, 0.25],
        "no_trace": no_trace,
    }


def figures(suspected_ai: int, flagged: int) -> dict[str, Any]:
    lines = [
        ("people", "human", row(flagged, 0, None), 0.05, 0.001),
        ("Suno", "known", row(suspected_ai, 20, 3), 0.97, 0.9),
    ]
    return {
        "learned_of": {"ai": 20, "human": 40},
        "asked": [
            {
                "title": title,
                "measured": measured,
                "asked": {"suspected": suspected, "identified": identified},
                **counts,
            }
            for title, measured, counts, suspected, identified in lines
        ],
        "generators": {"Suno": {"known": row(suspected_ai, 20, 3), "unseen": row(2, 0, 18)}},
        "all": {"known": row(suspected_ai, 20, 3), "unseen": row(2, 0, 18)},
        "kinds": {"chiptune": row(flagged, 0, None)},
    }


def test_what_is_not_met_is_said_with_its_distance() -> None:
    text = markdown(blocks(figures(16, 2)))
    missed = "people: suspected 10.0 %, 5.0 points too many; Suno: suspected 80.0 %, 17.0 points"
    assert f"Not met: {missed} too few." in text
    assert (
        "| Suno | known | 20 | 1 | 2 | 16 (80.0 %) | [50.0, 100.0] | 75.0 % | 20 (100.0 %) | "
        "[0.0, 25.0] | 3 | at least 97.0 % | at least 90.0 % |"
    ) in text
    assert "| Suno | unseen | 20 | 1 | 2 | 2 (10.0 %) |" in text
    assert "| chiptune | origin unknown | 20 |" in text
    assert "on 20 AI tracks and 40 recordings of people" in text


def test_where_all_is_met_it_says_so() -> None:
    assert "All of it is met." in markdown(blocks(figures(20, 1)))
