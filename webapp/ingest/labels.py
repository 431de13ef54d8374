"""Lists of labels: a CSV with the columns path, label and, if wanted, category. Standard library only.

What spreadsheets write is read: UTF-8 with or without a mark, UTF-16 with one, GBK; commas, semicolons or tabs;
headings in English or Chinese.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from webapp.ingest.folders import clean_name

MAX_LIST_BYTES = 20 * 2**20
_NAME = re.compile(r"\.(csv|tsv)$", re.IGNORECASE)
_DELIMITERS = (",", ";", "\t", "，", "；")
_HEADINGS = {
    "path": ("path", "file", "filename", "filepath", "image", "imagepath", "photo", "sha256",
             "路径", "文件", "文件名", "文件路径", "图片", "图片名", "图像", "照片"),
    "label": ("label", "class", "classname", "标签", "标注", "类别", "类", "类名", "分类"),
    "category": ("category", "bin", "大类", "类目", "上级类别", "垃圾种类"),
}  # fmt: skip


class ListError(ValueError):
    """The list can't be read. `code` is what `verdicts.sentence` turns into words."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NoList(ListError):
    """A table, but not one of labels: its first line names no path or no label."""


@dataclass(frozen=True)
class LabelRow:
    """`line` counts from 1; `fault` is a code ("" for a good row)."""

    line: int
    path: str
    label: str
    category: str = ""
    fault: str = ""

    @property
    def folder(self) -> str:
        """The class folder that says the same."""
        return f"{self.category}_{self.label}" if self.category and self.label else self.label


def is_label_list(name: str) -> bool:
    return _NAME.search(name) is not None


def read_labels(data: bytes) -> list[LabelRow]:
    """All rows, those with a fault too. ListError where nothing can be read, NoList where it is another table."""
    if len(data) > MAX_LIST_BYTES:
        raise ListError(f"list_max_mb:{MAX_LIST_BYTES >> 20}")
    text = _text(data)
    delimiter, columns = _columns(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        next(reader)
        filled = (cells for cells in reader if any(cell.strip() for cell in cells))
        rows = [_row(reader.line_num, cells, columns) for cells in filled]
    except csv.Error as error:
        raise ListError("list_broken") from error
    if not rows:
        raise ListError("list_no_rows")
    return rows


def _text(data: bytes) -> str:
    """Strictly: a wrong guess would make wrong names, so what no encoding fits is refused."""
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ListError("list_encoding")


def _columns(text: str) -> tuple[str, Mapping[str, int]]:
    """(delimiter, where each column stands)."""
    first = next(iter(text.splitlines()), "")
    for delimiter in _DELIMITERS:
        found: dict[str, int] = {}
        for at, heading in enumerate(next(csv.reader([first], delimiter=delimiter), [])):
            plain = re.sub(r"[\s_-]", "", heading).casefold()
            for column, headings in _HEADINGS.items():
                if plain in headings:
                    found.setdefault(column, at)
        if "path" in found and "label" in found:
            return delimiter, found
    raise NoList("list_columns")


def _row(line: int, cells: list[str], columns: Mapping[str, int]) -> LabelRow:
    def cell(column: str) -> str:
        at = columns.get(column, len(cells))
        return cells[at] if at < len(cells) else ""

    path = plain_path(cell("path").strip())
    label, category = clean_name(cell("label")), clean_name(cell("category"))
    fault = "row_no_file" if not path else "row_no_label" if not label else ""
    return LabelRow(line, path, label, category, fault)


def plain_path(path: str) -> str:
    """NFC with forward slashes, without `./` and a slash at the beginning: how two spellings of a path compare."""
    path = unicodedata.normalize("NFC", path).replace("\\", "/")
    return re.sub(r"^(\./|/)+", "", path)


class Names:
    """Files by name. A row may name the whole path, or less of it from the right, or more than is there."""

    def __init__(self, names: Iterable[tuple[int, str]]) -> None:
        self._by_base: dict[str, list[tuple[int, str]]] = {}
        for key, name in names:
            plain = plain_path(name)
            self._by_base.setdefault(plain.rpartition("/")[2], []).append((key, plain))

    def find(self, path: str, folder: str = "") -> list[int]:
        """Keys of the files that a row means: none, one, or several that fit equally well.

        `folder` is where the list lies: a path that is right from there counts before all others.
        """
        near = self._by_base.get(path.rpartition("/")[2], [])
        for wanted in (f"{folder}/{path}" if folder else path, path):
            if exact := [key for key, name in near if name == wanted]:
                return exact
        return [key for key, name in near if name.endswith(f"/{path}") or path.endswith(f"/{name}")]


def without_contradictions(
    rows: Iterable[tuple[LabelRow, int]],
) -> Iterator[tuple[LabelRow, int, bool]]:
    """(row, key of its file, whether it may be used): a file with two different labels gets neither."""
    pairs = list(rows)
    said: dict[int, set[str]] = {}
    for row, key in pairs:
        said.setdefault(key, set()).add(row.folder)
    for row, key in pairs:
        yield row, key, len(said[key]) == 1
