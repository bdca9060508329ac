"""Rules: canaries, samples."""

from streams.policy.evaluate import evaluate
from tests.support.policies import bundle, features, rule


def test_a_canary_acts_on_its_share_of_tracks_and_always_on_the_same() -> None:
    policy = bundle(rule(mode="canary 25%", actions={"display": "ai_badge"}))
    answer = {key: evaluate(features(), policy, key=key) for key in map(str, range(2_000))}
    acted = {key for key, one in answer.items() if one.hits}
    assert 430 < len(acted) < 570
    assert all(answer[key].hits[0].mode == "canary" for key in acted)
    assert all(one.shadow_hits for key, one in answer.items() if key not in acted)
    assert all(one.would_be.display == "ai_badge" for one in answer.values())
    wider = bundle(rule(mode="canary 50%", actions={"display": "ai_badge"}))
    assert all(evaluate(features(), wider, key=key).hits for key in acted)  # it only grows


def test_a_sample_of_what_went_by_itself_is_looked_at() -> None:
    policy = bundle(rule(actions={"display": "ai_badge"}, sample_to_review=0.1))
    answer = [evaluate(features(), policy, key=str(key)) for key in range(2_000)]
    samples = [one.review for one in answer if one.review is not None]
    assert 140 < len(samples) < 260
    assert {(one.queue, one.sample) for one in samples} == {("sample", True)}
    assert all(one.automation == "fully" for one in answer)
