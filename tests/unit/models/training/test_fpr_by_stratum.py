"""False positives, apart by length."""

import numpy as np

from models.training import fpr_by_stratum
from tests.support.evaluations import decoded


def test_false_positives_are_counted_by_length() -> None:
    p = np.where([one.is_ai for one in decoded()], 0.001, 0.5)
    rows = {row["from_s"]: row for row in fpr_by_stratum.by_duration(decoded(), p)}
    assert rows[12.0]["human"] + rows[12.0]["ai"] == len(decoded())  # all are 20 s
    assert rows[12.0]["fpr"]["0.05"] == 0
    assert rows[12.0]["tpr"]["0.01"] == 1
    assert rows[60.0]["to_s"] is None
    assert rows[60.0]["fpr"]["0.01"] is None
