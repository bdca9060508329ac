"""What a newcomer reads comes first, and the terms are explained where they stand."""

from streams.services import wording
from streams.web.console import strings
from tests.support.console import Console
from tests.support.stories import tell


def test_pages_say_it_first_and_explain_their_terms(console: Console) -> None:
    decided, requested = tell(console.resources.ledger)
    assert requested is not None
    sentence = wording.explanation(decided.analysis)
    reader = console.browser("viewer")
    for path in (f"/check/{decided.upload_id}", "/tracks/T-1", f"/tasks/{requested.task_id}"):
        html = reader.get(path).text
        assert sentence in html, path
        assert html.index(sentence) < html.index("p-value"), path
        for term in strings.TERMS:
            assert f"<dt>{term}</dt>" in html, path
