"""Decoding in child processes: a crash, a hang or a bomb costs one upload, no worker.

Each child is confined (``streams.media.sandbox``) and receives one open file at a time. They come
from a fork server that has all libraries loaded, so a replacement takes a fraction of a second.

A child is not trusted. Its answer is plain bytes of limited size, checked against a schema. The
parent enforces the deadline and replaces children that died or grew.
"""

import asyncio
import contextlib
import multiprocessing
import multiprocessing.util
import os
import resource
import signal
import stat
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import send_handle
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from detector.errors import Fatal, InvalidAudio, Transient
from detector.types import AudioFacts, DecodedTrack, Fingerprint
from streams.contract.records import Sha256
from streams.media import sandbox
from streams.media.decode_child import DecodeFile, decode, serve
from streams.media.sandbox import Protections
from streams.runtime.settings import Settings

log = structlog.get_logger()

WATCH_S: Final = 0.1
MAX_FILES: Final = 500  # then the child is replaced in any case
MAX_GROWTH_MB: Final = 160
MAX_ANSWER: Final = 2**20
MAX_OBSERVATION: Final = 2**27
MAX_LANDMARKS: Final = 2**24
START_TIMEOUT_S: Final = 60.0


class DecodePool:
    """Decodes files in parallel; use as a context manager."""

    def __init__(self, settings: Settings, decode_file: DecodeFile = decode) -> None:
        """Prepare; ``decode_file`` runs in the children: the ``ProvenanceDecoder`` of the stage."""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._workers = [
            DecodeWorker(settings, decode_file, self._jobs) for _ in range(settings.decode_workers)
        ]
        self._closed = threading.Event()

    def __enter__(self) -> "DecodePool":
        sandbox.hide()  # from a child in foreign hands
        for worker in self._workers:
            worker.start()
        threading.Thread(target=self._watch, name="decode-watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        for worker in self._workers:
            worker.close()
            self._jobs.put(None)
        for worker in self._workers:
            worker.join(timeout=5)

    async def warm(self) -> Protections:
        """Wait until the children are ready; return their protections.

        Raises:
            Fatal: they do not start.
        """
        started = [asyncio.wrap_future(worker.started) for worker in self._workers]
        return (await asyncio.gather(*started))[0]

    async def decode(self, path: Path) -> DecodedTrack:
        """Decode one file.

        Raises:
            InvalidAudio: also for a decode that crashed or took too long or too much.
        """
        job = Job(_open(path))
        self._jobs.put(job)
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            job.abandoned = True

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_S):
            for worker in self._workers:
                worker.watch()


class _Answer(BaseModel):
    """The child's answer about a file: exactly one field is set."""

    model_config = ConfigDict(extra="forbid")

    decoded: tuple[AudioFacts, Fingerprint | None, Sha256] | None = None
    refused: tuple[str, str] | None = None
    failed: str | None = None


@dataclass
class Job:
    """One open file to decode; the worker closes it."""

    descriptor: int
    future: "Future[DecodedTrack]" = field(default_factory=Future)
    abandoned: bool = False


class DecodeWorker(threading.Thread):
    """One child and the thread that talks to it."""

    def __init__(
        self, settings: Settings, decode_file: DecodeFile, jobs: "SimpleQueue[Job | None]"
    ) -> None:
        super().__init__(name="decode", daemon=True)
        self.started: Future[Protections] = Future()
        self._settings = settings
        self._decode_file = decode_file
        self._jobs = jobs
        self._lock = threading.Lock()  # of what the watching thread reads
        self._job: Job | None = None
        self._deadline = 0.0
        self._verdict: tuple[str, str] | None = None
        self._closed = False
        self.child: BaseProcess | None = None
        self._connection: Connection | None = None
        self._files = 0
        self._rest_mb = 0

    def run(self) -> None:
        """Answer jobs until there is a None."""
        try:
            self.started.set_result(self._start())
        except BaseException as error:  # noqa: BLE001 - handed to the waiting caller
            self.started.set_exception(error)
        while (job := self._jobs.get()) is not None:
            try:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_result(self._decode(job))
            except BaseException as error:  # noqa: BLE001 - handed to the waiting caller
                job.future.set_exception(error)
            finally:
                os.close(job.descriptor)
            self._replace_spent()

    def watch(self) -> None:
        """Kill the child after its deadline, or when its job was abandoned."""
        with self._lock:
            if self._job is None or self._verdict is not None:
                return
            if time.monotonic() > self._deadline:
                seconds = self._settings.decode_timeout_s
                self._verdict = ("decode_timeout", f"decoding took longer than {seconds:g} s")
            elif self._job.abandoned:
                self._verdict = ("decode_timeout", "the caller stopped waiting")
            else:
                return
            self._kill()

    def close(self) -> None:
        """Kill the child; the thread ends with its next job."""
        with self._lock:
            self._closed = True
            self._kill()

    def _kill(self) -> None:
        if self.child is not None:
            with contextlib.suppress(OSError, AttributeError):
                self.child.kill()

    def _decode(self, job: Job) -> DecodedTrack:
        """Decode; retry once in a fresh child where another file or the kernel may be at fault."""
        fresh = self._files == 0
        try:
            return self._decode_once(job)
        except _Broken as broken:
            if fresh and not isinstance(broken, _Killed):
                raise
            log.warning("decode_tried_again", reason=broken.reason, detail=broken.detail)
        return self._decode_once(job)

    def _decode_once(self, job: Job) -> DecodedTrack:
        if self.child is None:
            self._start()
        child, connection = self.child, self._connection
        if child is None or connection is None or child.pid is None:
            raise Transient("the decode pool is closed")
        with self._lock:
            self._job, self._verdict = job, None
            self._deadline = time.monotonic() + self._settings.decode_timeout_s
        try:
            connection.send_bytes(repr(self._settings.decode_max_duration_s).encode())
            send_handle(connection, job.descriptor, child.pid)
            answer = _Answer.model_validate_json(connection.recv_bytes(MAX_ANSWER))
            observation = connection.recv_bytes(MAX_OBSERVATION)
            landmarks = connection.recv_bytes(MAX_LANDMARKS)
            provenance = connection.recv_bytes(MAX_ANSWER)
        except (OSError, EOFError, ValidationError) as error:
            raise self._post_mortem() from error
        finally:
            with self._lock:
                self._job = None
        self._files += 1
        if answer.decoded:
            audio, fingerprint, pcm_sha256 = answer.decoded
            return DecodedTrack(audio, fingerprint, observation, pcm_sha256, landmarks, provenance)
        if answer.refused and answer.refused[0] != "too_much_memory":
            raise InvalidAudio(*answer.refused)
        self._drop(answer.refused[0] if answer.refused else "failed")
        raise _Broken(
            *(answer.refused or ("decoder_crashed", answer.failed or "it sent no answer"))
        )

    def _start(self) -> Protections:
        """Start a child and wait until it is confined."""
        context = multiprocessing.get_context("forkserver")
        parent_end, child_end = context.Pipe()
        limits = self._settings.decode_cpu_s, self._settings.decode_max_memory_mb
        arguments = (child_end, self._decode_file, *limits)
        process = context.Process(target=serve, args=arguments, name="earmark-decode", daemon=True)
        with self._lock:
            self.child, self._connection, self._files = process, parent_end, 0
        try:
            with _processes:
                # read when numpy is loaded: a second thread waits busily for small products
                os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
                multiprocessing.util.spawnv_passfds = _spawn_without_secrets
                own = self._decode_file.__module__
                context.set_forkserver_preload([own, "streams.media.fork_server"])
                process.start()
            child_end.close()
            if self._closed or not parent_end.poll(START_TIMEOUT_S):
                self._kill()
            protections: Protections = orjson.loads(parent_end.recv_bytes(MAX_ANSWER))
        except (OSError, EOFError) as error:
            code = self._drop("start")
            raise Fatal(f"a decode process does not start: exit code {code}, {error!r}") from error
        missing = sandbox.missing(protections)
        if missing and self._settings.sandbox == "required":
            self._drop("unconfined")
            layers = ", ".join(missing)
            raise Fatal(f"EARMARK_SANDBOX=required, but this system lacks the layers: {layers}")
        self._rest_mb = _resident_mb(process.pid)
        return protections

    def _replace_spent(self) -> None:
        """Replace a child that died, grew, or decoded ``MAX_FILES`` files; only between jobs."""
        if self.child is not None:
            grown_mb = _resident_mb(self.child.pid) - self._rest_mb
            if self._files < MAX_FILES and grown_mb < MAX_GROWTH_MB:
                return
            self._drop("spent")
        if not self._closed:
            with contextlib.suppress(Fatal):  # the next job tries again and raises
                self._start()

    def _drop(self, why: str) -> int | None:
        """Kill the child and forget it; return its exit code."""
        child, connection = self.child, self._connection
        with self._lock:
            self._kill()
            self.child = self._connection = None
        if connection is not None:
            connection.close()
        if child is None or child.pid is None:  # it never started
            return None
        wait([child.sentinel], timeout=5)
        with _processes:
            child.join(0)
            code = child.exitcode
        if not self._closed:
            log.info("decode_process_replaced", why=why, files=self._files, exit_code=code)
        return code

    def _post_mortem(self) -> Exception:
        """Return why the child stopped in the middle of a file."""
        child = self.child
        if child is not None:
            wait([child.sentinel], timeout=1)  # it may be exiting by itself
        code = self._drop("died")
        if self._closed:
            return Transient("the decode pool is closed")
        if self._verdict is not None:
            return InvalidAudio(*self._verdict)
        if code == -signal.SIGXCPU:
            seconds = self._settings.decode_cpu_s
            return InvalidAudio("decode_timeout", f"decoding took over {seconds:g} s of processor")
        cause = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
        broken = _Killed if code == -signal.SIGKILL else _Broken
        return broken("decoder_crashed", f"the decode process died: {cause}")


def _spawn_without_secrets(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
    """Start a helper of multiprocessing (the fork server) without our secrets."""
    passed = [(os.POSIX_SPAWN_DUP2, descriptor, descriptor) for descriptor in passfds]
    return os.posix_spawn(
        path, list(map(os.fsencode, args)), sandbox.environment(), file_actions=passed
    )


_processes = threading.Lock()  # multiprocessing's bookkeeping is not thread-safe


class _Broken(InvalidAudio):
    """The child died or is no longer trusted."""


class _Killed(_Broken):
    """Another process, perhaps the kernel, killed the child."""


def _resident_mb(pid: int | None) -> int:
    """Return the resident memory of a process, or 0 where it is unknown."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * resource.getpagesize() // 2**20


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidAudio("not_a_file", error.strerror or "cannot be opened") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidAudio("not_a_file", "a folder or a special file")
    return descriptor
