"""The only process that decodes a photo sent to be classified: no torch, no network, little memory.

Reads JSON lines `{"path", "size", "framing"}` on stdin. Answers each with a JSON line `{"ok": true, "bytes"}` and the
picture as the model sees it, size × size × 3 bytes of RGB, or a line `{"ok": false, "code", "detail"}`.
It ends when stdin ends or its parent dies.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

# One thread: several would only reserve address space that the limit below counts.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.family import die_with_parent
from ml.images.decode import MAX_BYTES, decode_image
from ml.images.errors import DecodeError, OutOfMemory
from ml.training.transforms import eval_picture

# A picture of 50 million pixels takes 150 MB as RGB; turning or flattening it needs a few copies at once.
EXTRA_MEMORY = 1 << 30


def limit_myself() -> None:
    """Bound memory, write nothing, leave no core file, die with the parent."""
    cv2.setNumThreads(1)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        address_space = pages * resource.getpagesize() + EXTRA_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def decode(path: Path, size: int, framing: str) -> NDArray[np.uint8]:
    """The upright picture in that file, prepared as in training: (size, size, 3). Raises DecodeError.

    The predictor prepares it once more, which changes nothing; so a large photo never leaves this process.
    """
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        return eval_picture(decode_image(data).pixels, size, framing)
    except MemoryError as error:
        raise OutOfMemory from error


def answer(line: bytes, out: BinaryIO) -> None:
    """Answer one request line."""
    try:
        request = json.loads(line)
        picture = np.ascontiguousarray(
            decode(Path(request["path"]), int(request["size"]), request["framing"])
        )
    except DecodeError as error:
        _say(out, {"ok": False, "code": error.code, "detail": str(error)})
    except OSError as error:
        _say(out, {"ok": False, "code": "gone", "detail": str(error)})
    else:
        _say(out, {"ok": True, "bytes": picture.nbytes})
        out.write(picture.tobytes())
        out.flush()


def _say(out: BinaryIO, message: dict[str, Any]) -> None:
    out.write(json.dumps(message).encode() + b"\n")
    out.flush()


def main() -> None:
    """Serve until stdin ends."""
    limit_myself()
    for line in sys.stdin.buffer:
        answer(line, sys.stdout.buffer)


if __name__ == "__main__":
    main()
