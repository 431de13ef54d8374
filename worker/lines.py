"""Reads a growing file of JSON lines, only what came since the last look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class GrowingLines:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> list[dict[str, Any]]:
        """Whole lines written since the last call; a line still being written waits for the next."""
        try:
            with self._path.open("rb") as file:
                file.seek(0, 2)
                if file.tell() < self._offset:
                    self._offset = 0  # the file was begun anew
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines() if line.strip()]
