"""``earmark doctor``: look at everything that an installation stands on, and name the remedy.

It changes nothing: test writes are undone. Run it where a worker would run, with the same
settings. The checks are independent, so that one fault hides no other.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

import orjson

from detector.errors import EarmarkError, Fatal, ModelError
from streams.media import sandbox as layers
from streams.media.artefacts import ArtefactStore
from streams.media.fetch import Fetcher
from streams.ops.checks.disks import space
from streams.policy.bundle import BundleError, load
from streams.runtime.kafka.errors import BrokerAway, BrokerFailed
from streams.runtime.kafka.security import BrokerRefuses
from streams.runtime.kafka.topic_plan import on_broker, open_admin, plan, target_shapes
from streams.runtime.settings import Settings, SettingsError
from streams.store import monitoring, upgrade
from streams.store.database import Ledger, LedgerAway, LedgerError, connect
from streams.store.monitoring import LedgerFault
from streams.store.policy_releases import live_bundles, newest_usable

CLOCK_S: Final = 2.0
LOW_DISK: Final = 0.10
SPOOLED: Final = 2  # uploads that may lie in the temporary folder for each decode process
MARKS: Final = {"ok": "ok     ", "warning": "WARNING", "fault": "FAULT  "}


@dataclass(frozen=True)
class Finding:
    """Result of one check; ``remedy``: what to do, empty where nothing is to be done."""

    check: str
    state: Literal["ok", "warning", "fault"]
    says: str
    remedy: str = ""


Check = Callable[[Settings], Iterator[Finding]]
REMEDIES: Final[dict[type[EarmarkError], tuple[str, str]]] = {  # what fails, what to do
    BrokerAway: ("broker", "start it, or mend EARMARK_BROKERS, a firewall or the network policy"),
    BrokerRefuses: ("broker", "mend the credentials or the certificate that is named"),
    BrokerFailed: ("topics", "give our user the right to describe topics"),
    LedgerError: ("ledger", "mend EARMARK_LEDGER"),
    LedgerAway: ("ledger", "start the database, or correct EARMARK_LEDGER"),
    LedgerFault: ("ledger", "that is no ledger: correct EARMARK_LEDGER, or restore"),
    BundleError: ("policy", "correct the line that it names, or unset EARMARK_POLICY"),
}


def examine(environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield what is found, check by check; wrong settings end it, since all else hangs on them."""
    try:
        settings = Settings.from_env(environ)
    except SettingsError as error:
        remedy = "mend the variables that are named; `earmark settings` explains each"
        yield Finding("settings", "fault", str(error), remedy)
        return
    yield Finding("settings", "ok", "all are valid")
    for name, check in CHECKS.items():
        try:
            yield from check(settings)
        except EarmarkError as error:
            unknown = (name, "see the message; it names the setting or the place")
            failed, remedy = REMEDIES.get(type(error), unknown)
            yield Finding(failed, "fault", str(error), remedy)
        except Exception as error:  # noqa: BLE001 - the other checks go on, and this one is told
            yield Finding(name, "fault", repr(error), "unexpected: please report it with this line")


def as_text(finding: Finding) -> str:
    """Return a finding for people."""
    text = f"{MARKS[finding.state]} {finding.check}: {finding.says}"
    return f"{text}\n        -> {finding.remedy}" if finding.remedy else text


def broker(settings: Settings) -> Iterator[Finding]:
    """Can we get in, and are the topics as they should be?"""
    with open_admin(settings) as admin:
        yield Finding("broker", "ok", f"{settings.brokers} answers")
        differences = plan(target_shapes(settings), on_broker(admin))
    groups: dict[tuple[str, str], list[str]] = {}
    for difference in differences:
        says = "" if difference.kind == "create" else difference.says
        groups.setdefault((difference.kind, says), []).append(difference.topic)
    for (kind, says), names in groups.items():
        if kind == "create":
            says = f"{len(names)} are missing: {', '.join(names[:5])}"
            yield Finding("topics", "fault", says, "earmark topics apply")
            continue
        remedy = {
            "configure": "earmark topics apply",
            "grow": "drain, then earmark topics apply --grow (docs/how-to/partitions.md)",
        }.get(kind, "Kafka's own tools, or change the setting to what is there")
        more = f" and {len(names) - 1} more" if names[1:] else ""
        yield Finding("topics", "warning", f"{names[0]}{more}: {says}", remedy)
    if not differences:
        yield Finding("topics", "ok", "as they should be")


def ledger(settings: Settings) -> Iterator[Finding]:
    """Does it answer, is it of this release, may we write, does its clock agree with ours?"""
    with closing(Ledger(connect(settings.ledger))) as database:
        revision, ahead_s = monitoring.revision_and_clock(database)
        if ahead_s is not None:
            yield clock(ahead_s)
        if revision is None or revision < upgrade.HEAD:
            here = f"at {revision}, this release has {upgrade.HEAD}"
            says = here if revision else "an empty database"
            yield Finding("ledger", "fault", says, "earmark ledger upgrade")
        elif revision > upgrade.HEAD:
            says = f"at {revision}, of a later release than this one ({upgrade.HEAD})"
            yield Finding("ledger", "warning", says, "update this installation")
        else:
            try:
                monitoring.check_writable(database)
            except LedgerFault as error:
                remedy = "give our user the right to write, or make room"
                yield Finding("ledger", "fault", f"cannot be written: {error}", remedy)
            else:
                yield Finding("ledger", "ok", "answers, is of this release, can be written")


def clock(ahead_s: float) -> Finding:
    """Check how far the database's clock is ahead of ours."""
    if abs(ahead_s) <= CLOCK_S:
        return Finding("clock", "ok", f"the database's and ours differ by {ahead_s:+.2f} s")
    says = f"the database's clock and ours differ by {ahead_s:+.1f} s"
    return Finding(
        "clock", "fault", says, "let NTP (chrony, systemd-timesyncd) run on both machines"
    )


def store(settings: Settings) -> Iterator[Finding]:
    """May we write, read and delete there?"""
    place = f"EARMARK_STORE={settings.shown()['store']}"
    try:
        artefacts = ArtefactStore.open(settings.store)
        path = f"{artefacts.root}/doctor/{uuid4().hex}"
        artefacts.filesystem.pipe_file(path, b"doctor")
        same = artefacts.filesystem.cat_file(path) == b"doctor"
        artefacts.filesystem.rm_file(path)
        with suppress(Exception):  # a bucket has no folders
            artefacts.filesystem.rmdir(f"{artefacts.root}/doctor")
    except Exception as error:  # noqa: BLE001 - every kind of store has its own errors
        remedy = "mend the URL, mount it, or give us the right to read, write and delete there"
        yield Finding("store", "fault", f"{place}: {error!r}", remedy)
        return
    if same:
        yield Finding("store", "ok", f"{place}: written, read, deleted")
    else:
        yield Finding("store", "fault", f"{place}: gives back other bytes", "do not use this store")


def audio(settings: Settings) -> Iterator[Finding]:
    """Can uploads be fetched by the schemes and from the folders that are allowed?"""
    try:
        Fetcher.from_settings(settings)
    except Fatal as error:
        yield Finding("audio", "fault", str(error), "install that package, or drop the scheme")
    roots = [Path(root) for root in settings.file_roots.split(":") if root]
    for root in roots:
        if not root.is_dir() or not os.access(root, os.R_OK | os.X_OK):
            says = f"EARMARK_FILE_ROOTS names {root}, which is no folder that we can read"
            yield Finding("audio", "fault", says, "mount it, or mend the setting")
    if "file" in settings.uri_schemes.split(",") and not roots:
        says = "file URIs are allowed, and no folder is: each becomes a dead letter"
        remedy = "set EARMARK_FILE_ROOTS, or drop file from the schemes"
        yield Finding("audio", "warning", says, remedy)
    yield Finding("audio", "ok", f"schemes: {settings.uri_schemes}")


def sandbox(settings: Settings) -> Iterator[Finding]:
    """Which layers confine a decode process here?"""
    command = [sys.executable, "-m", "streams.media.sandbox"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    held = orjson.loads(done.stdout)
    missing = layers.missing(held)
    if missing:
        says = f"these layers do not hold here: {', '.join(missing)}"
        remedy = (
            "Linux with Landlock (5.13) and seccomp, and a runtime that allows both; "
            "or EARMARK_SANDBOX=best_effort: docs/runbooks.md, EarmarkSandboxLayerMissing"
        )
        state: Literal["warning", "fault"] = (
            "fault" if settings.sandbox == "required" else "warning"
        )
        yield Finding("sandbox", state, says, remedy)
    else:
        yield Finding("sandbox", "ok", f"holds: {', '.join(held)}")


def disks(settings: Settings) -> Iterator[Finding]:
    """Is there room where we write?"""
    spool = Path(tempfile.gettempdir())
    needed = SPOOLED * settings.decode_workers * settings.fetch_max_bytes
    free = shutil.disk_usage(spool).free
    if free < needed:
        says = f"{spool} has {free >> 20} MB; {needed >> 20} MB may be needed for uploads in work"
        remedy = "more room, fewer EARMARK_DECODE_WORKERS, or smaller uploads"
        yield Finding("disks", "warning", says, remedy)
    room = [f"{free >> 30} GB in {spool}"]
    for name, left, size in space(settings):
        room.append(f"{left >> 30} GB of {size >> 30} GB for the {name}")
        if left < LOW_DISK * size:
            says = f"the disk of the {name} is {1 - left / size:.0%} full"
            yield Finding("disks", "fault", says, "make room: docs/runbooks.md, EarmarkDiskFilling")
    yield Finding("disks", "ok", f"free: {', '.join(room)}")


def policy(settings: Settings) -> Iterator[Finding]:
    """Can the file be used, and which policy decides: the file's, or one that was published?"""
    bundle = load(settings.policy)
    named = f"{bundle.name} {bundle.version} {bundle.digest[:12]}"
    try:
        with closing(Ledger(connect(settings.ledger))) as database:
            live = live_bundles(database, bundle.name)
    except (LedgerAway, LedgerError, LedgerFault):  # the check of the ledger has it
        yield Finding("policy", "ok", f"{named}, unless one was published: the ledger is away")
        return
    deciding = newest_usable(live, bundle)
    if deciding is bundle:
        yield Finding("policy", "ok", named)
    else:
        ref = deciding.ref
        says = f"{ref.name} {ref.version} {ref.digest[:12]} was published; the file has {named}"
        yield Finding("policy", "ok", says)


def model(settings: Settings) -> Iterator[Finding]:
    """Is there the device, is the model whole, does it support the rate that is set?"""
    from detector.assessment.model import Model
    from detector.evidence.arrays import CPU, chosen, cuda, described

    device = chosen(settings.device)
    if device != CPU and cuda() is None:
        remedy = (
            "see nvidia-smi in this place, pip install 'earmark[gpu]'; in a cluster gpu.enabled; "
            "or EARMARK_DEVICE=auto"
        )
        yield Finding("device", "fault", "EARMARK_DEVICE=cuda, and there is no CUDA device", remedy)
    else:
        yield Finding("device", "ok", f"scores on {described(device)}")
    for folder in filter(None, (settings.model, settings.shadow_model)):
        remedy = "install the release again, or mend EARMARK_MODEL or EARMARK_SHADOW_MODEL"
        try:
            released = Model.load(folder, "cpu")
            remedy = "raise EARMARK_ALPHA or EARMARK_IDENTIFIED_ALPHA to what it supports"
            released.check_rates(settings.rates)
        except ModelError as error:
            yield Finding("model", "fault", str(error), remedy)
        else:
            says = f"{released.name} {released.version} {released.digest[:12]}"
            yield Finding("model", "ok", says)


def fingerprints(settings: Settings) -> Iterator[Finding]:
    """Is libchromaprint there, and which kernels are?"""
    from detector import kernels

    says = (
        "compiled" if kernels.chosen.name == "C" else "numpy: decode processes take a fifth longer"
    )
    remedy = "" if kernels.chosen.name == "C" else "install a C compiler and set up again"
    yield Finding("kernels", "ok", says, remedy)
    try:
        import detector.audio.chromaprint  # noqa: F401 - it binds the library when it is imported
    except Fatal as error:
        remedy = "install it where the fingerprint worker runs"
        yield Finding("fingerprint", "fault", str(error), remedy)
    else:
        yield Finding("fingerprint", "ok", "libchromaprint is there")


CHECKS: Final[Mapping[str, Check]] = {  # in the order in which an upload meets them
    "broker": broker,
    "ledger": ledger,
    "store": store,
    "audio": audio,
    "sandbox": sandbox,
    "disks": disks,
    "fingerprint": fingerprints,
    "policy": policy,
    "model": model,
}
