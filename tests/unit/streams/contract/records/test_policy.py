"""What a change of a policy must say, and what keeps its order."""

import pytest

from tests.support.events import policy_changed


def test_a_bundle_comes_with_its_text_unless_it_is_withdrawn() -> None:
    with pytest.raises(ValueError, match="comes with its text"):
        policy_changed(text=None)
    assert policy_changed(text=None, state="withdrawn").text is None


def test_a_switched_rule_is_named() -> None:
    with pytest.raises(ValueError, match="needs its rule_id"):
        policy_changed(kind="rule", state="killed", text=None)
    switched = policy_changed(kind="rule", state="killed", text=None, rule_id="stay-down")
    assert switched.key == policy_changed().key, "changes of one policy keep their order"
