"""The decode child from its parent's side: long-lived, replaced when it dies, hangs or has done its share."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.training.transforms import CENTRE

TIMEOUT_SECONDS = 10.0
# Decoders leak a little; a fresh process now and then keeps that from adding up.
PHOTOS_PER_CHILD = 500
_PIPE_BYTES = 1 << 20
_ROOT = Path(__file__).resolve().parents[1]


class PhotoRefused(Exception):
    """The photo cannot be used. `code` is one of the ml contract's, the text says what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Decoder:
    """Turns files into pixels inside the child. Not safe for several threads at once."""

    def __init__(self, timeout: float = TIMEOUT_SECONDS) -> None:
        self.timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._done = 0

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the child ahead of the first photo: importing its libraries takes a moment."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "worker.predict_child"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=_ROOT
        )
        self._done = 0
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, AttributeError):
            # A picture then passes in one read instead of three.
            fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self._process.stdout.fileno(), False)

    def decode(self, path: Path, size: int, framing: str = CENTRE) -> NDArray[np.uint8]:
        """The picture as a model sees it: (size, size, 3) uint8 RGB, upright.

        Raises PhotoRefused, also where the child died or hung over it.
        """
        try:
            return self._try(path, size, framing)
        except EOFError:
            # The child may have been ended for another reason (memory, an operator): ask a fresh one once.
            pass
        try:
            return self._try(path, size, framing)
        except EOFError:
            raise PhotoRefused("broken", "The picture could not be opened: its data are damaged.") from None

    def _try(self, path: Path, size: int, framing: str) -> NDArray[np.uint8]:
        """One attempt; EOFError where the child has died."""
        if self._done >= PHOTOS_PER_CHILD:
            self.close()
        self.start()
        self._done += 1
        try:
            return self._exchange(path, size, framing, time.monotonic() + self.timeout)
        except (EOFError, BrokenPipeError, ValueError) as error:
            self.close()
            raise EOFError from error
        except TimeoutError:
            self.close()
            raise PhotoRefused("timeout", "Opening the picture took too long.") from None

    def close(self) -> None:
        """End the child; what it was doing is lost."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def _exchange(self, path: Path, size: int, framing: str, deadline: float) -> NDArray[np.uint8]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"path": str(path), "size": size, "framing": framing}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        descriptor = self._process.stdout.fileno()
        received = bytearray()
        while (end := received.find(b"\n")) < 0:
            received += _read(descriptor, deadline)
        header = json.loads(received[:end])
        if not header["ok"]:
            raise PhotoRefused(str(header["code"]), str(header["detail"]))
        del received[: end + 1]
        while len(received) < header["bytes"]:
            received += _read(descriptor, deadline)
        return np.frombuffer(received, np.uint8).reshape(size, size, 3)


def _read(descriptor: int, deadline: float) -> bytes:
    """What the child has written meanwhile; TimeoutError past the deadline, EOFError once it has ended."""
    ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
    if not ready:
        raise TimeoutError
    chunk = os.read(descriptor, _PIPE_BYTES)
    if not chunk:
        raise EOFError
    return chunk
