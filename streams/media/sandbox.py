"""The rights that a process gives up, for ever, before it touches a hostile file.

There are four layers, each as far as the system has it. Where one is missing, the others hold.
The fingerprint worker logs those that hold (``decode_sandboxed``):

    limits         no core dumps, nothing written to files, few open files, a cap on memory
    files          Landlock: no file may be opened but the libraries that Python may still load
    network        Landlock (TCP), a system call filter (all sockets), or an empty network
                   namespace, whichever there is
    system_calls   seccomp: an allow-list of what decoders call. No sockets, no processes, no file
                   is written or changed, no signal, limit or priority of another process

Where they run, root's capabilities are dropped too, and no process of the same user reads the
child's memory. With ``EARMARK_SANDBOX=required`` a child that lacks a layer does not decode.

Linux only, by ctypes: none of this is worth a dependency. Elsewhere only the limits hold.
"""

import contextlib
import ctypes
import fcntl
import os
import platform
import re
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

Protections = dict[str, bool | int | str]

OPEN_FILES: Final = 32
HARMLESS: Final = re.compile(
    "(PATH|HOME|TMPDIR|TZ|LANG|LD_LIBRARY_PATH|MPLCONFIGDIR)$|LC_|PYTHON|OMP_|OPENBLAS_|MKL_"
)
LIMITS: Final = ("CORE", "FSIZE", "NOFILE", "AS")

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME = 1, 4, 15
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
CLONE_THREAD, CLONE_NEWNET = 0x0001_0000, 0x4000_0000
CAPABILITIES_VERSION: Final = 0x2008_0522

# Landlock: these three numbers are the same on every architecture
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
CREATE_RULESET_VERSION, RULE_PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
NET_RIGHTS, NET_SINCE = 0b11, 4  # bind and connect of TCP
SCOPES, SCOPES_SINCE = 0b11, 6  # no abstract sockets and no signals to the outside

SECCOMP_MODE_FILTER: Final = 2
ALLOW, ERRNO, KILL = 0x7FFF_0000, 0x0005_0000, 0x8000_0000
EPERM, ENOSYS = 1, 38
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # of classic BPF
AT_NUMBER, AT_ARCHITECTURE, AT_ARGUMENTS = 0, 4, 16
TCGETS, FIOCLEX = 0x5401, 0x5451

Step = tuple[int, int, int, int]
SYSTEM_CALLS: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}  # audit numbers
# What a decoder calls: measured by strace over every container, codec, manifest and hostile file
# of the tests. And what glibc, Python and Rust call in rarer cases.
# Name, number on x86_64, number on aarch64 (-1: it has none).
ALLOWED: Final = """
    read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, preadv 295 69, lseek 8 62,
    close 3 57, dup 32 23, recvmsg 47 212, getsockname 51 204, poll 7 -1, ppoll 271 73,
    stat 4 -1, lstat 6 -1, fstat 5 80, newfstatat 262 79, statx 332 291, statfs 137 43,
    fstatfs 138 44, access 21 -1, faccessat 269 48, faccessat2 439 439, readlink 89 -1,
    readlinkat 267 78, getdents64 217 61, getcwd 79 17, fadvise64 221 223,
    mmap 9 222, munmap 11 215, mremap 25 216, mprotect 10 226, madvise 28 233, brk 12 214,
    futex 202 98, set_robust_list 273 99, rseq 334 293, sched_yield 24 124, getcpu 309 168,
    sched_getaffinity 204 123, exit 60 93, exit_group 231 94, restart_syscall 219 128,
    rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, sigaltstack 131 132,
    pause 34 -1, getpid 39 172, getppid 110 173, gettid 186 178, getuid 102 174, geteuid 107 175,
    getgid 104 176, getegid 108 177, uname 63 160, sysinfo 99 179, times 100 153,
    getrusage 98 165, getrandom 318 278, clock_gettime 228 113, clock_getres 229 114,
    clock_nanosleep 230 115, nanosleep 35 101, gettimeofday 96 169, time 201 -1
"""
CLONE3: Final = "clone3 435 435"
ABORT: Final = ("kill 62 129", "tgkill 234 131")  # abort() signals itself


class Guard(NamedTuple):
    """A call that one of its arguments decides about."""

    call: str
    argument: int
    test: int
    values: tuple[int, ...]
    refused: bool = False  # what passes the test is refused, all else allowed


GUARDS: Final = (
    Guard("clone 56 220", 0, ANY_BIT, (CLONE_THREAD,)),  # threads, not processes
    Guard("openat 257 56", 2, ANY_BIT, (os.O_WRONLY | os.O_RDWR | os.O_CREAT,), refused=True),
    Guard("ioctl 16 29", 1, EQUAL, (TCGETS, FIOCLEX)),
    Guard("prctl 157 167", 0, EQUAL, (PR_SET_NAME,)),
    Guard("prlimit64 302 261", 0, EQUAL, (0,)),  # its own limits
    Guard(  # and no F_SETOWN: it sends signals
        *("fcntl 72 25", 1, EQUAL),
        (fcntl.F_DUPFD, 1030, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL),
    ),
)


def confine(memory_mb: int) -> Protections:
    """Give up, for ever: the memory beyond ``memory_mb`` more than now, files, the network.

    Call it with one thread (Landlock binds only the calling one and what it starts).
    Descriptors that are open stay so, and those sent over an open socket may be read.
    """
    held: Protections = {"limits": _limit(memory_mb)}
    os.environ.clear()  # passwords of the broker have no business here
    if sys.platform != "linux":
        return held | {"files": False, "network": False, "system_calls": False}
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    hide()
    no_new_network = library.unshare(CLONE_NEWNET) == 0  # only for root, as in many containers
    library.capset(struct.pack("=Ii", CAPABILITIES_VERSION, 0), bytes(24))
    library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    landlock = _close_files(library)
    filtered = _filter_calls(library)
    means = {"system_calls": filtered, "namespace": no_new_network, "tcp": landlock >= NET_SINCE}
    network = "+".join(name for name, there in means.items() if there)
    files: Protections = {"files": f"landlock {landlock}" if landlock else False}
    return held | files | {"network": network or False, "system_calls": filtered}


def environment() -> dict[str, str]:
    """Return our environment without what may be secret, for children that get hostile bytes."""
    return {name: value for name, value in os.environ.items() if HARMLESS.match(name)}


def hide() -> None:
    """Close this process's memory and environment to other processes of its user."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def missing(held: Protections) -> list[str]:
    """Return the layers that do not hold, of what ``confine`` returned."""
    few = len(str(held["limits"]).split()) < len(LIMITS)
    return [layer for layer, what in held.items() if not what or (layer == "limits" and few)]


def _limit(memory_mb: int) -> str:
    """Set the limits that POSIX has; return the names of those that hold."""
    limits = {"CORE": 0, "FSIZE": 0, "NOFILE": OPEN_FILES}
    with contextlib.suppress(OSError):  # no /proc: what is taken now is not known
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        # Of the address space, as nothing caps what is resident. Libraries map more than they
        # touch, hence "more than now" and not a figure of its own.
        limits["AS"] = pages * resource.getpagesize() + memory_mb * 2**20
    held = []
    for name, limit in limits.items():
        with contextlib.suppress(ValueError, OSError):  # a lower hard limit stands already
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
            held.append(name.lower())
    return " ".join(held)


def limit_cpu(seconds: float) -> None:
    """Let this process use ``seconds`` of the processor from now on; then SIGXCPU ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime + seconds + 1)
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _libraries() -> Iterator[Path]:
    """Folders of code that Python may still import from; no data, no working directory."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(sysconfig.get_path(name))
    yield from (Path(__file__).resolve().parents[2] / name for name in ("detector", "streams"))


def _close_files(library: Any) -> int:
    """Leave nothing of the file system but the libraries; return Landlock's version or 0."""
    version: int = library.syscall(CREATE_RULESET, None, 0, CREATE_RULESET_VERSION)
    if version < 1:  # not built in, or not switched on
        return 0
    rights = FILE_RIGHTS[max(since for since in FILE_RIGHTS if since <= version)]
    fields = [rights]
    if version >= NET_SINCE:
        fields.append(NET_RIGHTS)
    if version >= SCOPES_SINCE:
        fields.append(SCOPES)
    rules = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = library.syscall(CREATE_RULESET, rules, len(rules), 0)
    if ruleset < 0:
        return 0
    try:
        for folder in {path.resolve() for path in _libraries() if path.is_dir()}:
            descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            rule = struct.pack("=Qi", READ_FILE | READ_DIR, descriptor)
            library.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0)
            os.close(descriptor)
        return version if library.syscall(RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _filter_calls(library: Any) -> bool:
    """Install the system call filter; tell whether it holds."""
    if platform.machine() not in SYSTEM_CALLS or sys.maxsize < 2**32:
        return False
    steps = _program(platform.machine(), own=os.getpid())
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    return bool(library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) == 0)


def _program(machine: str, own: int) -> Iterator[Step]:
    """Yield the filter, step by step: (code, jump if true, jump if false, operand)."""
    allow, refuse = (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ERRNO | EPERM)
    yield (LOAD, 0, 0, AT_ARCHITECTURE)
    yield (EQUAL, 1, 0, SYSTEM_CALLS[machine])
    yield (RETURN, 0, 0, KILL)
    yield (LOAD, 0, 0, AT_NUMBER)
    for call in ALLOWED.split(","):
        if (number := number_of(call, machine)) >= 0:
            yield (EQUAL, 0, 1, number)
            yield allow
    yield (EQUAL, 0, 1, number_of(CLONE3, machine))  # its flags lie in memory: glibc falls back
    yield (RETURN, 0, 0, ERRNO | ENOSYS)
    for guard in (*GUARDS, *(Guard(call, 0, EQUAL, (own,)) for call in ABORT)):
        yield (EQUAL, 0, 2 * len(guard.values) + 2, number_of(guard.call, machine))
        yield (LOAD, 0, 0, AT_ARGUMENTS + 8 * guard.argument)
        for value in guard.values:
            yield (guard.test, 0, 1, value)
            yield refuse if guard.refused else allow
        yield allow if guard.refused else refuse
    yield refuse


def number_of(call: str, machine: str) -> int:
    """Return the number that a call of the tables has on a machine."""
    return int(call.split()[1 + list(SYSTEM_CALLS).index(machine)])


if __name__ == "__main__":  # ``earmark doctor`` asks what holds here
    sys.stdout.buffer.write(orjson.dumps(confine(1_024)))
