"""The report of an evaluation, as a page, as text and on the card."""

import re
from pathlib import Path

from models.evaluation import measures
from models.evaluation.card_measurements import blocks as card_blocks
from models.evaluation.document import markdown, page
from models.evaluation.held_out_scores import scores_csv
from models.evaluation.report import blocks
from models.training.detection_tables import p_values
from tests.support.evaluations import (
    decoded,
    figures,
    halved,
    unseen,
)


def test_report_and_scores() -> None:
    data = {
        "listed": {"ai": 36, "human": 120}, "suspects": [], "unheard": [],
        "not_used": 0,
        "used": {
            label: {"tracks": 1, "performances": 1, "makers": 1, "repositories": 1, "hours": 1.0}
            for label in ("ai", "human")
        },
    }  # fmt: skip
    everything = {
        "model": {"name": "x<y", "version": "1", "digest": "d"},
        "data": data,
        "subsets": {"44.1 kHz and up": figures()},
        "nested": {"44.1 kHz and up": halved()},
        "attribution": measures.attribution(decoded()),
        "unseen_decoders": {"44.1 kHz and up": unseen()},
        "suspects": {
            "44.1 kHz and up": {
                "suspects": 19,
                "flagged": {"0.01": 19},
                "fpr_without": {"0.01": 0.005},
                "fpr_with": {"0.01": 0.09},
            }
        },
    }
    report = blocks(everything, details=True)
    text, html = markdown(report), page("x<y", report)
    assert "labels permuted" in text
    assert "judged on the other" in text
    assert html.count("<svg") == 4
    assert "x&lt;y" in html
    # nothing is fetched: no addresses but the names of XML's vocabularies
    assert not re.search(r"""(src|href)=["']https?:|@import|<script|<link""", html)
    card = markdown(card_blocks(everything, None, "x<y"))
    assert "| this model |" in card
    assert "is within chance) and" in card
    assert "would be 9.0 % instead of 0.5 % at 1%" in card
    assert "Decoder unseen as well" in card
    assert "confounded as delivered" in card or "below the limit" in card
    rows = scores_csv(decoded(), p_values(decoded()), Path.cwd()).splitlines()
    assert len(rows) == 1 + len(decoded())
    assert rows[0].startswith("path,sha256,label,maker,repository")
