"""Old spellings of commands and options, kept for one release."""

import pytest
import typer
from typer.testing import CliRunner

from streams.cli import renamed
from streams.cli.main import app

OLD = [
    ("topics rewind decide --to 2d --yes", "groups reset-offsets decide --to 2d --yes"),
    ("ledger forget T-1", "ledger erase T-1"),
    ("ledger reviewed out.csv", "ledger export-training-labels out.csv"),
    ("link ada", "users login-link ada"),
    ("bank follow catalogue --as second", "bank replicate catalogue --as second"),
    ("policy switch RULE off --why x", "policy disable RULE --why x"),
    ("policy switch --why x RULE on", "policy enable --why x RULE"),
    ("dlq ls --standing=all", "dead-letters ls --status=all"),
    ("dlq drop ddl_1 --who me --why x", "dead-letters drop ddl_1 --by me --why x"),
    ("recognition --tracks 9", "evaluate-matching --tracks 9"),
    ("outcomes --name x", "predict --name x"),
    ("bank audit --limit 3", "bank audit --limit 3"),
    ("ddex a.xml b.xml", "ddex in a.xml b.xml"),
    ("ddex in a.xml", "ddex in a.xml"),
    ("ddex out --out x", "ddex out --out x"),
    ("ddex --help", "ddex --help"),
    ("statements", "statements export"),
    ("statements --since 30d", "statements export --since 30d"),
    ("statements ls", "statements ls"),
    ("statements --help", "statements --help"),
]


@pytest.mark.parametrize(("old", "new"), OLD)
def test_an_old_spelling_becomes_the_new_one(old: str, new: str) -> None:
    assert renamed.current_spelling(old.split()) == new.split()


@pytest.mark.parametrize("words", [*renamed.COMMANDS, ("policy", "switch", "off")])
def test_an_old_command_runs(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0, result.output
    assert "this is now `earmark " in result.stderr


def test_help_texts_are_imperative_and_short() -> None:
    def commands(group: object) -> list[object]:
        inner = getattr(group, "commands", None)
        return (
            [group]
            if inner is None
            else [leaf for name in inner.values() for leaf in commands(name)]
        )

    for command in commands(typer.main.get_command(app)):
        first = str(getattr(command, "help", "")).split("\n")[0]
        assert 0 < len(first) <= 70, first
        assert first[0].isupper(), first
