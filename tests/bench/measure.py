"""CPU seconds of this thread, of a program, or of a running process with its children."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")

Job = Callable[[], float]


def by_turns(jobs: Mapping[str, Job], rounds: int) -> dict[str, tuple[float, ...]]:
    """Run each job once to warm up, then all of them ``rounds`` times, one after the other."""
    for job in jobs.values():
        job()
    results: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            results[name].append(job())
    return {name: tuple(values) for name, values in results.items()}


def cpu_here(work: Callable[[], object]) -> float:
    """Return the CPU seconds that ``work`` takes in this process."""
    before = time.process_time()
    work()
    return time.process_time() - before


def cpu_of(command: Sequence[str | os.PathLike[str]]) -> float:
    """Return the CPU seconds of a program, from its start to its end.

    Raises:
        OSError: it is not there.
        subprocess.CalledProcessError: it failed.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(map(str, command)))
    return used.ru_utime + used.ru_stime


def tree(root: int) -> list[int]:
    """Return the ids of a process and of all below it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    processes, waiting = [], [root]
    while waiting:
        item = waiting.pop()
        processes.append(item)
        waiting += parents.get(item, ())
    return processes


def cpu_of_process(process: int) -> float:
    """Return the CPU seconds of a running process alone."""
    return sum(map(int, _stat(process)[11:13])) / TICKS


def cpu_of_tree(root: int) -> float:
    """Return the CPU seconds of a running process and all below it, the ended ones included."""
    # utime, stime, and those of children that were waited for
    ticks = (sum(map(int, fields[11:15])) for one in tree(root) if (fields := _stat(one)))
    return sum(ticks) / TICKS


def memory_mb(root: int) -> float:
    """Return the memory of a process and all below it; a shared page is divided by its sharers."""
    return sum(_memory_kb(one) for one in tree(root)) / 1_024


def _memory_kb(process: int) -> int:
    try:
        smaps = Path(f"/proc/{process}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in smaps.splitlines() if line.startswith("Pss:"))
    except (OSError, StopIteration):  # it is gone, or not ours to look at
        return 0


def _stat(process: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name: state, parent ...; none if it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
