"""Security settings: wrong ones are named, secret ones are never shown."""

import io
import shutil
import sys
from pathlib import Path

import pytest
import structlog
from pydantic import ValidationError

from streams.cli import processes
from streams.ops.state import State
from streams.ops.supervisor import Child
from streams.runtime.kafka.clients import kafka_client_settings
from streams.runtime.kafka.security import client_security, faust_credentials
from streams.runtime.settings import HIDDEN, Settings, SettingsError
from tests.support.certificates import make_certificates

SECRET = "correct-horse"  # noqa: S105 - a test's own
SASL = {
    "EARMARK_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "EARMARK_SASL_MECHANISM": "SCRAM-SHA-512",
    "EARMARK_SASL_USERNAME": "svc",
    "EARMARK_SASL_PASSWORD": SECRET,
}
LEDGER = {"EARMARK_LEDGER": f"postgresql://svc:{SECRET}@db/earmark?sslpassword={SECRET}&a=b"}


def faults(**changes: str | None) -> dict[str, str]:
    """What is wrong with the SASL settings above once changed, by variable."""
    values = {name.upper(): value for name, value in changes.items()}
    environ = SASL | {f"EARMARK_{name}": value for name, value in values.items()}
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: value for name, value in environ.items() if value is not None})
    assert SECRET not in str(caught.value)
    lines = str(caught.value).splitlines()[1:]
    return {line.split(":")[0].strip(" "): line.split(":", 1)[1] for line in lines}


def test_plaintext_needs_nothing_and_empty_variables_are_not_given() -> None:
    names = [name for name in Settings.model_fields if name.startswith(("sasl_", "tls_"))]
    assert len(names) == 7
    empty = {f"EARMARK_{name.upper()}": "" for name in names}
    assert Settings.from_env(empty) == Settings()
    assert client_security(Settings()) == {"security_protocol": "PLAINTEXT"}
    assert faust_credentials(Settings()) is None


def test_each_missing_part_is_named() -> None:
    missing = faults(sasl_mechanism=None, sasl_username=None, sasl_password=None)
    assert list(missing) == [
        "EARMARK_SASL_MECHANISM",
        "EARMARK_SASL_PASSWORD",
        "EARMARK_SASL_USERNAME",
    ]
    assert all(
        "is needed with EARMARK_SECURITY_PROTOCOL=SASL_" in problem for problem in missing.values()
    )


def test_faults_of_security_and_others_are_told_together(tmp_path: Path) -> None:
    problems = faults(
        security_protocol="SASL_SSL",
        sasl_mechanism="GSSAPI",
        sasl_password_file=str(tmp_path),
        tls_ca_file=str(tmp_path / "none.crt"),
        tls_key_file=str(tmp_path),
        alpha="7",
    )
    assert list(problems) == [
        "EARMARK_ALPHA",
        "EARMARK_SASL_MECHANISM",
        "EARMARK_SASL_PASSWORD_FILE",
        "EARMARK_TLS_CA_FILE",
        "EARMARK_TLS_KEY_FILE",
    ]
    assert "of no use without EARMARK_TLS_CERT_FILE" in problems["EARMARK_TLS_KEY_FILE"]


def test_what_has_no_meaning_is_a_mistake(tmp_path: Path) -> None:
    problems = faults(security_protocol=None, tls_ca_file=str(tmp_path))
    assert set(problems) == {
        "EARMARK_SASL_MECHANISM",
        "EARMARK_SASL_PASSWORD",
        "EARMARK_SASL_USERNAME",
        "EARMARK_TLS_CA_FILE",
    }
    assert all("EARMARK_SECURITY_PROTOCOL=PLAINTEXT" in problem for problem in problems.values())
    assert set(faults(security_protocol="TLS")) == {"EARMARK_SECURITY_PROTOCOL"}


def test_the_password_comes_from_a_file_or_from_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    from_file = {**SASL, "EARMARK_SASL_PASSWORD": "", "EARMARK_SASL_PASSWORD_FILE": str(file)}
    for environ in (SASL, from_file):
        settings = Settings.from_env(environ)
        assert client_security(settings) == {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "svc",
            "sasl_plain_password": SECRET,
        }
        assert client_security(settings).items() <= kafka_client_settings(settings).items()
        credentials = faust_credentials(settings)
        assert (credentials.username, credentials.password) == ("svc", SECRET)  # type: ignore[union-attr]
        assert SECRET not in repr(credentials)
    assert set(faults(sasl_password_file=str(file))) == {"EARMARK_SASL_PASSWORD"}
    settings = Settings.from_env(from_file)
    for content in (b"", b"\n", b"\xff\xfe"):
        file.write_bytes(content)
        with pytest.raises(SettingsError, match="EARMARK_SASL_PASSWORD_FILE"):
            client_security(settings)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
def test_certificates_are_loaded_and_bad_ones_are_named(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    files = {
        "EARMARK_SECURITY_PROTOCOL": "SSL",
        "EARMARK_TLS_CA_FILE": str(tmp_path / "ca.crt"),
        "EARMARK_TLS_CERT_FILE": str(tmp_path / "client.pem"),  # the key is in it
    }
    context = client_security(Settings.from_env(files))["ssl_context"]
    assert context.check_hostname
    assert [one["subject"] for one in context.get_ca_certs()] == [
        ((("commonName", "test authority"),),)
    ]
    (tmp_path / "not.pem").write_text("no certificate")
    for name in ("TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE"):
        wrong = files | {f"EARMARK_{name}": str(tmp_path / "not.pem")}
        with pytest.raises(SettingsError, match=name):
            client_security(Settings.from_env(wrong))


# --- nothing secret is shown ---------------------------------------------------------------


@pytest.fixture
def settings() -> Settings:
    return Settings.from_env(SASL | LEDGER)


def test_settings_show_no_secret(settings: Settings) -> None:
    messages = [repr(settings), str(settings), f"{settings}", str(settings.shown())]
    messages += [str(settings.announcement()), settings.model_dump_json(exclude={"ledger"})]
    for answer in messages:
        assert SECRET not in answer
    assert settings.shown()["ledger"] == (
        f"postgresql://svc:{HIDDEN}@db/earmark?sslpassword={HIDDEN}&a=b"
    )
    assert settings.shown()["brokers"] == settings.brokers
    assert settings.shown()["store"] == settings.store


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://user@host:5432/db", "postgresql://user@host:5432/db"),
        ("postgresql://user:a:b@c@host/db", f"postgresql://user:{HIDDEN}@host/db"),
        ("s3://key:secret@bucket/path@2", f"s3://key:{HIDDEN}@bucket/path@2"),
        ("file:///a:b/c@d", "file:///a:b/c@d"),
        ("sqlite:///x.db?aws_secret_key=1", f"sqlite:///x.db?aws_secret_key={HIDDEN}"),
    ],
)
def test_passwords_within_urls_are_hidden(url: str, shown: str) -> None:
    assert Settings(store=url).shown()["store"] == shown


def test_a_child_gets_the_secrets_and_only_by_its_environment(
    settings: Settings, tmp_path: Path
) -> None:
    environment = settings.environment()
    assert environment["EARMARK_SASL_PASSWORD"] == SECRET
    assert Settings.from_env(environment) == settings
    child = Child("decide", settings, tmp_path / "log")
    assert SECRET not in repr(child)


def test_what_is_written_down_holds_no_secret(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_errors_and_logs_hold_no_secret(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"sasl_password": SECRET, "alpha": SECRET})
    assert SECRET not in str(caught.value)
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logger = structlog.wrap_logger(
        structlog.PrintLogger(written),
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(0),  # whatever another test set
    )
    logger.info("settings_read", settings=settings, password=settings.sasl_password)
    assert SECRET not in written.getvalue()
    assert "svc" in written.getvalue()
