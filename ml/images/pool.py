"""Preparing children at work: requests in, results out, whatever a photo does to its child.

Standard library only, and free of decoders: the parent talks to its children through pipes. A child that dies
or hangs is replaced. Whatever it held is tried again one by one, so that only the photo at fault gets the
verdict.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ml.durable import StoreFull
from ml.store import Store

SECONDS = 20.0
MEMORY_BYTES = 2 * 1024**3
# Enough requests at a child that it stays busy while the caller writes a batch of rows.
_WINDOW = 32
_CHUNK = 1 << 16
# Loading its libraries may take a child this long on a busy machine with a cold disk.
_START_SECONDS = 30.0
_CRASHED = "The picture makes its decoder crash; save it again in a photo program and retry."
_TOO_SLOW = "Opening the picture took too long; save it again in a photo program and retry."
_TOO_BIG = "Opening the picture needs more memory than allowed; make it smaller and try again."


class PreparePoolError(RuntimeError):
    """The children cannot do their work at all; no photo is to blame."""


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """A stored blob to prepare; `id` is the caller's and comes back with the result."""

    id: int | str
    sha256: str


@dataclass(frozen=True, slots=True)
class PreparedSums:
    """Number of pixels, and sums and sums of squares of r, g, b in 0..1."""

    n: int
    sum: tuple[float, ...]
    sumsq: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PrepareResult:
    """`ok`: the measures are set and the thumbnail is on disk. Else `code` and `detail` tell why not."""

    id: int | str
    sha256: str
    ok: bool
    code: str = ""
    detail: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    phash: str = ""
    phash_mirror: str = ""
    brightness: float = 0.0
    sharpness: float = 0.0
    entropy: float = 0.0
    channel_sums: PreparedSums | None = None
    exif_date: str | None = None
    has_view: bool = False


@dataclass(eq=False, slots=True)
class _Child:
    """One process. `held` are the requests without an answer; `alone` marks one that works off suspects."""

    process: subprocess.Popen[bytes]
    held: dict[int, PrepareRequest] = field(default_factory=dict)
    unread: bytes = b""
    taken: int = 0
    alone: bool = False
    closing: bool = False
    hung: bool = False
    answered: bool = False
    last_sign: float = field(default_factory=time.monotonic)

    def send(self, number: int, request: PrepareRequest) -> None:
        """Hand over a request; a dead child is noticed when its output ends, not here."""
        if not self.held:
            self.last_sign = time.monotonic()
        self.held[number] = request
        self.taken += 1
        line = json.dumps({"id": number, "sha256": request.sha256}, separators=(",", ":")) + "\n"
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line.encode("ascii"))

    def stop_sending(self) -> None:
        """No more requests: the child answers what it holds and leaves."""
        self.closing = True
        assert self.process.stdin is not None
        self.process.stdin.close()

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """The answers that have arrived, and whether the output has ended."""
        assert self.process.stdout is not None
        chunk = os.read(self.process.stdout.fileno(), _CHUNK)
        self.last_sign = time.monotonic()
        *lines, self.unread = (self.unread + chunk).split(b"\n")
        return [json.loads(line) for line in lines], not chunk

    def end(self) -> int:
        """Kill it if it lives; the exit status (negative: the signal)."""
        if self.process.poll() is None:
            self.process.kill()
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return status


class PreparePool:
    """`processes` children for one store; use it as a context manager, from one thread at a time.

    `recycle_after`: a child is replaced after so many photos, so that no decoder's leak grows. `seconds`:
    time limit of one photo inside the child; `hang_after`: seconds without any sign after which a child that
    holds requests is killed (default: twice that limit and ten). `memory`: a child's address space in bytes.
    """

    def __init__(
        self,
        store: Store,
        *,
        processes: int = 2,
        recycle_after: int = 2000,
        seconds: float = SECONDS,
        hang_after: float | None = None,
        memory: int = MEMORY_BYTES,
    ) -> None:
        if processes < 1 or recycle_after < 1:
            raise ValueError("processes and recycle_after must be at least 1")
        self._store = store
        self._wanted = processes
        self._recycle_after = recycle_after
        self._hang_after = hang_after if hang_after is not None else 2 * seconds + 10
        self._command = [
            *(sys.executable, "-m", "ml.images.child", "--store", str(store.root.absolute())),
            *("--memory", str(memory), "--seconds", str(seconds), "--parent", str(os.getpid())),
        ]
        self._children: list[_Child] = []
        self._selector = selectors.DefaultSelector()
        self._numbers = itertools.count()
        self._suspects: deque[tuple[int, PrepareRequest]] = deque()
        self._deaths: Counter[int] = Counter()

    def __enter__(self) -> PreparePool:
        self._start_missing()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the living children."""
        return [child.process.pid for child in self._children]

    def close(self) -> None:
        """End every child; idle ones leave by themselves, others are killed."""
        for child in self._children:
            if not child.closing:
                child.stop_sending()
        for child in list(self._children):
            if not child.held:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(timeout=2)
            self._forget(child)
            child.end()
        self._suspects.clear()

    def prepare(self, items: Iterable[PrepareRequest]) -> Iterator[PrepareResult]:
        """One result per request, as they come. Takes from `items` only what the children can hold.

        StoreFull when the disk is full; PreparePoolError when children cannot start or keep failing.
        """
        waiting = iter(items)
        exhausted = False
        try:
            while True:
                self._start_missing()
                exhausted = self._feed(waiting, exhausted)
                if exhausted and not self._suspects and not any(child.held for child in self._children):
                    return
                yield from self._collect()
        finally:
            # An abandoned generator must not leave answers behind for the next one.
            self._suspects.clear()
            for child in [child for child in self._children if child.held]:
                self._forget(child)
                child.end()

    # Children.

    def _start_missing(self) -> None:
        while sum(not child.closing for child in self._children) < self._wanted:
            environ = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            child = _Child(
                subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    bufsize=0,
                    env=environ,
                )
            )
            assert child.process.stdout is not None
            self._selector.register(child.process.stdout, selectors.EVENT_READ, child)
            self._children.append(child)

    def _forget(self, child: _Child) -> None:
        assert child.process.stdout is not None
        self._selector.unregister(child.process.stdout)
        self._children.remove(child)

    def _feed(self, waiting: Iterator[PrepareRequest], exhausted: bool) -> bool:
        """Give out work until every child is full; returns whether `waiting` has ended."""
        for child in self._children:
            # A suspect needs a child of its own: only then is it clear who killed it.
            if self._suspects and not child.held and not child.closing:
                child.alone = True
                child.send(*self._suspects.popleft())
        # Turn about, so that a short list is shared evenly.
        open_children = [c for c in self._children if not c.alone and not c.closing]
        while open_children and not exhausted:
            child = min(open_children, key=lambda one: len(one.held))
            if len(child.held) >= _WINDOW:
                break
            request = next(waiting, None)
            if request is None:
                return True
            child.send(next(self._numbers), request)
            if child.taken >= self._recycle_after:
                child.stop_sending()
                open_children.remove(child)
        return exhausted

    # Answers.

    def _collect(self) -> Iterator[PrepareResult]:
        """Wait for a sign from any child; results of answers, of deaths and of hangs."""
        now = time.monotonic()
        busy = [child for child in self._children if child.held]
        limit = min((self._patience_ends(child) for child in busy), default=now) - now
        ready = self._selector.select(timeout=max(0.0, limit))
        for key, _ in ready:
            child: _Child = key.data
            answers, ended = child.read()
            for answer in answers:
                request = child.held.pop(answer.pop("id"))
                child.alone, child.answered = False, True
                yield self._result(request, answer)
            if ended:
                yield from self._bury(child)
        # Only of a child with nothing to read is silence a sign: the caller may have taken minutes.
        heard = {id(key.data) for key, _ in ready}
        for child in busy:
            if id(child) not in heard and time.monotonic() >= self._patience_ends(child):
                # Its output ends by this, and the next round buries it.
                child.hung = True
                child.process.kill()

    def _patience_ends(self, child: _Child) -> float:
        """When a child that holds requests counts as hung, by the monotonic clock."""
        return child.last_sign + self._hang_after + (0 if child.answered else _START_SECONDS)

    def _result(self, request: PrepareRequest, answer: dict[str, Any]) -> PrepareResult:
        if answer.get("code") == "store_full":
            raise StoreFull(self._store.root)
        sums = answer.pop("channel_sums", None)
        if sums is not None:
            answer["channel_sums"] = PreparedSums(sums["n"], tuple(sums["sum"]), tuple(sums["sumsq"]))
        return PrepareResult(id=request.id, sha256=request.sha256, **answer)

    def _bury(self, child: _Child) -> Iterator[PrepareResult]:
        """A child's output has ended: find out why, and what becomes of the photos it held."""
        self._forget(child)
        status = _exit_status(child)
        if status > 0:
            # No photo does this: every error inside is a verdict, and a decoder's crash is a signal.
            raise PreparePoolError(
                f"A preparing child ended with exit code {status}; its reason stands in the log above."
            )
        for number, request in child.held.items():
            self._deaths[number] += child.alone
            # A kill may come from outside (an operator, the system short of memory): one more try. A hang has
            # cost enough time.
            if child.alone and (child.hung or self._deaths[number] > 1):
                yield self._blame(request, child.hung, status)
            else:
                self._suspects.append((number, request))

    @staticmethod
    def _blame(request: PrepareRequest, hung: bool, status: int) -> PrepareResult:
        if hung:
            code, detail = "timeout", _TOO_SLOW
        elif -status in (9, 6):  # killed by the system for its memory, or aborted when it got none
            code, detail = "out_of_memory", _TOO_BIG
        else:
            code, detail = "broken", _CRASHED
        return PrepareResult(id=request.id, sha256=request.sha256, ok=False, code=code, detail=detail)


def _exit_status(child: _Child) -> int:
    """The status of a child whose output has ended; it is about to exit by itself, or never will."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.process.wait(timeout=5)
    return child.end()
