"""A worker says that it lives, so that the queue page can tell why a job waits."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from webapp.jobs.models import WorkerProcess
from worker.identity import own_identity

logger = logging.getLogger(__name__)


class Presence:
    """Keeps one WorkerProcess row fresh from a thread, until `end`."""

    def __init__(self, queues: list[str]) -> None:
        self._name = own_identity()
        self._queues = ",".join(sorted(queues))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="presence", daemon=True)

    def begin(self) -> None:
        self._say()
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        WorkerProcess.objects.filter(name=self._name).delete()

    def _say(self) -> None:
        WorkerProcess.objects.update_or_create(
            name=self._name, defaults={"queues": self._queues, "seen_at": timezone.now()}
        )

    def _keep(self) -> None:
        while not self._ended.wait(settings.JOB_HEARTBEAT_SECONDS):
            try:
                self._say()
            except DatabaseError:
                logger.warning("Could not say that this worker lives; trying again soon")
                connection.close()
        connection.close()
