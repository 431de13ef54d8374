"""A plain folder with one folder of photos a class, read without a store: the command line's data set."""

from __future__ import annotations

import hashlib
import os
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.images.decode import decode_image
from ml.images.errors import DecodeError
from ml.images.files import read_photo
from ml.images.groups import find_groups
from ml.images.hashes import grey_of, pack_hashes, perceptual_hashes
from ml.images.memory import keep_freed_memory
from ml.images.statistics import Unreadable
from ml.manifest import ClassInfo, Item, Manifest, Plan
from ml.splits import SplitItem, SplitReport, cap_per_class, plan_splits, with_flips

# Names that promise a picture. Kinds that are not accepted stand here too, so that they are reported and not
# silently left out; everything else in a folder (notes, Thumbs.db) is none of our business.
PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif"}
    | {".gif", ".bmp", ".tif", ".tiff", ".avif", ".svg"}
)
_EXAMPLE = "FOLDER/glass/photo1.jpg, FOLDER/paper/photo2.jpg"


class FolderError(ValueError):
    """The folder is no data set as it stands; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same bytes twice: `path` was left out, `kept` stands for it; their folders may disagree."""

    path: Path
    label: str
    kept: Path
    kept_label: str


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What was left out and why, and what a person should know about the split."""

    unreadable: tuple[Unreadable, ...]
    duplicates: tuple[Duplicate, ...]
    empty_classes: tuple[str, ...]
    split: SplitReport


@dataclass(frozen=True, slots=True)
class FolderPhoto:
    """A readable photo with its hashes."""

    path: Path
    label: str
    sha256: str
    phash: str
    mirrored: str


def list_photos(folder: Path) -> dict[str, list[Path]]:
    """Class key (the folder's name in Unicode form NFC) to its picture files, sorted, hidden ones skipped.

    A class folder is searched to any depth; one without pictures has an empty list. FolderError where there
    is no folder, no class folder in it, or no picture in any of them.
    """
    if not folder.is_dir():
        raise FolderError(f"There is no folder {folder}.")
    classes: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not _is_hidden(entry.name):
            label = unicodedata.normalize("NFC", entry.name)
            classes.setdefault(label, []).extend(_pictures_below(entry))
    if not classes:
        raise FolderError(f"{folder} has no folders in it; make one folder a class, as in {_EXAMPLE}.")
    if not any(classes.values()):
        raise FolderError(
            f"There are no photos in the folders of {folder}; put JPEG, PNG or WebP files in them."
        )
    return classes


def manifest_from_folder(
    folder: Path,
    *,
    plan: Plan | None = None,
    name: str | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    embed: Callable[[Sequence[FolderPhoto]], NDArray[np.float32]] | None = None,
) -> tuple[Manifest, FolderReport]:
    """Read, check and hash every photo, group near-duplicates by hash, mirror (`plan.enhanced`), cap, split.

    A folder `a_b` is one class of that name, without a category. Groups are made from perceptual hashes alone
    (crops may be missed), or also from what `embed` gives for the photos, (n, d) in their order. Unreadable
    files and repeated bytes are reported, not fatal; FolderError where fewer than two classes remain or a
    class has a single photo. `progress(done, total)` counts files; `workers` threads decode (default: one a
    core).
    """
    plan = plan or Plan()
    classes = list_photos(folder)
    listed = [(path, label) for label, paths in classes.items() for path in paths]
    photos, unreadable = _read_all(listed, workers or os.cpu_count() or 1, progress)
    photos, duplicates = _without_repeats(photos)
    counts = Counter(photo.label for photo in photos)
    empty = tuple(label for label in sorted(classes) if label not in counts)
    _check_classes(folder, counts, unreadable)

    hashes = pack_hashes([photo.phash for photo in photos])
    mirrored = pack_hashes([photo.mirrored for photo in photos])
    embeddings = embed(photos) if embed else None
    found = find_groups(hashes, mirrored, embeddings, [photo.label for photo in photos])
    by_id = {photo.sha256: photo for photo in photos}
    candidates = [
        SplitItem(photo.sha256, photo.label, int(group))
        for photo, group in zip(photos, found.ids, strict=True)
    ]
    if plan.enhanced:
        candidates = with_flips(candidates)
    if plan.cap is not None:
        candidates = cap_per_class(candidates, plan.cap, plan.seed)
    split = plan_splits(candidates, val=plan.val, test=plan.test, seed=plan.seed, rule=plan.rule)
    manifest = Manifest(
        name=name or folder.resolve().name,
        plan=plan,
        classes=tuple(ClassInfo(key=label) for label in sorted(counts)),
        items=tuple(
            Item(
                sha256=one.id,
                label=one.label,
                split=split.assignments[one.key],
                group=one.group,
                transform=one.transform,
                path=str(by_id[one.id].path.resolve()),
            )
            for one in candidates
        ),
    )
    return manifest, FolderReport(tuple(unreadable), tuple(duplicates), empty, split.report)


def _pictures_below(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            if not _is_hidden(name) and Path(name).suffix.lower() in PICTURE_SUFFIXES:
                yield Path(here, name)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _read_all(
    listed: Sequence[tuple[Path, str]], workers: int, progress: Callable[[int, int], None] | None
) -> tuple[list[FolderPhoto], list[Unreadable]]:
    """Photos and unreadable files, each in the order of the list, whichever thread was quicker."""
    keep_freed_memory()
    cv2.setNumThreads(1)
    lock = threading.Lock()
    done = 0

    def read(entry: tuple[Path, str]) -> FolderPhoto | Unreadable:
        nonlocal done
        result = _read_one(*entry)
        with lock:
            done += 1
            if progress is not None:
                progress(done, len(listed))
        return result

    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(read, listed))
    photos = [one for one in results if isinstance(one, FolderPhoto)]
    return photos, [one for one in results if isinstance(one, Unreadable)]


def _read_one(path: Path, label: str) -> FolderPhoto | Unreadable:
    try:
        data = read_photo(path)
        grey = grey_of(decode_image(data).pixels)
    except DecodeError as error:
        return Unreadable(path, error.code, str(error))
    except OSError as error:
        return Unreadable(path, "broken", f"The file cannot be read: {error.strerror}.")
    phash, mirrored = perceptual_hashes(grey)
    return FolderPhoto(path, label, hashlib.sha256(data).hexdigest(), phash, mirrored)


def _without_repeats(photos: Sequence[FolderPhoto]) -> tuple[list[FolderPhoto], list[Duplicate]]:
    first: dict[str, FolderPhoto] = {}
    duplicates: list[Duplicate] = []
    for photo in photos:
        kept = first.setdefault(photo.sha256, photo)
        if kept is not photo:
            duplicates.append(Duplicate(photo.path, photo.label, kept.path, kept.label))
    return list(first.values()), duplicates


def _check_classes(folder: Path, counts: Counter[str], unreadable: Sequence[Unreadable]) -> None:
    if not counts:
        example = unreadable[0]
        raise FolderError(
            f"None of the photos in {folder} can be read; the first is {example.path}: {example.detail}"
        )
    single = sorted(label for label, n in counts.items() if n == 1)
    if single:
        raise FolderError(
            f"Only one readable photo in: {', '.join(single)}. Add photos of these classes, "
            "or move their folders away."
        )
    if len(counts) < 2:
        raise FolderError(
            f"{folder} has photos of one class only ({next(iter(counts))}); a classifier needs at least two. "
            f"Make one folder a class, as in {_EXAMPLE}."
        )
