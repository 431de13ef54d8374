"""Celery as the site sees it: configuration and sending by name. The tasks themselves live in `worker`."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.config.settings")

from django.conf import settings

app = Celery("sortyard")
app.conf.update(
    # Without a broker nothing is sent: jobs wait in the table, and `train --wait` runs its own.
    broker_url=settings.REDIS_URL or "memory://",
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    # Early acknowledgement: the table, not the broker, remembers what is unfinished.
    task_acks_late=False,
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_keepalive": True,
        "socket_connect_timeout": 2,
        "health_check_interval": 10,
        "visibility_timeout": 3600,
    },
    broker_pool_limit=4,
    timezone="UTC",
)
