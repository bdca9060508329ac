"""A model of known generators: it finds their other tracks, and no others' weight decides."""

import numpy as np
import pytest

from models.training.family_fitting import Examples, fit
from tests.support.makers import observed


@pytest.fixture(scope="module")
def examples() -> Examples:
    ai = [observed("ai", "one", "org/one", take, first_line=400) for take in range(24)]
    human = [observed("human", f"band {n % 4}", f"org/{n % 4}", 500 + n) for n in range(24)]
    return Examples.of([*ai, *human])


def test_other_tracks_of_a_known_generator_are_told_from_people(examples: Examples) -> None:
    used = np.arange(48) % 2 == 0
    families = fit(examples, examples.products, used)
    assert families is not None
    logits = np.array([families.logit(one) for one in examples.values])
    assert logits[~used & examples.ai].min() > logits[~used & ~examples.ai].max()


def test_versions_share_the_weight_of_their_recording(examples: Examples) -> None:
    contents = examples.contents.copy()
    contents[1:4] = contents[0]
    same = Examples(examples.values, examples.ai, examples.makers, examples.groups, contents)
    weights = same.weights(np.ones(48, bool))
    assert weights[:4].sum() == pytest.approx(weights[4])
    assert weights.sum() == pytest.approx(1)
    assert weights[same.ai].sum() == pytest.approx(0.5)


def test_few_recordings_make_no_model(examples: Examples) -> None:
    assert fit(examples, examples.products, np.arange(48) < 24) is None
