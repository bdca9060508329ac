"""What the doctor looks at, in the order in which an upload would stumble over it."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final
from uuid import uuid4

from detector.errors import Fatal, ModelError
from streams.media.artefacts import ArtefactStore
from streams.ops.checks.disks import places
from streams.ops.doctor import Check, Finding
from streams.runtime.kafka.errors import BrokerAway, BrokerFailed
from streams.runtime.kafka.security import BrokerRefuses
from streams.runtime.kafka.topic_plan import on_broker, open_admin, plan, target_shapes
from streams.runtime.settings import Settings
from streams.store import monitoring, upgrade
from streams.store.database import Ledger, LedgerAway, LedgerError, connect
from streams.store.monitoring import LedgerFault

CLOCK_S: Final = 2.0
LOW_DISK: Final = 0.10
SPOOLED: Final = 2  # uploads that may lie in the temporary folder for each decode process


def broker(settings: Settings) -> Iterator[Finding]:
    """Can we get in, and are the topics as they should be?"""
    try:
        with open_admin(settings) as admin:
            yield Finding("broker", "ok", f"{settings.brokers} answers")
            differences = plan(target_shapes(settings), on_broker(admin))
    except BrokerAway as error:
        remedy = "start it, or mend EARMARK_BROKERS, a firewall or the network policy"
        yield Finding("broker", "fault", str(error), remedy)
        return
    except BrokerRefuses as error:
        remedy = "mend the credentials or the certificate that is named"
        yield Finding("broker", "fault", str(error), remedy)
        return
    except BrokerFailed as error:
        yield Finding("topics", "fault", str(error), "give our user the right to describe topics")
        return
    missing = [difference.topic for difference in differences if difference.kind == "create"]
    if missing:
        says = f"{len(missing)} are missing: {', '.join(missing[:5])}"
        yield Finding("topics", "fault", says, "earmark topics apply")
    alike: dict[tuple[str, str], list[str]] = {}
    for difference in differences:
        if difference.kind != "create":
            alike.setdefault((difference.kind, difference.says), []).append(difference.topic)
    for (kind, what), names in alike.items():
        remedy = {
            "configure": "earmark topics apply",
            "grow": "drain, then earmark topics apply --grow (docs/runbooks.md)",
        }.get(kind, "Kafka's own tools, or change the setting to what is there")
        says = f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}: {what}"
        yield Finding("topics", "warning", says, remedy)
    if not differences:
        yield Finding("topics", "ok", "as they should be")


def ledger(settings: Settings) -> Iterator[Finding]:
    """Does it answer, is it of this release, may we write, does its clock agree with ours?"""
    try:
        engine = connect(settings.ledger)
    except LedgerError as error:
        yield Finding("ledger", "fault", str(error), "mend EARMARK_LEDGER")
        return
    database = Ledger(engine)
    try:
        revision, ahead_s = monitoring.revision_and_clock(database)
        if ahead_s is not None:
            yield from clock(ahead_s)
        yield from _revision(revision)
        if revision == upgrade.HEAD:
            yield from _writable(database)
    except LedgerAway as error:
        remedy = "start the database, or correct EARMARK_LEDGER"
        yield Finding("ledger", "fault", str(error), remedy)
    except LedgerFault as error:
        remedy = "that is no ledger: correct EARMARK_LEDGER, or restore"
        yield Finding("ledger", "fault", str(error), remedy)
    finally:
        database.close()


def _revision(revision: str | None) -> Iterator[Finding]:
    if revision is None:
        yield Finding("ledger", "fault", "an empty database", "earmark ledger upgrade")
    elif revision < upgrade.HEAD:
        says = f"at {revision}, this release has {upgrade.HEAD}"
        yield Finding("ledger", "fault", says, "earmark ledger upgrade")
    elif revision > upgrade.HEAD:
        says = f"at {revision}, of a later release than this one ({upgrade.HEAD})"
        yield Finding("ledger", "warning", says, "update this installation")


def _writable(database: Ledger) -> Iterator[Finding]:
    try:
        monitoring.check_writable(database)
    except LedgerFault as error:
        remedy = "give our user the right to write, or make room"
        yield Finding("ledger", "fault", f"cannot be written: {error}", remedy)
    else:
        yield Finding("ledger", "ok", "answers, is of this release, can be written")


def clock(ahead_s: float) -> Iterator[Finding]:
    """Judge how far the database's clock is ahead of ours."""
    if abs(ahead_s) > CLOCK_S:
        says = f"the database's clock and ours differ by {ahead_s:+.1f} s"
        yield Finding(
            "clock", "fault", says, "let NTP (chrony, systemd-timesyncd) run on both machines"
        )
    else:
        yield Finding("clock", "ok", f"the database's and ours differ by {ahead_s:+.2f} s")


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
    from streams.media.fetch import Fetcher

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
        yield Finding(
            "audio", "warning", says, "set EARMARK_FILE_ROOTS, or drop file from the schemes"
        )
    yield Finding("audio", "ok", f"schemes: {settings.uri_schemes}")


def disks(settings: Settings) -> Iterator[Finding]:
    """Is there room where we write?"""
    spool = Path(tempfile.gettempdir())
    needed = SPOOLED * settings.decode_workers * settings.fetch_max_bytes
    free = shutil.disk_usage(spool).free
    if free < needed:
        says = f"{spool} has {free >> 20} MB; {needed >> 20} MB may be needed for uploads in work"
        yield Finding(
            "disks", "warning", says, "more room, fewer EARMARK_DECODE_WORKERS, or smaller uploads"
        )
    room = [f"{free >> 30} GB in {spool}"]
    for name, folder in places(settings).items():
        there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
        usage = shutil.disk_usage(there)
        room.append(f"{usage.free >> 30} GB of {usage.total >> 30} GB for the {name}")
        if usage.free < LOW_DISK * usage.total:
            says = f"the disk of the {name} is {1 - usage.free / usage.total:.0%} full"
            yield Finding("disks", "fault", says, "make room: docs/runbooks.md, EarmarkDiskFilling")
    yield Finding("disks", "ok", f"free: {', '.join(room)}")


def policy(settings: Settings) -> Iterator[Finding]:
    """Can it be used?"""
    from streams.policy.bundle import BundleError, load

    try:
        bundle = load(settings.policy)
    except BundleError as error:
        remedy = "mend it where it says, or unset EARMARK_POLICY"
        yield Finding("policy", "fault", str(error), remedy)
    else:
        yield Finding("policy", "ok", f"{bundle.name} {bundle.version} {bundle.digest[:12]}")


def model(settings: Settings) -> Iterator[Finding]:
    """Is there the device, is the model whole, does it support the rate that is set?"""
    import torch

    from detector.assessment.model import Model

    cuda = torch.cuda.is_available()
    if settings.device == "cuda" and not cuda:
        remedy = "see nvidia-smi in this place; in a cluster gpu.enabled; or EARMARK_DEVICE=auto"
        yield Finding("device", "fault", "EARMARK_DEVICE=cuda, and there is no CUDA device", remedy)
    else:
        name = torch.cuda.get_device_name() if cuda and settings.device != "cpu" else "CPU"
        yield Finding("device", "ok", f"scores on {name}")
    for folder in filter(None, (settings.model, settings.shadow_model)):
        try:
            released = Model.load(folder, "cpu")
        except ModelError as error:
            remedy = "install the release again, or mend EARMARK_MODEL or EARMARK_SHADOW_MODEL"
            yield Finding("model", "fault", str(error), remedy)
            continue
        try:
            released.check_alpha(settings.alpha)
        except ModelError as error:
            yield Finding("model", "fault", str(error), "raise EARMARK_ALPHA to what it supports")
        else:
            yield Finding(
                "model", "ok", f"{released.name} {released.version} {released.digest[:12]}"
            )


def fingerprints(settings: Settings) -> Iterator[Finding]:
    """Is libchromaprint there?"""
    try:
        import detector.audio.chromaprint  # noqa: F401 - it binds the library when it is imported
    except Fatal as error:
        yield Finding(
            "fingerprint", "fault", str(error), "install it where the fingerprint worker runs"
        )
    else:
        yield Finding("fingerprint", "ok", "libchromaprint is there")


CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "broker": broker,
        "ledger": ledger,
        "store": store,
        "audio": audio,
        "disks": disks,
        "fingerprint": fingerprints,
        "policy": policy,
        "model": model,
    }
)
