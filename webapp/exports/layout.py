"""How an export lies on disk, shared by those who write it and those who read it back. Standard library only.

Beside the photos stand two files that say what folders cannot: `sortyard.json` (data set, categories, classes,
small) and `labels.csv` (a row per photo, UTF-8 with a byte order mark, so that Excel shows Chinese).
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from webapp.ingest.folders import clean_name, one_line

FORMAT, VERSION = "sortyard-export", 1
CARD, TABLE = "sortyard.json", "labels.csv"
COLUMNS = (
    "path", "label", "category", "split", "group", "transform", "state", "state_reason", "label_origin", "source",
    "author", "licence", "page_url", "original_name", "taken_at", "reference", "label_en", "label_zh", "bin",
    "sha256", "width", "height", "bytes",
)  # fmt: skip
# What a crawl knew of a photo: a table without them is an export of before.
CRAWL_COLUMNS = ("provider", "query", "image_url", "title", "licence_url", "fetched_at")
# Under which name the photo's own row keeps it, and how much of it.
_CRAWL_FIELDS = {
    "provider": ("provider", 16), "query": ("query", 200), "image_url": ("url", 2000), "title": ("title", 300),
    "licence_url": ("licence_url", 2000), "fetched_at": ("fetched_at", 40),
}  # fmt: skip
# A table program takes a cell that begins so for a formula; the sign in front is taken away again on reading.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_COLOUR = re.compile(r"#[0-9a-f]{6}\Z")
_WEB = re.compile(r"https?://", re.IGNORECASE)
MAX_CARD_BYTES = 16 << 20
MAX_ADVICE = 500


def is_description(name: str) -> bool:
    """Whether a path (either kind of slash) names one of the two files that describe an export."""
    return name.replace("\\", "/").rsplit("/", 1)[-1] in (CARD, TABLE)


def is_table_of_export(head: bytes) -> bool:
    """Whether a `labels.csv` that begins so is an export's: people call their own lists of labels so, too."""
    return {b"sha256", b"label_origin"} <= set(head.splitlines()[0].split(b",")) if head else False


def kept_name(name: str) -> str:
    """Where a describing file of that path waits in a folder: files of one folder share all but the suffix."""
    above, _slash, last = name.replace("\\", "/").rpartition("/")
    stem = hashlib.sha256(above.encode("utf-8", "replace")).hexdigest()[:32]
    return stem + Path(last).suffix


def shielded(value: object) -> str:
    """A cell that no table program takes for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def unshielded(text: str) -> str:
    return text[1:] if text.startswith("'") else text


@dataclass(frozen=True)
class CategoryCard:
    key: str
    name_en: str = ""
    name_zh: str = ""
    bin: str = ""
    colour: str = ""


@dataclass(frozen=True)
class ClassCard:
    """`merged_into` is the key of another class; `closed` for one that was merged or deleted."""

    key: str
    name_en: str = ""
    name_zh: str = ""
    category: str = ""
    colour: str = ""
    advice_en: str = ""
    advice_zh: str = ""
    closed: bool = False
    merged_into: str = ""


@dataclass(frozen=True)
class Card:
    """What `sortyard.json` says."""

    dataset: str
    categories: tuple[CategoryCard, ...]
    classes: tuple[ClassCard, ...]
    snapshot: dict[str, Any] | None = None

    def to_json(self) -> str:
        content = {
            "format": FORMAT,
            "version": VERSION,
            "dataset": self.dataset,
            "snapshot": self.snapshot,
            "labels": TABLE,
            "categories": [vars(one) for one in self.categories],
            "classes": [vars(one) for one in self.classes],
        }
        return json.dumps(content, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Card | None:
        """What a file says that anybody may have written: odd values are dropped. None where it is no card."""
        try:
            content = json.loads(text)
        except ValueError:
            return None
        if (
            not isinstance(content, dict)
            or content.get("format") != FORMAT
            or content.get("version") != VERSION
        ):
            return None
        categories = tuple(_category(row) for row in _objects(content.get("categories")))
        classes = tuple(_class(row) for row in _objects(content.get("classes")))
        return cls(
            dataset=clean_name(_text(content, "dataset")),
            categories=tuple(one for one in categories if one.key),
            classes=tuple(one for one in classes if one.key),
        )


def _objects(rows: object) -> Iterator[dict[str, Any]]:
    yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value.replace("\0", "") if isinstance(value, str) else ""


def _colour(row: dict[str, Any]) -> str:
    colour = _text(row, "colour").lower()
    return colour if _COLOUR.match(colour) else ""


def _name(row: dict[str, Any], name: str) -> str:
    return clean_name(_text(row, name))


def _category(row: dict[str, Any]) -> CategoryCard:
    return CategoryCard(
        key=_name(row, "key"),
        name_en=_name(row, "name_en"),
        name_zh=_name(row, "name_zh"),
        bin=_text(row, "bin"),
        colour=_colour(row),
    )


def _class(row: dict[str, Any]) -> ClassCard:
    return ClassCard(
        key=_name(row, "key"),
        name_en=_name(row, "name_en"),
        name_zh=_name(row, "name_zh"),
        category=_name(row, "category"),
        colour=_colour(row),
        advice_en=_text(row, "advice_en")[:MAX_ADVICE],
        advice_zh=_text(row, "advice_zh")[:MAX_ADVICE],
        closed=row.get("closed") is True,
        merged_into=_name(row, "merged_into"),
    )


@dataclass(frozen=True, slots=True)
class PhotoCard:
    """What a row of `labels.csv` says of a photo, beyond its bytes."""

    label: str
    state: str
    state_reason: str
    label_origin: str
    source: str
    author: str
    licence: str
    page_url: str
    original_name: str
    taken_at: str
    reference: bool
    provenance: dict[str, str] = field(default_factory=dict)


def read_table(file: TextIO) -> Iterator[tuple[str, PhotoCard]]:
    """(sha256, what is said of it) a row; nothing where the columns are not those of an export."""
    reader = csv.reader(file)
    names = [name.lstrip("\N{ZERO WIDTH NO-BREAK SPACE}") for name in next(reader, [])]
    if not set(COLUMNS) <= set(names):
        return
    for cells in reader:
        row = dict(zip(names, (unshielded(cell) for cell in cells), strict=False))
        if _DIGEST.match(row.get("sha256", "")):
            yield row["sha256"], _photo(row)


def _photo(row: dict[str, Any]) -> PhotoCard:
    page = _text(row, "page_url")[:1000]
    return PhotoCard(
        label=clean_name(_text(row, "label")),
        state=_text(row, "state"),
        state_reason=_text(row, "state_reason")[:200],
        label_origin=_text(row, "label_origin"),
        source=_text(row, "source"),
        author=_text(row, "author")[:200],
        licence=_text(row, "licence")[:120],
        # It becomes a link: nothing but the web.
        page_url=one_line(page) if _WEB.match(page) else "",
        original_name=_text(row, "original_name")[:500],
        taken_at=_text(row, "taken_at")[:32],
        reference=_text(row, "reference") == "1",
        provenance=_provenance(row),
    )


def crawl_cells(provenance: dict[str, str]) -> list[str]:
    """The cells of CRAWL_COLUMNS."""
    return [str(provenance.get(_CRAWL_FIELDS[column][0], "")) for column in CRAWL_COLUMNS]


def _provenance(row: dict[str, Any]) -> dict[str, str]:
    """What those cells say; addresses that are none of the web's are dropped, since they become links."""
    found = {}
    for column, (name, most) in _CRAWL_FIELDS.items():
        value = one_line(_text(row, column)[:most])
        if value and (not name.endswith("url") or _WEB.match(value)):
            found[name] = value
    return found


@dataclass
class Described:
    """All that describing files say: cards in the order they came, photos by hash."""

    cards: list[Card] = field(default_factory=list)
    photos: dict[str, PhotoCard] = field(default_factory=dict)


def read_kept(folder: Path) -> Described:
    """Reads what was kept in `folder` under `kept_name`. A table counts only beside a card."""
    found = Described()
    for path in _sorted(folder.glob("*.json")):
        card = Card.from_json(path.read_bytes()) if path.stat().st_size <= MAX_CARD_BYTES else None
        if card is None:
            continue
        found.cards.append(card)
        table = path.with_suffix(".csv")
        if table.exists():
            with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                try:
                    found.photos.update(read_table(file))
                except csv.Error:
                    continue  # cut short or no table: the rows before it hold
    return found


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.name)
