"""The page of the reasons of errors names each that the code has."""

import ast
from collections.abc import Iterator
from itertools import chain

from deploy.reference_errors import DEAD_LETTERS, NOT_SENT, REQUESTS
from tests.support.paths import ROOT

SOURCES = [*ROOT.glob("streams/**/*.py"), *ROOT.glob("detector/**/*.py")]
ROOT_CLASS = "BadInput"


def kinds(trees: list[ast.Module]) -> set[str]:
    """Return the names of all classes below ``BadInput``, and of what is skipped."""
    bases = {
        node.name: {ast.unparse(base).split(".")[-1] for base in node.bases}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    known = {ROOT_CLASS}
    while more := {name for name, above in bases.items() if above & known} - known:
        known |= more
    return known | {"Skipped"}


def reasons(tree: ast.Module, kinds: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            values = [word.value for word in node.keywords if word.arg == "reason"]
            yield from (str(one.value) for one in values if isinstance(one, ast.Constant))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in kinds:
            place = 1 if ast.unparse(node.func).endswith("Skipped") else 0
            value = node.args[place] if len(node.args) > 1 else None
            if isinstance(value, ast.Constant):
                yield str(value.value)


def test_every_reason_is_on_the_page_and_none_that_nothing_has() -> None:
    trees = [ast.parse(path.read_text()) for path in SOURCES]
    known = kinds(trees)
    assert {"InvalidAudio", "BankError", "WrongDdex"} <= known
    in_code = {reason for tree in trees for reason in reasons(tree, known)}
    listed = {*DEAD_LETTERS, *NOT_SENT, *chain.from_iterable(REQUESTS.values())}
    assert in_code - listed == set(), "describe them in deploy/reference_errors.py"
    texts = "".join(path.read_text() for path in SOURCES)
    assert [reason for reason in listed if f'"{reason}"' not in texts] == []
