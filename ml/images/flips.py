"""Photos with their mirrored copies as files, named as the paper on waste sorting named them.

`img_鼠标_1_original.jpg` beside `img_鼠标_1_horizontal.jpg` and `img_鼠标_1_vertical.jpg`, in one folder a class and,
where there are splits, one folder a split above it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.durable import FULL, StoreFull, make_folder, sync_file, sync_folder, write_atomic_many
from ml.images import sniff
from ml.images.decode import decode_image
from ml.images.errors import DecodeError
from ml.images.files import read_photo
from ml.images.memory import keep_freed_memory
from ml.images.thumbnails import encode_jpeg
from ml.manifest import Manifest
from ml.splits import SplitItem, cap_per_class, with_flips
from ml.store import Store

# What cv2.imwrite takes without being asked, and so what the paper's files had.
QUALITY = 95
# cv2.flip's own codes.
FLIP_CODES = {"hflip": 1, "vflip": 0}
SUFFIXES = {"original": "original", "hflip": "horizontal", "vflip": "vertical"}
_THUMB_QUALITY = 82
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_AT_ONCE = 16
# A ZIP holds no bytes of ours but the photos: the same snapshot always gives the same file.
_DATE = (1980, 1, 1, 0, 0, 0)

Pixels = NDArray[np.uint8]
Told = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One photo: where it lies, and the file names to write by transform."""

    source: Path
    names: dict[str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and the photos that could not be read with a sentence each."""

    files: int
    photos: int
    unreadable: tuple[tuple[Path, str], ...]


def flip(pixels: Pixels, transform: str) -> Pixels:
    """An (h, w, 3) uint8 picture mirrored left to right (hflip), turned upside down (vflip), or as it is (original)."""
    code = FLIP_CODES.get(transform)
    return pixels if code is None else np.asarray(cv2.flip(pixels, code), np.uint8)


def wanted_of_manifest(manifest: Manifest, store: Store) -> list[Wanted]:
    """The files of a snapshot: split/class/img_class_N_transform.jpg. Photos are numbered within their class."""
    folders = _folders([info.name for info in manifest.classes])
    labels = {info.key: (folders[info.name], _fit(info.key)) for info in manifest.classes}
    numbers: dict[str, int] = {}
    counted: dict[str, int] = {}
    found: dict[str, Wanted] = {}
    for item in manifest.items:
        if item.sha256 not in numbers:
            numbers[item.sha256] = counted[item.label] = counted.get(item.label, 0) + 1
            source = Path(item.path) if item.path else store.blob_path(item.sha256)
            found[item.sha256] = Wanted(source, {})
        folder, key = labels[item.label]
        name = f"img_{key}_{numbers[item.sha256]}_{SUFFIXES[item.transform]}.jpg"
        found[item.sha256].names[item.transform] = str(PurePosixPath(item.split, folder, name))
    return list(found.values())


def wanted_of_folder(classes: dict[str, list[Path]], *, cap: int | None, seed: int) -> list[Wanted]:
    """The files of a plain folder in the paper's order, flips before the cap: class/img_class_N_transform.jpg."""
    folders = _folders(list(classes))
    numbers = {str(path): number for paths in classes.values() for number, path in enumerate(paths, start=1)}
    items = with_flips(SplitItem(str(path), label, 0) for label, paths in classes.items() for path in paths)
    if cap is not None:
        items = cap_per_class(items, cap, seed)
    found: dict[str, Wanted] = {}
    for item in items:
        # `可回收物_鼠标` is called img_鼠标_1: the paper's files leave the category out.
        key = _fit(item.label.partition("_")[2] or item.label)
        name = f"img_{key}_{numbers[item.id]}_{SUFFIXES[item.transform]}.jpg"
        one = found.setdefault(item.id, Wanted(Path(item.id), {}))
        one.names[item.transform] = str(PurePosixPath(folders[item.label], name))
    return list(found.values())


def write_zip(path: Path, wanted: Sequence[Wanted], told: Told = lambda done, total: None) -> Written:
    """One uncompressed ZIP of all files, written aside and renamed. StoreFull on a full disk, nothing left behind."""
    make_folder(path.parent)
    aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        with zipfile.ZipFile(aside, "x", zipfile.ZIP_STORED) as archive:
            written = _write(wanted, lambda files: _add(archive, files), told)
        sync_file(aside)
        aside.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull(path.parent) from error
        raise
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)
    return written


def write_folder(path: Path, wanted: Sequence[Wanted], told: Told = lambda done, total: None) -> Written:
    """All files below a new or empty folder; FileExistsError where there is something in it."""
    if path.exists() and any(path.iterdir()):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    return _write(
        wanted, lambda files: write_atomic_many([(path / name, data) for name, data in files]), told
    )


def flip_thumbnails(store: Store, digests: Sequence[str], told: Told = lambda done, total: None) -> int:
    """Mirrored and upside-down thumbnails of stored photos, for pages; how many files were written.

    One whose thumbnail is missing is left out: its page shows no picture either.
    """
    written = 0
    for start in range(0, len(digests), 64):
        files = [file for sha256 in digests[start : start + 64] for file in _flipped_thumbs(store, sha256)]
        write_atomic_many(files)
        written += len(files)
        told(min(start + 64, len(digests)), len(digests))
    return written


def _flipped_thumbs(store: Store, sha256: str) -> Iterator[tuple[Path, bytes]]:
    targets = {name: store.flip_path(sha256, name) for name in FLIP_CODES}
    missing = {name: path for name, path in targets.items() if not path.is_file()}
    source = store.thumb_path(sha256)
    if not missing or not source.is_file():
        return
    pixels = decode_image(source.read_bytes()).pixels
    for name, path in missing.items():
        yield path, encode_jpeg(flip(pixels, name), _THUMB_QUALITY)


def _write(wanted: Sequence[Wanted], add: Callable[[list[tuple[str, bytes]]], object], told: Told) -> Written:
    keep_freed_memory()
    files = photos = 0
    unreadable: list[tuple[Path, str]] = []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                for one, made in zip(part, pool.map(_made, part), strict=True):
                    if isinstance(made, str):
                        unreadable.append((one.source, made))
                        continue
                    add(made)
                    photos += 1
                    files += len(made)
                told(min(start + _AT_ONCE, len(wanted)), len(wanted))
    finally:
        cv2.setNumThreads(threads)
    return Written(files, photos, tuple(unreadable))


def _made(one: Wanted) -> list[tuple[str, bytes]] | str:
    """The files of one photo, or a sentence why there are none."""
    try:
        data = read_photo(one.source)
        if set(one.names) == {"original"} and _is_bare(data):
            decode_image(data)
            return [(one.names["original"], data)]
        pixels = decode_image(data).pixels
    except DecodeError as error:
        return str(error)
    except FileNotFoundError:
        return "The photo is not in the store any more."
    return [
        (
            name,
            data
            if transform == "original" and _is_bare(data)
            else encode_jpeg(flip(pixels, transform), QUALITY),
        )
        for transform, name in one.names.items()
    ]


def _is_bare(data: bytes) -> bool:
    """An upright JPEG without a camera's notes stays byte for byte; all else is written anew, without its place."""
    layout = sniff.jpeg_layout(data)
    return layout is not None and layout.plain and not layout.exif and not layout.xmp_orientation


def _add(archive: zipfile.ZipFile, files: Iterable[tuple[str, bytes]]) -> None:
    for name, data in files:
        entry = zipfile.ZipInfo(name, _DATE)
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, data)


def _folders(names: Sequence[str]) -> dict[str, str]:
    """A folder for each class; two names that would fall together (upper and lower case included) get a number."""
    taken: set[str] = set()
    found = {}
    for name in names:
        folder, number = _fit(name), 1
        while folder.casefold() in taken:
            number += 1
            folder = f"{_fit(name)}_{number}"
        taken.add(folder.casefold())
        found[name] = folder
    return found


def _fit(name: str) -> str:
    """A class's name as every file system takes it."""
    return _UNFIT.sub("_", unicodedata.normalize("NFC", name)).strip(" .")[:80] or "_"
