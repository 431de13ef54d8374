"""A small data set of drawn photos, folder per class, with known faults planted in it.

What a photo shows depends on the seed, its class and its number alone, not on how many are drawn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from ml.drawn.classes import CLASSES, HARD_PAIR, DrawnClass
from ml.drawn.dice import Dice
from ml.drawn.photo import draw_photo, jpeg_bytes

PLANTED_FILE = "planted.json"
WRONG_LABELS = 0.04
NEAR_DUPLICATES = 0.03
EXACT_DUPLICATES = 0.015


class OutputNotEmptyError(ValueError):
    """The folder to draw into already holds something."""


@dataclass(frozen=True)
class WrongLabel:
    path: str
    truth: str  # the folder it belongs in


@dataclass(frozen=True)
class Duplicate:
    path: str
    of: str
    how: str


@dataclass(frozen=True)
class Broken:
    path: str
    how: str


@dataclass
class Planted:
    """All that was put in on purpose; every path is relative to the data set's folder."""

    seed: int
    per_class: int
    size: int
    classes: list[dict[str, str]]
    hard_pair: list[str]
    wrong_labels: list[WrongLabel] = field(default_factory=list)
    near_duplicates: list[Duplicate] = field(default_factory=list)
    exact_duplicates: list[Duplicate] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    files: int = 0

    def to_json(self) -> str:
        content = {"format": "sortyard-planted", "version": 1, **asdict(self)}
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


@dataclass(frozen=True)
class _Shot:
    """A photo to draw: what it shows, which of its class it is, and where it is filed."""

    drawn: DrawnClass
    index: int
    folder: str


def draw_dataset(
    out: Path,
    *,
    per_class: int = 40,
    seed: int = 0,
    size: int = 320,
    progress: Callable[[int, int], object] | None = None,
) -> Planted:
    """Draw `per_class` photos of each class into `out` and plant the faults; `planted.json` lists them.

    `size` is the long side in pixels. Raises OutputNotEmptyError if `out` holds anything, ValueError for
    a size or number out of range.
    """
    if per_class < 4:
        raise ValueError("per-class must be at least 4")
    if not 64 <= size <= 2048:
        raise ValueError("size must be between 64 and 2048 pixels")
    if out.exists() and any(out.iterdir()):
        raise OutputNotEmptyError(f"{out} is not empty")
    planted = Planted(
        seed, per_class, size, [_names(c) for c in CLASSES], [_folder_of(name) for name in HARD_PAIR]
    )
    writer = _Writer(out)
    shots = list(_shots(Dice(seed, 901), per_class))
    for done, shot in enumerate(shots, 1):
        picture, quality = draw_photo(
            shot.drawn.draw, Dice(seed, CLASSES.index(shot.drawn), shot.index), size
        )
        path = writer.add(shot.folder, jpeg_bytes(picture, quality))
        if shot.folder != shot.drawn.folder:
            planted.wrong_labels.append(WrongLabel(path, shot.drawn.folder))
        if progress is not None:
            progress(done, len(shots))
    _plant(writer, planted, Dice(seed, 902))
    planted.files = len(writer.paths)
    (out / PLANTED_FILE).write_text(planted.to_json(), encoding="utf-8")
    return planted


def _names(drawn: DrawnClass) -> dict[str, str]:
    return {"folder": drawn.folder, "category": drawn.category, "class": drawn.name, "english": drawn.english}


def _folder_of(name: str) -> str:
    return next(c.folder for c in CLASSES if c.name == name)


def _shots(dice: Dice, per_class: int) -> Iterator[_Shot]:
    """Every photo in the order of its class; a few are filed under another class."""
    order = dice.order(len(CLASSES) * per_class)
    wrong = set(order[: round(WRONG_LABELS * len(order))])
    for number in range(len(order)):
        drawn = CLASSES[number // per_class]
        filed = dice.pick([c for c in CLASSES if c is not drawn]) if number in wrong else drawn
        yield _Shot(drawn, number % per_class, filed.folder)


class _Writer:
    """Numbers files per folder in the order they come, so that no name gives away what was planted."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.paths: list[str] = []
        self._counts: dict[str, int] = {}

    def add(self, folder: str, content: bytes) -> str:
        """Write the file; returns its path relative to the data set's folder."""
        self._counts[folder] = self._counts.get(folder, 0) + 1
        path = f"{folder}/{folder.split('_')[1]}_{self._counts[folder]:03d}.jpg"
        (self.out / folder).mkdir(parents=True, exist_ok=True)
        (self.out / path).write_bytes(content)
        self.paths.append(path)
        return path

    def read(self, path: str) -> bytes:
        return (self.out / path).read_bytes()


def _plant(writer: _Writer, planted: Planted, dice: Dice) -> None:
    """Copies and broken files, each beside a photo that nothing else was done to."""
    untouched = [p for p in writer.paths if p not in {w.path for w in planted.wrong_labels}]
    sources = iter([untouched[i] for i in dice.order(len(untouched))])
    for how, source in zip(
        _repeat(tuple(_COPIES), max(3, round(NEAR_DUPLICATES * len(untouched)))), sources, strict=False
    ):
        path = writer.add(source.split("/")[0], _COPIES[how](writer.read(source), dice))
        planted.near_duplicates.append(Duplicate(path, source, how))
    for how, source in zip(
        _repeat(("same bytes",), max(2, round(EXACT_DUPLICATES * len(untouched)))), sources, strict=False
    ):
        planted.exact_duplicates.append(
            Duplicate(writer.add(source.split("/")[0], writer.read(source)), source, how)
        )
    for how, source in zip(_BREAKS, sources, strict=False):
        planted.broken.append(
            Broken(writer.add(source.split("/")[0], _BREAKS[how](writer.read(source))), how)
        )


def _repeat(kinds: tuple[str, ...], n: int) -> Iterable[str]:
    return (kinds[i % len(kinds)] for i in range(n))


def _resized(content: bytes, dice: Dice) -> bytes:
    picture = Image.open(BytesIO(content))
    share = dice.between(0.6, 0.85)
    side = (round(picture.width * share), round(picture.height * share))
    return jpeg_bytes(picture.resize(side, Image.Resampling.LANCZOS), 90)


def _recompressed(content: bytes, dice: Dice) -> bytes:
    return jpeg_bytes(Image.open(BytesIO(content)), dice.count(35, 50))


def _mirrored(content: bytes, dice: Dice) -> bytes:
    return jpeg_bytes(ImageOps.mirror(Image.open(BytesIO(content))), dice.count(85, 92))


def _truncated(content: bytes) -> bytes:
    return content[: len(content) * 2 // 5]


_COPIES: dict[str, Callable[[bytes, Dice], bytes]] = {
    "resized": _resized,
    "recompressed": _recompressed,
    "mirrored": _mirrored,
}
_BREAKS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": _truncated,
    "text": lambda _: b"This is a note, not a photo. Somebody gave it the wrong ending.\n",
    "page": lambda _: b"<!doctype html><title>404</title><p>The photo you asked for has moved.</p>\n",
}
