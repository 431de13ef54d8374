"""Strict readers of environment values: a bad one stops the start with its name and what is allowed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


class Environment:
    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, "").strip() or default

    def flag(self, name: str, default: bool = False) -> bool:
        raw = self.text(name).lower()
        if not raw:
            return default
        if raw in {"1", "true", "yes", "on"}:
            return True
        if raw in {"0", "false", "no", "off"}:
            return False
        raise ImproperlyConfigured(f"{name}={raw!r}: use 1 or 0.")

    def number(self, name: str, default: float, *, low: float, high: float) -> float:
        raw = self.text(name)
        if not raw:
            return default
        try:
            value = float(raw)
        except ValueError:
            raise ImproperlyConfigured(f"{name}={raw!r}: use a number from {low:g} to {high:g}.") from None
        if not low <= value <= high:
            raise ImproperlyConfigured(f"{name}={raw}: use a number from {low:g} to {high:g}.")
        return value

    def words(self, name: str, default: list[str]) -> list[str]:
        raw = self.text(name)
        return [word.strip() for word in raw.split(",") if word.strip()] if raw else default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise ImproperlyConfigured(f"{name}={value!r}: use one of {', '.join(allowed)}.")
        return value

    def folder(self, name: str, default: Path) -> Path:
        value = Path(self.text(name) or default).expanduser()
        return value if value.is_absolute() else Path.cwd() / value


def kept_secret(path: Path) -> str:
    """Reads the secret in `path`, or makes one there that only the owner can read."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_urlsafe(48)
    try:
        # Exclusive: of two processes that start at once, one writes and the other reads it.
        with open(path, "x", opener=_private) as file:
            file.write(secret)
    except FileExistsError:
        return path.read_text().strip()
    return secret


def make_data_folder(path: Path) -> None:
    """Makes the data folder; ImproperlyConfigured where it can't be made or written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"SORTYARD_DATA={path}: this folder can't be made ({error.strerror}). Name one that you may write to."
        ) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(
            f"SORTYARD_DATA={path}: you may not write to this folder. Name another one."
        )


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
