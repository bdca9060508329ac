"""The glossary: each word is used by code and documents alike, and words beside it are refused."""

import re
from functools import cache

import pytest

from deploy import prose
from deploy.glossary import TERMS, Term
from tests.support.documents import documents
from tests.support.paths import ROOT

BESIDE = {
    "a poison message": "dead letter",
    "a moderator looks at the review item": "reviewer",
    "the catalog": "catalogue",
    "on the block list": "bank",
    "a small p value": "p-value",
    "an aggregator delivers": "distributor",
}


@cache
def texts() -> tuple[str, str]:
    """Return the code with the console's pages, and the documents, in lower case."""
    code = [
        path.read_text()
        for room in ("streams", "detector")
        for suffix in ("py", "html", "yaml")
        for path in (ROOT / room).rglob(f"*.{suffix}")
    ]
    pages = [page.read_text() for page in documents() if page.stem not in ("glossary", "cli")]
    return " ".join("\n".join(code).lower().split()), " ".join("\n".join(pages).lower().split())


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.word)
def test_a_term_is_used_by_code_and_documents(term: Term) -> None:
    word = re.escape(term.word).replace(r"\ ", "[ _-]").replace(r"\-", "[ _-]")
    code, pages = texts()
    assert re.search(rf"\b{word}", code)
    assert re.search(rf"\b{word}", pages)


def test_words_stand_once() -> None:
    words = [term.word for term in TERMS]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("sentence", BESIDE)
def test_a_word_beside_the_glossary_is_refused(sentence: str) -> None:
    for findings in (prose.python_findings(f"# {sentence}\n"), prose.text_findings(sentence)):
        assert any(f"word of the glossary: {BESIDE[sentence]}" in reason for _, reason in findings)
