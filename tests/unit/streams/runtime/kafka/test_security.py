"""Security of connections: wrong settings are named, files are loaded."""

import shutil
from pathlib import Path

import pytest

from streams.runtime.kafka.clients import kafka_client_settings
from streams.runtime.kafka.security import client_security, faust_credentials
from streams.runtime.settings import Settings, SettingsError
from tests.support.certificates import make_certificates
from tests.support.secret_settings import SASL, SECRET


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
