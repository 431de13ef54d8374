"""What can keep Sortyard from starting, found before anything is started and said plainly."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import IO


class CannotStart(RuntimeError):
    """The message says why and what to do."""


def require_free_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(
                    f"Port {port} is taken by another program. Choose another one: make up PORT={port + 1}"
                ) from None
            if error.errno == errno.EACCES:
                raise CannotStart(
                    f"Port {port} needs more rights than you have. Choose one above 1023."
                ) from None
            raise CannotStart(f"Can't listen on {host}:{port}: {error.strerror}.") from None


def lock_data_folder(data: Path, address: str) -> IO[str]:
    """The lock on the data folder, held while the returned file stays open. CannotStart where another holds it."""
    file = open(data / "up.lock", "a+")  # noqa: PTH123, SIM115 — stays open while the product runs
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise CannotStart(
            f"Sortyard already runs on the data folder {data} ({holder}). Open that, or stop it with Ctrl-C first."
        ) from None
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()}, {address}")
    file.flush()
    return file


def running_address(data: Path) -> str | None:
    """Where the Sortyard that runs on this data folder answers; None where none runs."""
    try:
        with (data / "up.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().rpartition(", ")[2].strip() or None
    except FileNotFoundError:
        pass
    return None
