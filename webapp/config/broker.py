"""Where the broker is: REDIS_URL, or the embedded one that `manage.py up` started in this data folder."""

from __future__ import annotations

import json
from pathlib import Path

from webapp.config.environment import kept_secret


def broker_file(data: Path) -> Path:
    """`up` writes the port here; the password stands beside it in a file of its own."""
    return data / "broker" / "broker.json"


def broker_password(data: Path) -> str:
    return kept_secret(data / "broker" / "password")


def broker_url(configured: str, data: Path) -> str:
    """The Redis URL, or "" when none is configured and no embedded broker has been started here."""
    if configured:
        return configured
    try:
        port = int(json.loads(broker_file(data).read_text())["port"])
    except (FileNotFoundError, ValueError, KeyError):
        return ""
    return f"redis://:{broker_password(data)}@127.0.0.1:{port}/0"
