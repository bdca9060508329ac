"""The check of names and prose."""

from pathlib import Path

import pytest

from deploy import prose

CASES = {
    'raise ValueError("the file says so")': 'word "says"',
    "_said = 0": "name _said",
    '"""Somebody sends it."""': 'word "Somebody"',
    '"""It is stored"""': "full stop",
    "# what became of it": 'word "what became of"',
    'Option(help="whoever asks for it")': 'word "whoever"',
}


@pytest.mark.parametrize("text", CASES)
def test_a_breach_is_found(text: str) -> None:
    assert any(CASES[text] in reason for _, reason in prose.python_findings(text))


def test_plain_texts_pass() -> None:
    text = '"""It is stored."""\n\nKINDS = ("says", "a name of small letters", "one")\n'
    assert list(prose.python_findings(text)) == []


def test_the_code_that_models_name_keeps_its_messages() -> None:
    text = 'raise ValueError("the file says so")'
    assert list(prose.python_findings(text, messages=False)) == []
    assert all((Path(prose.ROOT) / room).is_dir() for room in prose.FROZEN)
