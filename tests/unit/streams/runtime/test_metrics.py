from prometheus_client import REGISTRY

from streams.runtime import metrics


def test_a_renamed_metric_is_exposed_under_both_names() -> None:
    before = REGISTRY.get_sample_value("earmark_heard_total", {"how": "reused"}) or 0
    metrics.DECODES.labels("reused").inc()
    for name in ("earmark_heard_total", "earmark_decodes_total"):
        assert REGISTRY.get_sample_value(name, {"how": "reused"}) == before + 1


def test_others_choose_a_bounded_number_of_labels() -> None:
    label = metrics.Names(["Suno"])
    first = [label(f"name {number}") for number in range(metrics.MOST_NAMES)]
    assert first == [f"name {number}" for number in range(metrics.MOST_NAMES)]
    assert {label(f"more {number}") for number in range(1_000)} == {metrics.OTHER}
    assert [label(name) for name in ("name 0", "Suno")] == ["name 0", "Suno"]
    assert metrics.Names()("x" * 2_000) == metrics.OTHER
