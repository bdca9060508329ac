"""Settings: read from the environment, wrong ones named, secret ones never shown."""

import io
import sys
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr, ValidationError

from detector.errors import Fatal
from streams.contract.processes import PROCESSES, SECRETS, Process
from streams.ops.supervisor import Child
from streams.runtime.settings import HIDDEN, Settings, SettingsError
from tests.support.paths import MODELS
from tests.support.secret_settings import LEDGER, SASL, SECRET

CLOCK = max(MODELS.glob("clock-*")).name


def test_an_empty_environment_is_enough() -> None:
    assert Settings.from_env({}) == Settings()
    assert Settings.from_env({"PATH": "/bin", "EARMARK_CORPUS": "/tests/only"}) == Settings()


def test_values_are_read_as_what_they_are() -> None:
    settings = Settings.from_env(
        {
            "EARMARK_BROKERS": "kafka-1:9092,kafka-2:9092",
            "EARMARK_PARTITIONS": "12",
            "EARMARK_ALPHA": "0.001",
            "EARMARK_POLICY": "/etc/earmark/policy.yaml",
        }
    )
    assert settings.partitions == 12
    assert settings.alpha == 0.001
    assert settings.policy == Path("/etc/earmark/policy.yaml")


def test_every_fault_is_reported_at_once_by_its_name() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(
            {
                "EARMARK_BROKERS": "kafka",
                "EARMARK_ALPHA": "0.7",
                "EARMARK_DEVICE": "tpu",
                "EARMARK_PARTITOINS": "4",
            }
        )
    assert isinstance(caught.value, Fatal)
    heading, *faults = str(caught.value).splitlines()
    assert heading == "wrong settings:"
    assert [fault.split(":")[0].strip() for fault in faults] == [
        "EARMARK_ALPHA",
        "EARMARK_BROKERS",
        "EARMARK_DEVICE",
        "EARMARK_PARTITOINS",
    ]
    assert "'kafka' is not host:port" in faults[1]
    assert "no such setting" in faults[3]


@pytest.mark.parametrize("brokers", ["host", "host:", ":9092", "host:0", "host:99999", "a:1,b"])
def test_brokers_are_host_and_port(brokers: str) -> None:
    with pytest.raises(SettingsError, match="EARMARK_BROKERS"):
        Settings.from_env({"EARMARK_BROKERS": brokers})


def test_a_child_process_gets_the_same_settings() -> None:
    settings = Settings(partitions=7, alpha=0.02, policy=Path("/p.yaml"))
    assert Settings.from_env(settings.environment()) == settings


@pytest.mark.parametrize("process", PROCESSES.values())
def test_a_process_is_given_only_the_secrets_that_it_uses(process: Process) -> None:
    settings = Settings(
        ledger="postgresql://u:p@db/earmark",
        oidc_issuer="https://login.example.org",
        oidc_client_id="earmark",
        oidc_client_secret=SecretStr("of-oidc"),
        audit_key=SecretStr("of-the-audit-log-" * 3),
        link_key=SecretStr("of-the-links-" * 3),
        smtp_host="mail.example",
        smtp_from="labels@platform.example",
        smtp_username="earmark",
        smtp_password=SecretStr("of-the-mail"),
    )
    environment = settings.environment(process)
    names = {name for name in SECRETS if f"EARMARK_{name.upper()}" in environment}
    assert names == set(process.secrets)
    assert Settings.from_env(environment)
    if "index" in names:
        assert environment["EARMARK_INDEX"] == settings.index_url


def test_fingerprint_is_not_given_the_ledger_where_the_index_is_another() -> None:
    settings = Settings(ledger="postgresql://u:hidden@db/e", index="postgresql://i:own@db/i")
    assert "hidden" not in str(settings.environment(PROCESSES["fingerprint"]))


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().partitions = 5  # type: ignore[misc]


def test_the_address_of_the_console_may_hold_any_letter() -> None:
    settings = Settings.from_env({"EARMARK_CONSOLE_URL": "https://labels.example.org/"})
    assert settings.console_url == "https://labels.example.org"
    with pytest.raises(SettingsError, match="EARMARK_CONSOLE_URL"):
        Settings.from_env({"EARMARK_CONSOLE_URL": "https://labels example.org"})


@pytest.mark.parametrize("name", [CLOCK, f"models/{CLOCK}"])
def test_a_model_that_comes_with_earmark_is_found_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Settings.from_env({"EARMARK_SHADOW_MODEL": name}).shadow_model
    assert folder is not None
    assert folder.is_absolute()
    assert (folder / "manifest.json").exists()
    (tmp_path / name).mkdir(parents=True)
    assert Settings.from_env({"EARMARK_SHADOW_MODEL": name}).shadow_model == Path(name)
    assert Settings.from_env({"EARMARK_MODEL": "elsewhere/x"}).model == Path("elsewhere/x")


@pytest.mark.parametrize("wrong", ["collector:4318", "http://collector:4318", "grpc://c:4317/x"])
def test_an_endpoint_is_a_whole_url(wrong: str) -> None:
    with pytest.raises(SettingsError, match="EARMARK_TRACES_ENDPOINT"):
        Settings.from_env({"EARMARK_TRACES_ENDPOINT": wrong})


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


@pytest.mark.parametrize("key", ["short", ",", "x" * 32 + ",short"])
def test_a_key_that_could_be_guessed_signs_no_links(key: str) -> None:
    with pytest.raises(SettingsError, match=r"EARMARK_LINK_KEY: .* at least 32 characters"):
        Settings.from_env({"EARMARK_LINK_KEY": key})


def test_the_first_key_signs_links_and_the_others_are_still_known() -> None:
    settings = Settings.from_env({"EARMARK_LINK_KEY": f"{'n' * 32}, {'o' * 40}"})
    assert settings.link_keys == (b"n" * 32, b"o" * 40)
    assert "nnn" not in str(settings.shown()), "a secret is never shown"


MAIL = {"EARMARK_SMTP_HOST": "mail.example", "EARMARK_SMTP_FROM": "labels@platform.example"}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"EARMARK_SMTP_FROM": ""}, "SMTP_FROM: .* must be a mail address"),
        ({"EARMARK_SMTP_FROM": "a@b.example\r\nBcc: x@y.example"}, "SMTP_FROM"),
        ({"EARMARK_SMTP_HOST": ""}, "SMTP_FROM: .* has no meaning without EARMARK_SMTP_HOST"),
        ({"EARMARK_SMTP_HOST": "mail.example/x"}, "SMTP_HOST: .* without a port"),
        ({"EARMARK_SMTP_USERNAME": "u"}, "SMTP_PASSWORD: .* need each other"),
        ({"EARMARK_SMTP_PASSWORD": SECRET}, "SMTP_PASSWORD: .* need each other"),
        (
            {
                "EARMARK_SMTP_USERNAME": "u",
                "EARMARK_SMTP_PASSWORD": SECRET,
                "EARMARK_SMTP_SECURITY": "none",
            },
            "SMTP_USERNAME: .* is not sent unencrypted",
        ),
        ({"EARMARK_SMTP_CA_FILE": "/nowhere.pem"}, "SMTP_CA_FILE: .* cannot be read"),
    ],
)
def test_mail_settings_fit_together(change: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault) as error:
        Settings.from_env(MAIL | change)
    assert SECRET not in str(error.value)
    assert Settings.from_env(MAIL).smtp_port == 587
