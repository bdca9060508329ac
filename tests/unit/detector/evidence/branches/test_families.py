"""A resemblance to known generators: its sentence, and where it has nothing to add."""

from dataclasses import replace

import numpy as np

from detector.evidence.branch import Context, Recording
from detector.evidence.branches.families import BRANCH, FamiliesMatch
from detector.evidence.clock import ClockFinding, standard_lattice
from detector.evidence.families import FIRST_BIN, LAST_BIN, Families
from tests.support.evidence import CALIBRATION, PLAIN, beside, looked
from tests.support.makers import silence


def test_a_population_without_a_model_is_not_compared() -> None:
    recording = Recording(silence(), standard_lattice(), ClockFinding(0.0, PLAIN), looped=False)
    assert BRANCH.search(recording) is None
    families = Families(np.zeros(LAST_BIN - FIRST_BIN, np.float32), 1.5, "full_rate")
    assert BRANCH.search(replace(recording, families=families)) == FamiliesMatch(1.5)


def test_the_sentence_counts_people_and_nothing_inconspicuous_has_one() -> None:
    def sentence(score: float) -> str | None:
        scores = beside(looked(0.1, PLAIN), families=FamiliesMatch(score))
        evidence = BRANCH.evidence(
            FamiliesMatch(score), Context(scores, silence(), CALIBRATION, 0.01)
        )
        return None if evidence is None else evidence.sentence

    assert sentence(0.0) is None
    strong = sentence(9.0)
    assert strong is not None
    assert "resembles that of known generators" in strong
    assert "0 of" in strong
