"""Processes that end when the one that started them does, however it ended. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded at import, which may be in the parent: between fork and exec a child should do as little as possible.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent: int | None = None) -> None:
    """SIGKILL for this process once its parent is gone: Linux only, elsewhere only now.

    `parent`: its process id, where the caller knows it. A parent that is another by now has died before it could be
    watched, and this process ends at once. (That it is 1 means nothing: in a container that may be the worker.)
    """
    expected = os.getppid() if parent is None else parent
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != expected:
        os.kill(os.getpid(), signal.SIGKILL)
