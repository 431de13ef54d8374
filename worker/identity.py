"""Who holds a lease: host, pid and start time. A pid alone may belong to another process by now."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path


def start_time(pid: int) -> str | None:
    """When process `pid` started, in the system's own notation; None if there is no such process."""
    try:
        # The command's name stands in brackets and may hold spaces: count fields behind it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _start_time_from_ps(pid)
    except ProcessLookupError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _start_time_from_ps(pid: int) -> str | None:
    """macOS has no /proc."""
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip().replace("/", "-") or None


def identity_of(pid: int) -> str:
    return f"{socket.gethostname()}/{pid}/{start_time(pid)}"


def own_identity() -> str:
    return identity_of(os.getpid())


def is_gone(owner: str) -> bool:
    """True only where `owner` was a process of this host that surely no longer lives."""
    host, _slash, rest = owner.partition("/")
    pid, _slash, started = rest.partition("/")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    return start_time(int(pid)) != started
