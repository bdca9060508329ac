from prometheus_client import REGISTRY

from streams.runtime import metrics


def test_a_renamed_metric_is_exposed_under_both_names() -> None:
    before = REGISTRY.get_sample_value("earmark_heard_total", {"how": "reused"}) or 0
    metrics.DECODES.labels("reused").inc()
    for name in ("earmark_heard_total", "earmark_decodes_total"):
        assert REGISTRY.get_sample_value(name, {"how": "reused"}) == before + 1
