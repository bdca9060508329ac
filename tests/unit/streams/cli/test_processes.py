"""Commands that describe an installation."""

from pathlib import Path

import pytest

from streams.cli import processes
from streams.runtime.settings import HIDDEN
from tests.support.command_line import run
from tests.support.secret_settings import LEDGER, SASL, SECRET


def test_the_command_line_prints_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (SASL | LEDGER).items():
        monkeypatch.setenv(name, value)
    processes.settings()
    answer = capsys.readouterr().out
    assert SECRET not in answer
    assert f"EARMARK_SASL_PASSWORD={HIDDEN}\n" in answer
    assert "EARMARK_SASL_USERNAME=svc\n" in answer
    assert "EARMARK_TLS_CA_FILE=\n" in answer


def test_a_link_to_log_in_works_once(tmp_path: Path) -> None:
    printed = run("users", "login-link", "--state", str(tmp_path)).strip()
    address, _, token = printed.rpartition("/enter/")
    assert address.startswith("http")
    assert len(token) > 20
    assert printed != run("users", "login-link", "--state", str(tmp_path)).strip()


def test_an_unknown_process_is_named_with_those_that_there_are() -> None:
    printed = run("worker", "fingerprnt", code=2)
    assert "no process 'fingerprnt'" in printed
    assert "fingerprint" in printed
