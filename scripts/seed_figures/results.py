"""results.json: one row a finished training, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.durable import write_atomic

from .plan import Wanted

FORMAT, VERSION = "sortyard-seed-figures", 1

Row = dict[str, Any]


class ResultsError(ValueError):
    """The file cannot be used; the message says what to do."""


class Results:
    """The rows in `path`, read at once and written after each change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {}
        self.rows: list[Row] = []
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            content = json.loads(self.path.read_bytes())
            known = (content["format"], content["version"])
            self.data, self.rows = content["data"], content["rows"]
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"{self.path} is damaged ({error}): delete it to begin anew.") from error
        if known != (FORMAT, VERSION):
            raise ResultsError(f"{self.path} is of another version: choose another folder.")

    def describe(self, data: dict[str, Any]) -> None:
        """Note the photos that all rows are about. ResultsError where there are rows about others."""
        if self.rows and self.data != data:
            raise ResultsError(f"{self.path} is about another data set or snapshot: choose another folder.")
        self.data = data

    def find(self, run: Wanted) -> Row | None:
        """The row of that training, if it was done."""
        return next((row for row in self.rows if run.is_done_by(row)), None)

    def add(self, row: Row) -> None:
        """Keep a finished training, durably."""
        self.rows.append(row)
        self.save(self.path)

    def save(self, path: Path, rows: Sequence[Row] | None = None) -> None:
        """Write these rows, or all, one a line: a diff then shows which changed."""
        lines = ",\n".join(
            json.dumps(row, ensure_ascii=False) for row in (self.rows if rows is None else rows)
        )
        head = json.dumps({"format": FORMAT, "version": VERSION, "data": self.data}, ensure_ascii=False)
        write_atomic(path, f'{head[:-1]}, "rows": [\n{lines}\n]}}\n'.encode())
