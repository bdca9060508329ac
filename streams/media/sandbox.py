"""The rights that a process gives up, for ever, before it touches a hostile file.

There are four layers, each as far as the system has it. Where one is missing, the others hold.
The fingerprint worker logs those that hold (``decode_sandboxed``):

    limits         no core dumps, nothing written to files, few open files, a cap on memory
    files          Landlock: no file may be opened but the libraries that Python may still load
    network        Landlock (TCP), a system call filter (all sockets), or an empty network
                   namespace, whichever there is
    system_calls   seccomp: no sockets, no new processes, no signals to others, no tracing

Linux only, by ctypes: none of this is worth a dependency. Elsewhere only the limits hold.
"""

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

Protections = dict[str, bool | int | str]

OPEN_FILES: Final = 32

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 38, 22
CLONE_THREAD, CLONE_NEWNET = 0x0001_0000, 0x4000_0000

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
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of classic BPF
AT_NUMBER, AT_ARCHITECTURE, AT_FIRST_ARGUMENT = 0, 4, 16
X32: Final = 0x4000_0000  # the second numbering of x86-64

Step = tuple[int, int, int, int]
Calls = tuple[int, ...]
# machine: (audit number, clone, clone3, signals to a process by its id, refused outright)
SYSTEM_CALLS: Final[dict[str, tuple[int, int, int, Calls, Calls]]] = {
    "x86_64": (
        0xC000_003E,
        *(56, 435),
        (62, 234, 129, 297),  # kill tgkill rt_sigqueueinfo rt_tgsigqueueinfo
        (
            *(41, 42, 44, 46, 49, 50, 53),  # socket connect sendto sendmsg bind listen socketpair
            *(57, 58, 59, 322),  # fork vfork execve execveat
            *(200, 424, 434, 438),  # tkill pidfd_send_signal pidfd_open pidfd_getfd
            *(101, 310, 311, 312),  # ptrace process_vm_readv process_vm_writev kcmp
            *(29, 319, 323, 425),  # shmget memfd_create userfaultfd io_uring_setup
            *(165, 272, 308, 155, 161),  # mount unshare setns pivot_root chroot
            *(175, 313, 298, 321),  # init_module finit_module perf_event_open bpf
            *(248, 249, 250),  # add_key request_key keyctl
        ),
    ),
    "aarch64": (
        0xC000_00B7,
        *(220, 435),
        (129, 131, 138, 240),
        (
            *(198, 203, 206, 211, 200, 201, 199),
            *(221, 281),  # there is no fork and no vfork
            *(130, 424, 434, 438),
            *(117, 270, 271, 272),
            *(194, 279, 282, 425),
            *(40, 97, 268, 41, 51),
            *(105, 273, 241, 280),
            *(217, 218, 219),
        ),
    ),
}


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
    no_new_network = library.unshare(CLONE_NEWNET) == 0  # only for root, as in many containers
    library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    landlock = _close_files(library)
    filtered = _filter_calls(library)
    means = {"system_calls": filtered, "namespace": no_new_network, "tcp": landlock >= NET_SINCE}
    network = "+".join(name for name, there in means.items() if there)
    files: Protections = {"files": f"landlock {landlock}" if landlock else False}
    return held | files | {"network": network or False, "system_calls": filtered}


def _limit(memory_mb: int) -> str:
    """Set the limits that POSIX has; return the names of those that hold."""
    limits = {"CORE": 0, "FSIZE": 0, "NOFILE": OPEN_FILES}
    with contextlib.suppress(OSError):  # no /proc: what is taken now is not known
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        # Of the address space, as nothing caps what is resident; torch maps gigabytes that it
        # never touches, hence "more than now" and not a figure of its own.
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
    calls = SYSTEM_CALLS.get(platform.machine())
    if calls is None or sys.maxsize < 2**32:
        return False
    program = b"".join(struct.pack("=HBBI", *step) for step in _program(*calls, own=os.getpid()))
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    return bool(library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) == 0)


def _program(
    audit: int, clone: int, clone3: int, signals: Calls, refused: Calls, own: int
) -> Iterator[Step]:
    """Yield the filter, step by step: (code, jump if true, jump if false, operand)."""
    allow, kill = (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, KILL)
    refuse, absent = (RETURN, 0, 0, ERRNO | EPERM), (RETURN, 0, 0, ERRNO | ENOSYS)
    yield (LOAD, 0, 0, AT_ARCHITECTURE)
    yield (EQUAL, 1, 0, audit)
    yield kill
    yield (LOAD, 0, 0, AT_NUMBER)
    yield (AT_LEAST, 0, 1, X32)
    yield refuse
    for number in refused:
        yield (EQUAL, 0, 1, number)
        yield refuse
    yield (EQUAL, 0, 1, clone3)  # its flags lie in memory, out of reach: glibc falls back
    yield absent
    yield (EQUAL, 0, 4, clone)  # threads, not processes
    yield (LOAD, 0, 0, AT_FIRST_ARGUMENT)
    yield (ANY_BIT, 0, 1, CLONE_THREAD)
    yield allow
    yield refuse
    for number in signals:  # abort() signals itself
        yield (EQUAL, 0, 4, number)
        yield (LOAD, 0, 0, AT_FIRST_ARGUMENT)
        yield (EQUAL, 0, 1, own)
        yield allow
        yield refuse
    yield allow
