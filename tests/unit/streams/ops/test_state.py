"""The folder of an installation."""

from pathlib import Path

import pytest

from streams.ops.state import State, StateBusy
from streams.runtime.kafka.security import client_security
from streams.runtime.settings import Settings, SettingsError
from tests.support.secret_settings import LEDGER, SASL, SECRET


def test_what_is_written_down_holds_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.from_env(SASL | LEDGER)
    state = State(tmp_path)
    state.announce(settings)
    assert SECRET not in state.run.read_text()
    for name in SASL | LEDGER:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="EARMARK_SASL_PASSWORD"):
        state.announced()
    monkeypatch.setenv("EARMARK_SASL_PASSWORD", SECRET)
    announced = state.announced()
    assert announced is not None
    assert client_security(announced) == client_security(settings)


def test_a_folder_is_one_instances_alone_and_is_told_no_more_once_that_ends(tmp_path: Path) -> None:
    state = State(tmp_path / "new")
    with state.locked():
        state.announce(Settings())
        assert state.announced() is not None
        with pytest.raises(StateBusy, match="an Earmark is running"), State(state.folder).locked():
            pass
    assert state.announced() is None
    with state.locked():
        pass
