"""One process tree: starts services, restarts the ones that die, ends them all in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml.family import die_with_parent

RESTART_PAUSES = (0.5, 1, 2, 5, 10, 30)
# A service that held out this long counts as well again.
STEADY_SECONDS = 60.0
MAX_LOG_BYTES = 10 * 2**20


@dataclass
class Service:
    """`grace`: seconds between SIGTERM and SIGKILL. `once`: it has an end, after which it is not restarted."""

    name: str
    command: list[str]
    grace: float = 15.0
    once: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = field(default=0.0)

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def is_done(self) -> bool:
        return self.once and self.process is not None and self.process.poll() == 0


class ProcessTree:
    """Services in the order of their start; they end in the opposite order."""

    def __init__(
        self, folder: Path, logs: Path, environment: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._folder, self._logs, self._environment, self._say = folder, logs, dict(environment), say
        self._services: list[Service] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, service: Service) -> None:
        self._services.append(service)
        self._launch(service)

    def log_of(self, service: Service) -> Path:
        return self._logs / f"{service.name}.log"

    def tend(self) -> None:
        """Restarts what has died, after a pause that grows while it keeps dying."""
        now = time.monotonic()
        for service in self._services:
            if service.is_alive or service.is_done:
                continue
            if not service.restart_at:
                self._note_death(service, now)
            elif now >= service.restart_at:
                self._launch(service)

    def stop(self) -> None:
        """Ends every service, the last one started first, and waits for each."""
        for service in reversed(self._services):
            if service.is_alive:
                assert service.process is not None
                service.process.terminate()
        for service in reversed(self._services):
            self._end(service)

    def _launch(self, service: Service) -> None:
        service.restart_at = 0.0
        service.started = time.monotonic()
        log = self.log_of(service)
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            service.process = subprocess.Popen(
                service.command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches `up` alone, which ends the services in order.
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def _note_death(self, service: Service, now: float) -> None:
        assert service.process is not None
        self._kill_group(service)
        code = service.process.returncode
        service.failures = 0 if now - service.started > STEADY_SECONDS else service.failures + 1
        pause = RESTART_PAUSES[min(service.failures, len(RESTART_PAUSES) - 1)]
        service.restart_at = now + pause
        how = f"signal {-code}" if code < 0 else f"code {code}"
        self._say(
            f"{service.name} ended ({how}); starting it again in {pause:g} s. Log: {self.log_of(service)}"
        )

    def _end(self, service: Service) -> None:
        if service.process is None:
            return
        try:
            service.process.wait(timeout=service.grace)
        except subprocess.TimeoutExpired:
            self._say(f"{service.name} did not end within {service.grace:g} s and is killed.")
        self._kill_group(service)
        service.process.wait()

    @staticmethod
    def _kill_group(service: Service) -> None:
        """Children that outlived their service must not become orphans."""
        assert service.process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(service.process.pid, signal.SIGKILL)
