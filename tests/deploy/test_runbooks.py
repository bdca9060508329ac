"""What is written for the on-call engineer can be typed: commands, settings, values, SQL, lines.

Every ``earmark`` command of every text is parsed by the program's own command line (none is run).
Everything else that a text names is looked up where it is defined.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import typer
import yaml

from streams.cli.main import app
from streams.contract.processes import PROCESSES
from streams.ops import doctor
from streams.runtime.settings import PREFIX, Settings
from streams.store.database import Ledger
from tests.bench.cli import app as bench_app
from tests.deploy.helm import CHART, Refused
from tests.deploy.helm import run as helm_run
from tests.deploy.prometheus import exposed
from tests.support.documents import DOCUMENTS, documents
from tests.support.paths import ROOT
from tests.support.postgres import private_postgres

RUNBOOKS = ROOT / "docs" / "runbooks.md"
# what operators follow: the runbooks, and the tasks among the other pages
TASKS = [RUNBOOKS, *documents("docs/how-to")]
OF_OTHERS = {"earmark_role", "earmark_owner"}  # a claim, a role of PostgreSQL
TEXTS = [
    *(path for path in DOCUMENTS if path.name != "cli.md"),  # which is made of the commands
    ROOT / "models" / "README.md",
    *(CHART / name for name in ("README.md", "templates/NOTES.txt")),
    Path(doctor.__file__),
]
FENCE = re.compile(r"^ *```(?:sh|bash)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
UsageError: Any = typer.BadParameter.__base__
# at the beginning, after variables, a path, "--" of kubectl or a service of Compose
OF_A_COMMAND = re.compile(
    r"(?:^ *|(?:^|env )(?:[A-Z_]+=\S+ )+|bin/| -- +|exec \w+ )earmark (?=[a-z-])(.*)"
)


def written() -> Iterator[tuple[str, str, bool]]:
    """Yield where a command is written, its words, and whether it stands in prose."""
    for text in TEXTS:
        sentences = text.read_text().replace("\\\n", " ")
        if text.suffix == ".py":  # what the doctor advises
            lines = [(one, True) for one in re.findall(r'"(earmark [^"(]+)', sentences)]
        else:
            blocks = FENCE.findall(sentences) if text.suffix == ".md" else [sentences]
            lines = [(line, False) for block in blocks for line in block.splitlines()]
            prose = FENCE.sub("", sentences) if text.suffix == ".md" else ""
            lines += [(" ".join(one.split()), True) for one in INLINE.findall(prose)]
        for line, mention in lines:
            for part in statements(line):
                if match := OF_A_COMMAND.search(part):
                    yield text.name, match[1].strip(), mention


def statements(line: str) -> Iterator[str]:
    """Yield the commands of a shell's line: without redirections and comments."""
    quoted = r"""(?:'[^']*'|"[^"]*"|[^;|&<>()#'"]|(?<=\S)[()#]|[<>(](?=[A-Z]))*"""
    for match in re.finditer(rf"({quoted})([;|&<>()#]?)", line):
        yield match[1]
        if match[2] == "#":
            return


COMMANDS = sorted(set(written()))


def command_line() -> Any:
    """Return the whole command line, as ``streams.cli.main.main`` puts it together."""
    whole = typer.Typer()
    whole.registered_commands = list(app.registered_commands)
    whole.registered_groups = list(app.registered_groups)
    whole.add_typer(bench_app, name="bench")
    return typer.main.get_command(whole)


def parse(command: Any, words: list[str], *, mention: bool) -> None:
    """Parse as the program would, and run nothing.

    In prose a command may be named alone, without what it needs.

    Raises:
        UsageError: there is no such command, option or argument.
    """
    inner = getattr(command, "commands", None)
    if inner is not None:
        if not words and mention:
            return
        name, *rest = words
        if name in ("--help", "--version"):
            return
        if name not in inner:
            raise UsageError(f"{command.name} has no command {name}")
        parse(inner[name], rest, mention=mention)
        return
    try:
        command.make_context(command.name, list(words))
    except UsageError as error:
        absent = "does not exist" in str(error)  # of a file: whether it is there is not asked
        lacking = type(error).__name__ == "MissingParameter" or "requires an argument" in str(error)
        if not (absent or (mention and lacking)):
            raise
    except typer.Exit:
        pass  # --help


@pytest.mark.parametrize(("place", "words", "mention"), COMMANDS)
def test_every_command_that_is_written_down_exists(place: str, words: str, mention: bool) -> None:
    parse(command_line(), shlex.split(words.replace("...", "X")), mention=mention)


@pytest.mark.parametrize(
    "wrong",
    ["topics aply", "topics apply --growing", "groups reset-offsets ledger", "dead-letters reply"],
)
def test_a_wrong_command_would_be_noticed(wrong: str) -> None:
    with pytest.raises(UsageError):
        parse(command_line(), wrong.split(), mention=False)


def test_all_texts_were_read() -> None:
    places = {place for place, _, _ in COMMANDS}
    assert {"README.md", "runbooks.md", "rules.md", "NOTES.txt", "doctor.py"} <= places
    assert len(COMMANDS) > 80


def test_helm_takes_the_commands_that_are_written_down() -> None:
    """Without a cluster it gets as far as asking for one, past flags and arguments."""
    sentences = "".join(text.read_text() for text in (RUNBOOKS, CHART / "README.md"))
    commands = set(re.findall(r"^ *(helm .+)$", sentences, re.MULTILINE))
    commands |= {one for one in INLINE.findall(FENCE.sub("", sentences)) if one.count(" ") > 2}
    commands = {one for one in commands if one.startswith("helm ")}
    assert len(commands) >= 5
    for command in commands:
        words = [one.replace("deploy/helm/earmark", str(CHART)) for one in command.split()[1:]]
        if "mine.yaml" in words:
            words[words.index("mine.yaml")] = str(CHART / "ci" / "default-values.yaml")
        with pytest.raises(Refused, match="cluster unreachable"):
            helm_run("--kube-apiserver", "http://127.0.0.1:1", *words)


def names_of(text: str) -> set[str]:
    return {" ".join(one.split()) for one in INLINE.findall(FENCE.sub("", text))}


def tasks() -> str:
    return "\n".join(path.read_text() for path in TASKS)


def test_tasks_name_settings_that_exist() -> None:
    """``EARMARK_DECODE_*`` stands for all that begin like this."""
    named = set(re.findall(r"\bsettings\.(\w+)", tasks()))
    named |= {one.lower() for one in re.findall(rf"\b{PREFIX}([A-Z_]+)", tasks())}
    assert len(named) > 30
    known = Settings.model_fields.keys()
    assert [one for one in named - known if not any(k.startswith(one) for k in known)] == []


def test_tasks_name_values_that_exist() -> None:
    """``processors.NAME.replicas`` and the like, by the chart's own values."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in PROCESSES:
        values["processors"][name] = values["common"]
    values["processors"]["NAME"] = values["common"]
    seen = set()
    for text in (*TASKS, CHART / "README.md"):
        before_table = text.read_text().split("\n## Values")[0]
        dotted = {
            one
            for one in names_of(before_table)
            if re.fullmatch(r"[A-Za-z]+(\.\w+)+", one) and one.split(".")[0] in values
        }
        seen |= dotted
        for path in dotted:
            node: Any = values
            for key in path.split("."):
                if path.startswith("settings."):
                    assert path.removeprefix("settings.") in Settings.model_fields
                    break
                assert key in node, f"{text.name}: {path}"
                node = node[key]
    assert len(seen) > 20


def test_tasks_name_metrics_that_exist() -> None:
    named = set(re.findall(r"(?<!-)\bearmark_[a-z_]+", tasks()))
    assert named
    assert named <= exposed() | {"earmark_consumer_lag"} | OF_OTHERS


def test_lines_of_the_log_that_runbooks_name_are_logged() -> None:
    code = "".join(path.read_text() for path in (ROOT / "streams").rglob("*.py"))
    text = RUNBOOKS.read_text()
    named = set(
        re.findall(r"`([a-z]+_[a-z_]+)`[^`]{0,12}(?:in (?:its|the) log|names the error)", text)
    )
    named |= set(re.findall(r"\b(?:line|has)\s+`([a-z_]+)`", text))
    assert len(named) >= 5
    assert {one for one in named if f'"{one}"' not in code} == set()


@pytest.mark.parametrize("alert", ["EarmarkDeadLetterShare", "EarmarkAbstentionSurge"])
def test_reasons_that_runbooks_name_are_given(alert: str) -> None:
    code = "".join(
        path.read_text() for room in ("streams", "detector") for path in (ROOT / room).rglob("*.py")
    )
    section = RUNBOOKS.read_text().split(f"### {alert}\n")[1].split("\n###")[0]
    listed = re.findall(r"^- (`.*?):", section, re.MULTILINE | re.DOTALL)
    reasons = {one for line in listed for one in re.findall(r"`([a-z_]+)`", line)}
    assert len(reasons) >= 6
    assert {one for one in reasons if f'"{one}"' not in code} == set()


def test_sql_of_the_tasks_can_be_asked() -> None:
    """Of the ledger's real tables, by PostgreSQL's planner."""
    text = " ".join(tasks().split())
    questions = re.findall(r"`(SELECT [^`]+)`", text)
    assert len(questions) >= 5
    with private_postgres() as url:
        ledger = Ledger.open(url)
        with ledger.reading() as connection:
            for question in questions:
                connection.execute(sqlalchemy.text(f"EXPLAIN {question}"))
        ledger.close()
