"""Hostile files and hostile decoders against the confined children; the layers of confinement."""

import asyncio
import ctypes
import errno
import fcntl
import os
import platform
import posix
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from detector.errors import InvalidAudio
from detector.types import DecodedTrack
from streams.media import decode_child, sandbox
from streams.media.decode_pool import DecodePool
from streams.runtime.settings import Settings
from tests.support.audio import write_wav
from tests.support.decoding import hear, processes
from tests.support.hostile import KINDS, hostile_files

FILES = 150


MEMORY_MB = 320


def most_memory_mb(pid: int) -> int:
    """Return the largest resident memory that a process ever had."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # just replaced
        return 0
    return max((int(line.split()[1]) // 1024 for line in lines if "VmHWM" in line), default=0)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_every_hostile_file_is_heard_or_refused_and_the_next_good_one_is_heard(
    tmp_path: Path,
) -> None:
    files = [file for file in hostile_files(tmp_path / "set", 1, FILES) if file.path]
    assert len({file.kind for file in files}) == len(KINDS) - 1, "all but the bare URIs"
    good = tmp_path / "good.wav"
    write_wav(good, np.random.default_rng(1).normal(0, 0.1, (1, 44_100 * 8)).astype(np.float32))
    settings = Settings(
        decode_workers=2,
        decode_timeout_s=60,
        decode_max_duration_s=900,
        decode_max_memory_mb=MEMORY_MB,
    )
    with DecodePool(settings) as pool:
        asyncio.run(pool.warm())
        idle = max(map(most_memory_mb, processes(pool)))
        usual = sorted(seconds(pool, good) for _ in range(5))[2]
        most, reasons = idle, set()

        async def decode_file(path: Path) -> None:
            nonlocal most
            try:
                assert (await pool.decode(path)).observation
            except InvalidAudio as error:
                reasons.add(error.reason)
            most = max(most, *map(most_memory_mb, processes(pool)))

        async def everything() -> None:
            async with asyncio.TaskGroup() as group:
                for file in files:
                    assert file.path is not None
                    group.create_task(decode_file(file.path))

        asyncio.run(everything())
        assert reasons >= {"unsupported_format", "undecodable", "no_audio", "too_long"}
        assert all(f"``{reason}``" in (InvalidAudio.__doc__ or "") for reason in reasons)
        assert "decode_timeout" not in reasons
        assert most < idle + MEMORY_MB + 50
        after = sorted(seconds(pool, good) for _ in range(3))[1]
        assert after < 3 * usual + 0.5


def seconds(pool: DecodePool, path: Path) -> float:
    began = time.monotonic()
    assert isinstance(hear(pool, path), DecodedTrack)
    return time.monotonic() - began


def network() -> None:
    with socket.socket() as tcp:
        tcp.connect(("127.0.0.1", 9))


def datagrams() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"x", ("127.0.0.1", 9))


def read_passwords() -> None:
    Path("/etc/passwd").read_bytes()


def read_own_environment() -> None:
    Path("/proc/self/environ").read_bytes()


def list_the_root() -> None:
    list(Path("/").iterdir())


def write_a_file() -> None:
    Path("/tmp/earmark-was-here").write_text("x")  # noqa: S108 - it must not come to be


def write_into_the_library() -> None:
    Path(decode_child.__file__).with_name("evil.py").write_text("x")


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def execute() -> None:
    os.execv("/bin/true", ["/bin/true"])  # noqa: S606 - nor this


def signal_the_parent() -> None:
    os.kill(os.getppid(), 0)


def open_many() -> None:
    for _ in range(100):
        os.dup(0)


def find_secrets() -> None:
    if not os.environ:
        raise PermissionError("nothing there")


def limit_the_parent() -> None:
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3))


def slow_the_parent_down() -> None:
    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)


def bind_the_parent_to_one_processor() -> None:
    os.sched_setaffinity(os.getppid(), {0})


def change_a_mode() -> None:
    Path(decode_child.__file__).chmod(0o644)


def change_the_mode_of_what_is_open() -> None:
    os.fchmod(1, 0o666)


def have_signals_sent() -> None:
    fcntl.fcntl(1, fcntl.F_SETOWN, os.getppid())


def type_into_the_terminal() -> None:
    fcntl.ioctl(0, 0x5412, b"x")  # TIOCSTI


def open_for_writing() -> None:
    os.open(decode_child.__file__, os.O_WRONLY)


def delete_a_file() -> None:
    Path(decode_child.__file__).with_name("there-is-none").unlink()


def read_the_parents_environment() -> None:
    Path(f"/proc/{os.getppid()}/environ").read_bytes()


def see_what_python_remembers() -> None:
    """``posix.environ`` is the environment that the fork server was started with."""
    if all(sandbox.HARMLESS.match(os.fsdecode(name)) for name in posix.environ):
        raise PermissionError("nothing secret")


def call_all_else() -> None:
    """Every call that is in no list, with nothing but zeros."""
    machine, library = platform.machine(), ctypes.CDLL(None, use_errno=True)
    calls = (*sandbox.ALLOWED.split(","), *(guard.call for guard in sandbox.GUARDS))
    allowed = {sandbox.number_of(call, machine) for call in (*calls, *sandbox.ABORT)}
    uprobes = {335, 336} if machine == "x86_64" else set()  # for the kernel's own trampolines
    for number in set(range(500)) - allowed - uprobes:
        ctypes.set_errno(0)
        assert library.syscall(number, 0, 0, 0, 0, 0, 0) == -1, number
        expected = {sandbox.number_of(sandbox.CLONE3, machine): errno.ENOSYS}
        assert ctypes.get_errno() == expected.get(number, errno.EPERM), number
    raise PermissionError("all of them")


ATTEMPTS: dict[str, tuple[Callable[[], object], str]] = {
    attempt.__name__: (attempt, needs)
    for attempt, needs in (
        (network, "network"),
        (datagrams, "system_calls"),
        (read_passwords, "files"),
        (read_own_environment, "files"),
        (list_the_root, "files"),
        (write_a_file, "limits"),
        (write_into_the_library, "limits"),
        (fork, "system_calls"),
        (execute, "system_calls"),
        (signal_the_parent, "system_calls"),
        (open_many, "limits"),
        (find_secrets, "limits"),
        (limit_the_parent, "system_calls"),
        (slow_the_parent_down, "system_calls"),
        (bind_the_parent_to_one_processor, "system_calls"),
        (change_a_mode, "system_calls"),
        (change_the_mode_of_what_is_open, "system_calls"),
        (have_signals_sent, "system_calls"),
        (type_into_the_terminal, "system_calls"),
        (open_for_writing, "system_calls"),
        (delete_a_file, "system_calls"),
        (read_the_parents_environment, "files"),
        (see_what_python_remembers, "limits"),
        (call_all_else, "system_calls"),
    )
}


def taken_over(descriptor: int, max_duration_s: float) -> DecodedTrack:
    """A decoder that makes the attempt named in the file."""
    attempt, _ = ATTEMPTS[os.pread(descriptor, 100, 0).decode()]
    try:
        attempt()
    except OSError as error:
        raise InvalidAudio("prevented", repr(error)) from error
    raise InvalidAudio("succeeded", attempt.__name__)


@pytest.fixture(scope="module")
def foreign() -> Iterator[DecodePool]:
    with DecodePool(Settings(decode_workers=1, decode_timeout_s=20), taken_over) as pool:
        yield pool


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_decoder_in_foreign_hands_reaches_nothing(
    foreign: DecodePool, attempt: str, tmp_path: Path
) -> None:
    needs = ATTEMPTS[attempt][1]
    if not asyncio.run(foreign.warm())[needs]:
        pytest.skip(f"this system has no way to take away: {needs}")
    path = tmp_path / "a.wav"
    path.write_text(attempt)
    came = hear(foreign, path)
    assert isinstance(came, InvalidAudio)
    assert came.reason == "prevented", came


def test_what_holds_is_said(foreign: DecodePool) -> None:
    held = asyncio.run(foreign.warm())
    assert held.keys() == {"limits", "files", "network", "system_calls"}
    assert "nofile" in str(held["limits"])


def test_a_system_without_landlock_and_seccomp_says_so_and_goes_on() -> None:
    script = (
        "from streams.media import decode_child, sandbox\n"
        "sandbox.CREATE_RULESET = 9_999\n"
        "sandbox.SYSTEM_CALLS.clear()\n"
        "held = sandbox.confine(400)\n"
        "assert not held['files'] and not held['system_calls'], held\n"
        "assert held['network'] in (False, 'namespace'), held\n"
        "assert 'nofile' in held['limits'], held\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


HEADERS = {"x86_64": "x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_are_those_of_the_kernel(machine: str) -> None:
    header = Path("/usr/include", HEADERS[machine])
    if not header.exists():
        pytest.skip("no kernel headers here")
    numbers = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    theirs = {name: int(number) for name, number in numbers}
    if machine == "aarch64":
        theirs["newfstatat"] = theirs["fstatat"]
    guarded = [guard.call for guard in sandbox.GUARDS]
    calls = [*sandbox.ALLOWED.split(","), *guarded, *sandbox.ABORT, sandbox.CLONE3]
    for call in calls:
        assert sandbox.number_of(call, machine) == theirs.get(call.split()[0], -1), call


def test_a_parent_is_closed_to_its_children_without_landlock() -> None:
    script = (
        "import os\n"
        "from streams.media import sandbox\n"
        "sandbox.hide()\n"
        "parent = os.getpid()\n"
        "if (child := os.fork()) == 0:\n"
        "    sandbox.CREATE_RULESET = 9_999\n"
        "    held = sandbox.confine(400)\n"
        "    try:\n"
        "        open(f'/proc/{parent}/environ').read()\n"
        "    except PermissionError:\n"
        "        os._exit(0)\n"
        "    os._exit(1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_missing_layer_is_named() -> None:
    held: sandbox.Protections = {"limits": "core fsize nofile as", "files": "landlock 4"}
    assert sandbox.missing(held | {"network": "tcp", "system_calls": True}) == []
    held |= {"limits": "core nofile", "network": False, "system_calls": True}
    assert sandbox.missing(held) == ["limits", "network"]
