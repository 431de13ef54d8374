"""The pictures that the servers know: photos of a folder, or drawn ones. The same arguments give the same catalogue."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from PIL import Image

from tests.support import photos

# Code and version as Openverse writes them.
LICENCES = (("by", "2.0"), ("by-sa", "4.0"), ("cc0", "1.0"), ("pdm", "1.0"), ("by-nc", "3.0"))
AUTHORS = ("Jane Doe", "Ōta & Sons", "张伟", "O'Neill", "A. <b>Bold</b>")
RENDERING = 640


@dataclass(frozen=True)
class Picture:
    """One picture. `path`: its file; without one it is drawn from `seed`. `trouble`: see `images.TROUBLES`.

    `width`, `height` and `size` are what is *said* of it; they are the file's where they are not given.
    """

    id: str
    title: str = ""
    author: str = ""
    licence: str = "by-sa"
    version: str = "4.0"
    words: tuple[str, ...] = ()
    path: Path | None = None
    seed: int = 0
    mime: str = "image/jpeg"
    width: int = 0
    height: int = 0
    size: int = 0
    trouble: str = ""

    @property
    def name(self) -> str:
        return f"{self.id}.{ {'image/png': 'png', 'image/webp': 'webp'}.get(self.mime, 'jpg') }"

    def data(self) -> bytes:
        return self.path.read_bytes() if self.path else photos.jpeg(self.seed, size=(320, 240))

    def rendering(self) -> bytes:
        """A JPEG of RENDERING pixels of width at most."""
        return _rendering(self)

    def dimensions(self) -> tuple[int, int]:
        """Width and height that are told."""
        return (self.width, self.height) if self.width else _dimensions(self)

    def told_size(self) -> int:
        return self.size or len(self.data())

    def rendered(self) -> tuple[int, int]:
        width, height = self.dimensions()
        return (width, height) if width <= RENDERING else (RENDERING, max(1, height * RENDERING // width))


@lru_cache(maxsize=10_000)
def _dimensions(picture: Picture) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture.data())) as image:
        return image.size


@lru_cache(maxsize=500)
def _rendering(picture: Picture) -> bytes:
    with Image.open(io.BytesIO(picture.data())) as image:
        small = image.convert("RGB")
        small.thumbnail((RENDERING, RENDERING))
    return photos.saved(small, "JPEG", quality=80)


@dataclass(frozen=True)
class Catalogue:
    """`everything`: each search finds all pictures; else those that hold all its words in title or `words`."""

    pictures: Sequence[Picture]
    everything: bool = False
    by_name: Mapping[str, Picture] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {one.name: one for one in self.pictures})

    def find(self, text: str) -> list[Picture]:
        asked = text.casefold().split()
        if self.everything:
            return list(self.pictures)
        return [one for one in self.pictures if all(word in _known(one) for word in asked)]

    @classmethod
    def drawn(cls, count: int, *, words: Iterable[str] = ("cup",), start: int = 0) -> Catalogue:
        """`count` drawn photos of 320 × 240 pixels, no two alike."""
        words = tuple(words)
        pictures = [_filled(start + n, f"drawn-{start + n:04}", words[0], words) for n in range(count)]
        # Told, so that nothing is drawn before it is asked for.
        return cls([replace(one, width=320, height=240, size=15_000) for one in pictures])

    @classmethod
    def of_folder(
        cls, folder: Path, *, per_class: int | None = None, also: Mapping[str, Sequence[str]] | None = None
    ) -> Catalogue:
        """Photos of `folder`/CLASS/NAME.jpg, `per_class` of each, found by the class's name and the words of `also`."""
        pictures: list[Picture] = []
        for label in sorted(path.name for path in folder.iterdir() if path.is_dir()):
            files = sorted(
                (one for one in (folder / label).iterdir() if one.suffix.lower() in (".jpg", ".jpeg")),
                key=lambda one: (len(one.stem), one.stem),
            )
            words = (label, *(also or {}).get(label, ()))
            for number, path in enumerate(files[:per_class]):
                name = f"{_slug(label)}-{number:04}"
                pictures.append(replace(_filled(len(pictures), name, label, words), path=path))
        return cls(pictures)

    def troubled(self, every: int, troubles: Sequence[str]) -> Catalogue:
        """Every `every`-th picture is in trouble, in turn of each kind."""
        changed = [
            replace(one, trouble=troubles[number // every % len(troubles)])
            if number % every == every - 1
            else one
            for number, one in enumerate(self.pictures)
        ]
        return replace(self, pictures=changed)


def _filled(number: int, name: str, label: str, words: tuple[str, ...]) -> Picture:
    licence, version = LICENCES[number % len(LICENCES)]
    author = AUTHORS[number % len(AUTHORS)]
    title = f"{label} {number}"
    return Picture(name, title, author, licence, version, words, seed=10_000 + number)


def _known(picture: Picture) -> str:
    return " ".join((picture.title, *picture.words)).casefold()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "class"
