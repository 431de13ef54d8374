"""A frozen version of a data set as one JSON file: classes, photos, splits, and a digest that names it.

Standard library only, because the site writes manifests. The layout is described in docs/ml-contract.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from dataclasses import field as dataclass_field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ml.durable import write_atomic

FORMAT = "sortyard-manifest"
VERSION = 1
SPLITS = ("train", "val", "test", "held_out")
TRANSFORMS = ("original", "hflip", "vflip")
BINS = ("recyclable", "kitchen", "hazardous", "other", "")
RULES = ("grouped", "random", "paper")

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_COLOUR = re.compile(r"(#[0-9a-fA-F]{6})?\Z")
_T = TypeVar("_T", bound="ClassInfo | Item | Plan")


class ManifestError(ValueError):
    """A manifest, or a part of one, breaks its rules. `field` names the culprit."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class CorruptManifest(ManifestError):
    """The file is not JSON or not a manifest at all."""


class IncompatibleManifest(ManifestError):
    """The file is a manifest of a version that this program does not read."""


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """One class. `key` never changes; names do. `category` is the category's key, or "" without one."""

    key: str
    name_en: str = ""
    name_zh: str = ""
    category: str = ""
    category_en: str = ""
    category_zh: str = ""
    bin: str = ""
    colour: str = ""

    def __post_init__(self) -> None:
        _require_strings(self, "class")
        if not self.key.strip():
            raise ManifestError("class.key", "must not be empty")
        if self.key != unicodedata.normalize("NFC", self.key):
            raise ManifestError("class.key", f"must be in Unicode form NFC: {self.key!r}")
        _require_member("class.bin", self.bin, BINS)
        if not _COLOUR.match(self.colour):
            raise ManifestError("class.colour", f'must be "" or #rrggbb, not {self.colour!r}')

    @property
    def name(self) -> str:
        """`category_label` in the data set's own naming; the label alone without a category."""
        return f"{self.category}_{self.key}" if self.category else self.key


@dataclass(frozen=True, slots=True)
class Item:
    """One photo. `path` is set only for photos of a plain folder; all others lie in the store."""

    sha256: str
    label: str
    split: str
    group: int
    transform: str = "original"
    path: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.sha256, str) or not _DIGEST.match(self.sha256):
            raise ManifestError("item.sha256", f"must be 64 lower-case hex digits, not {self.sha256!r}")
        if not isinstance(self.label, str) or not self.label:
            raise ManifestError("item.label", "must be the key of a class")
        _require_member("item.split", self.split, SPLITS)
        _require_member("item.transform", self.transform, TRANSFORMS)
        if not _is_integer(self.group) or self.group < 0:
            raise ManifestError("item.group", f"must be a whole number from 0, not {self.group!r}")
        if not isinstance(self.path, str):
            raise ManifestError("item.path", "must be text")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the splits were made. `val`, `test`: fractions; `cap`: the most items of a class, or None.

    `enhanced`: each photo also stands mirrored and upside down, made before the cap and the split. `filter`: which
    photos were let in at all, as the site says it; {} for all of them.
    """

    rule: str = "grouped"
    val: float = 0.1
    test: float = 0.1
    seed: int = 0
    cap: int | None = None
    enhanced: bool = False
    filter: Mapping[str, Any] = dataclass_field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_member("plan.rule", self.rule, RULES)
        for name in ("val", "test"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
                raise ManifestError(f"plan.{name}", f"must be a fraction from 0 to below 1, not {value!r}")
            # 0 and 0.0 are one value and must give one digest.
            object.__setattr__(self, name, float(value))
        if self.val + self.test >= 1:
            raise ManifestError("plan.test", "val and test together must stay below 1: some must train")
        if not _is_integer(self.seed) or self.seed < 0:
            raise ManifestError("plan.seed", f"must be a whole number from 0, not {self.seed!r}")
        if self.cap is not None and (not _is_integer(self.cap) or self.cap < 1):
            raise ManifestError("plan.cap", f"must be a whole number from 1, or null, not {self.cap!r}")
        if not isinstance(self.enhanced, bool):
            raise ManifestError("plan.enhanced", f"must be true or false, not {self.enhanced!r}")
        if not isinstance(self.filter, dict):
            raise ManifestError("plan.filter", f"must be an object, not {self.filter!r}")

    def as_json(self) -> dict[str, Any]:
        """`enhanced` and `filter` only where they say something: manifests from before keep their digest."""
        content = asdict(self)
        for name in ("enhanced", "filter"):
            if not content[name]:
                del content[name]
        return content


@dataclass(frozen=True)
class Manifest:
    """A frozen data set version. Class keys are unique; a photo stands once per transform."""

    name: str
    plan: Plan
    classes: tuple[ClassInfo, ...]
    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "items", tuple(self.items))
        if not isinstance(self.name, str):
            raise ManifestError("name", "must be text")
        repeated = [key for key, n in Counter(info.key for info in self.classes).items() if n > 1]
        if repeated:
            raise ManifestError("classes", f"the key {repeated[0]!r} stands more than once")
        known = {info.key for info in self.classes}
        seen: set[tuple[str, str]] = set()
        for item in self.items:
            if item.label not in known:
                raise ManifestError("item.label", f"{item.label!r} is not a class of this manifest")
            identity = (item.sha256, item.transform)
            if identity in seen:
                raise ManifestError("items", f"photo {item.sha256} ({item.transform}) stands more than once")
            seen.add(identity)

    @cached_property
    def class_index(self) -> dict[str, int]:
        """Class key to its place in `classes`: the model's output number."""
        return {info.key: place for place, info in enumerate(self.classes)}

    def items_of(self, split: str) -> tuple[Item, ...]:
        """The photos of one split, in the manifest's order; ManifestError for an unknown split."""
        _require_member("split", split, SPLITS)
        return tuple(item for item in self.items if item.split == split)

    def judges(self, item: Item) -> bool:
        """Whether a val or test item is scored.

        Mirrored copies are not: they would count one photo three times. Under the rule `paper` they are, as
        the paper counted them.
        """
        return item.transform == TRANSFORMS[0] or self.plan.rule == "paper"

    def counts(self) -> dict[str, dict[str, int]]:
        """Split to class key to number of photos; every class appears in every split."""
        table = {split: dict.fromkeys(self.class_index, 0) for split in SPLITS}
        for item in self.items:
            table[item.split][item.label] += 1
        return table

    @cached_property
    def digest(self) -> str:
        """sha256 of the canonical JSON of everything but the name."""
        content = self._as_dict()
        del content["name"]
        return hashlib.sha256(_canonical(content).encode("ascii")).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON text, ASCII only (file names may hold bytes that are no Unicode)."""
        return _canonical(self._as_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Read JSON text. CorruptManifest, IncompatibleManifest or ManifestError say what is wrong."""
        try:
            content = json.loads(text)
        except ValueError as error:
            raise CorruptManifest("manifest", f"the file is not JSON ({error})") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise CorruptManifest("format", f'must be "{FORMAT}"; this is some other file')
        if content.get("version") != VERSION:
            found = content.get("version")
            raise IncompatibleManifest("version", f"this program reads version {VERSION}, not {found!r}")
        expected = {"format", "version", "name", "plan", "classes", "items"}
        if content.keys() != expected:
            odd = ", ".join(sorted(content.keys() ^ expected))
            raise ManifestError("manifest", f"missing or unknown: {odd}")
        for part in ("classes", "items"):
            if not isinstance(content[part], list):
                raise ManifestError(part, "must be a list")
        return cls(
            name=content["name"],
            plan=_build(Plan, content["plan"], "plan"),
            classes=tuple(_build(ClassInfo, one, "class") for one in content["classes"]),
            items=tuple(_build(Item, one, "item") for one in content["items"]),
        )

    def write(self, path: Path) -> None:
        """Write the file durably, replacing what stood there."""
        write_atomic(path, self.to_json().encode("ascii"))

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a file; FileNotFoundError or a ManifestError."""
        return cls.from_json(path.read_bytes())

    def _as_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "plan": self.plan.as_json(),
            "classes": [asdict(info) for info in self.classes],
            # Spelled out because asdict() is ten times slower, and there may be 100,000 of these.
            "items": [
                {
                    "sha256": item.sha256,
                    "label": item.label,
                    "split": item.split,
                    "group": item.group,
                    "transform": item.transform,
                    "path": item.path,
                }
                for item in self.items
            ],
        }


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _build(kind: type[_T], content: object, name: str) -> _T:
    if not isinstance(content, dict):
        raise ManifestError(name, "must be an object")
    unknown = sorted(content.keys() - {field.name for field in fields(kind)})
    if unknown:
        raise ManifestError(f"{name}.{unknown[0]}", "is not a known field")
    try:
        return kind(**content)
    except TypeError as error:
        raise ManifestError(name, str(error).split(") ", 1)[-1]) from error


def _require_strings(part: ClassInfo, name: str) -> None:
    for field in fields(part):
        if not isinstance(getattr(part, field.name), str):
            raise ManifestError(f"{name}.{field.name}", "must be text")


def _require_member(field: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ManifestError(field, f"must be one of {', '.join(repr(one) for one in allowed)}, not {value!r}")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
