"""The doctor finds each planted fault, names the remedy, and finds nothing where nothing is."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from detector.evidence.arrays import cuda
from streams.cli.main import app
from streams.contract import topics
from streams.media import sandbox
from streams.ops import doctor
from streams.ops.doctor import Finding, examine
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.policy.bundle import parse
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.events import message, policy_changed
from tests.support.postgres import NoPostgres, PrivatePostgres
from tests.support.publishing_helpers import text_with

Environment = dict[str, str]
pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An installation without a fault."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "audio").mkdir()
    with EmbeddedBroker() as broker:
        ensure_topics(Settings(brokers=broker.bootstrap))
        ledger = f"sqlite:///{folder}/ledger.db"
        Ledger.open(ledger).close()
        yield {
            "EARMARK_BROKERS": broker.bootstrap,
            "EARMARK_LEDGER": ledger,
            "EARMARK_STORE": f"file://{folder}/store",
            "EARMARK_FILE_ROOTS": f"{folder}/audio",
            "EARMARK_FETCH_MAX_BYTES": "1000000",
        }


def checked(environ: Environment) -> list[Finding]:
    return [one for one in examine(environ) if one.state != "ok"]


def test_nothing_is_found_where_nothing_is_wrong(
    sound: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LOW_DISK", 0.0)  # this machine's disk is its own affair
    assert checked(sound) == []
    text = text_with("shadow", "77.0.0")
    newer = parse(text, "policy").ref
    change = policy_changed(change_id="pol_77", policy=newer, text=text)
    with closing(Ledger.open(sound["EARMARK_LEDGER"])) as ledger:
        project(ledger, [message(topics.POLICIES_CHANGED, change)])
    (policy,) = (one for one in examine(sound) if one.check == "policy")
    assert policy.says.startswith(f"{newer.name} 77.0.0 {newer.digest[:12]} was published")
    store = Path(sound["EARMARK_STORE"].removeprefix("file://"))
    assert list(store.rglob("*")) == []  # it takes back what it wrote


def a_file(folder: Path) -> Path:
    (folder / "file").write_text("this is no folder, no policy and no database\n" * 100)
    return folder / "file"


def altered_model(folder: Path) -> Path:
    model = folder / "model"
    shutil.copytree(Settings().model, model)
    (model / "weights.safetensors").write_bytes(b"no weights")
    return model


PLANTED: dict[str, tuple[Callable[[Path], Environment], str, str]] = {
    "a wrong setting": (lambda _: {"EARMARK_ALPHA": "2"}, "EARMARK_ALPHA", "earmark settings"),
    "a setting that does not exist": (
        lambda _: {"EARMARK_PARTITOINS": "2"},
        "EARMARK_PARTITOINS: no such setting",
        "earmark settings",
    ),
    "no broker": (
        lambda _: {"EARMARK_BROKERS": f"127.0.0.1:{free_port()}"},
        "no broker answers",
        "EARMARK_BROKERS",
    ),
    "too few partitions": (
        lambda _: {"EARMARK_PARTITIONS": "8"},
        "partitions 4 -> 8",
        "topics apply --grow",
    ),
    "an empty ledger": (
        lambda folder: {"EARMARK_LEDGER": f"sqlite:///{folder}/empty.db"},
        "an empty database",
        "earmark ledger upgrade",
    ),
    "a ledger that is none": (
        lambda folder: {"EARMARK_LEDGER": f"sqlite:///{a_file(folder)}"},
        "not a database",
        "EARMARK_LEDGER",
    ),
    "a ledger that is away": (
        lambda _: {"EARMARK_LEDGER": f"postgresql://nobody@127.0.0.1:{free_port()}/none"},
        "refused",
        "start the database",
    ),
    "a ledger of another kind": (
        lambda _: {"EARMARK_LEDGER": "mysql://db/earmark"},
        "must be sqlite or postgresql",
        "EARMARK_LEDGER",
    ),
    "a store where nothing can be written": (
        lambda folder: {"EARMARK_STORE": f"file://{a_file(folder)}/store"},
        "NotADirectoryError",
        "right to read, write and delete",
    ),
    "a folder of audio that is not there": (
        lambda folder: {"EARMARK_FILE_ROOTS": f"{folder}/away"},
        "no folder that we can read",
        "mount it",
    ),
    "a scheme without its package": (
        lambda _: {"EARMARK_URI_SCHEMES": "file,abfs"},
        "abfs",
        "drop the scheme",
    ),
    "a policy that is none": (
        lambda folder: {"EARMARK_POLICY": str(a_file(folder))},
        "file:1",
        "EARMARK_POLICY",
    ),
    "a model that was altered": (
        lambda folder: {"EARMARK_MODEL": str(altered_model(folder))},
        "weights",
        "EARMARK_MODEL",
    ),
    "a rate that the model does not support": (
        lambda _: {"EARMARK_ALPHA": "0.00001"},
        "alpha",
        "raise EARMARK_ALPHA",
    ),
    "no room for uploads": (
        lambda _: {"EARMARK_FETCH_MAX_BYTES": str(2**60)},
        "may be needed",
        "EARMARK_DECODE_WORKERS",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str, sound: Environment, tmp_path: Path) -> None:
    plant, says, remedy = PLANTED[fault]
    findings = checked(sound | plant(tmp_path))
    assert [one for one in findings if says in one.says and remedy in one.remedy], findings


def test_missing_topics_are_found(sound: Environment) -> None:
    with EmbeddedBroker() as empty:
        findings = checked(sound | {"EARMARK_BROKERS": empty.bootstrap})
    assert [one.remedy for one in findings if one.check == "topics"] == ["earmark topics apply"]


@pytest.mark.skipif(cuda() is not None, reason="there is a CUDA device here")
@pytest.mark.parametrize(("setting", "state"), [("required", "fault"), ("best_effort", "warning")])
def test_layers_of_the_sandbox_that_do_not_hold_are_named(
    setting: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate({"sandbox": setting})
    monkeypatch.setattr(sandbox, "missing", lambda held: sorted(held)[:2])
    (finding,) = doctor.sandbox(settings)
    assert finding.state == state
    assert finding.says.endswith(": files, limits")
    monkeypatch.setattr(sandbox, "missing", lambda held: [])
    (finding,) = doctor.sandbox(settings)
    assert (finding.state, finding.says) == ("ok", "holds: limits, files, network, system_calls")


def test_a_missing_device_is_found(sound: Environment) -> None:
    findings = checked(sound | {"EARMARK_DEVICE": "cuda"})
    assert any(one.check == "device" and "nvidia-smi" in one.remedy for one in findings)


def test_a_clock_that_is_wrong_is_found() -> None:
    finding = doctor.clock(-7.5)
    assert finding.state == "fault"
    assert "-7.5 s" in finding.says
    assert "NTP" in finding.remedy


def test_the_command_says_it_and_exits_by_it(
    sound: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (sound | {"EARMARK_MODEL": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["doctor", "--json", "--state", str(tmp_path)])
    assert done.exit_code == 1
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["check"] for one in findings if one["state"] == "fault"} >= {"model"}
    printed = CliRunner().invoke(app, ["doctor", "--state", str(tmp_path)]).stdout
    assert "FAULT   model:" in printed
    assert "        -> install the release again" in printed


def test_a_postgresql_is_looked_at_with_its_clock_and_rights(sound: Environment) -> None:
    try:
        server = PrivatePostgres()
    except NoPostgres as error:
        pytest.skip(str(error))
    with server:
        ledger = Ledger.open(server.url)
        whole = Settings.from_env(sound | {"EARMARK_LEDGER": server.url})
        assert [(one.check, one.state) for one in doctor.ledger(whole)] == [
            ("clock", "ok"),
            ("ledger", "ok"),
        ]
        with ledger.engine.begin() as connection:
            connection.execute(text("CREATE ROLE reader LOGIN"))
            connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
        ledger.close()
        reader = server.url.replace("postgres@", "reader@")
        poor = Settings.from_env(sound | {"EARMARK_LEDGER": reader})
        *_, last = doctor.ledger(poor)
        assert last.state == "fault"
        assert "right to write" in last.remedy
