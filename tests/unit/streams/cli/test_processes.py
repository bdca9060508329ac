"""Commands that describe an installation."""

import pytest

from streams.cli import processes
from streams.runtime.settings import HIDDEN
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
