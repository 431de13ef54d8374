"""Names of data sets and classes: slugs, pinyin, and what the 55-class taxonomy knows of them."""

from __future__ import annotations

import csv
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils.text import slugify
from pypinyin import Style, lazy_pinyin

from webapp.datasets.models import Bin

PRESET_FILE = Path(__file__).parent / "presets" / "taxonomy55.csv"
BIN_OF_CATEGORY = {
    "可回收物": Bin.RECYCLABLE,
    "厨余垃圾": Bin.KITCHEN,
    "有害垃圾": Bin.HAZARDOUS,
    "其他垃圾": Bin.OTHER,
}
CATEGORY_OF_BIN = {bin_: name for name, bin_ in BIN_OF_CATEGORY.items()}


@dataclass(frozen=True)
class PresetClass:
    category_zh: str
    category_en: str
    zh: str
    en: str
    advice_en: str
    advice_zh: str

    @property
    def bin(self) -> Bin:
        return BIN_OF_CATEGORY[self.category_zh]


@cache
def preset55() -> tuple[PresetClass, ...]:
    """The 55 classes of household waste, in the order of the file."""
    with PRESET_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            PresetClass(
                category_zh=row["category_zh"],
                category_en=row["category_en"],
                zh=row["class_zh"],
                en=row["class_en"],
                advice_en=row["advice_en"],
                advice_zh=row["advice_zh"],
            )
            for row in csv.DictReader(file)
        )


def preset_called(name: str) -> PresetClass | None:
    """The class of the 55 that goes by this name in either language."""
    return next((one for one in preset55() if name in (one.zh, one.en)), None)


def has_han(text: str) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for char in text)


def pinyin_of(text: str) -> tuple[str, str]:
    """("shubiao", "sb") for 鼠标; ("", "") where there is no Chinese."""
    if not has_han(text):
        return "", ""
    return (
        "".join(lazy_pinyin(text)).lower()[:240],
        "".join(lazy_pinyin(text, style=Style.FIRST_LETTER)).lower()[:60],
    )


def folded(name: str) -> str:
    """A name as it is compared: people see no difference where only the case or the composition differs."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def names_shown(key: str, name_en: str, name_zh: str) -> tuple[str, str]:
    """What a class is called on an English page and on a Chinese one."""
    return name_en or name_zh or key, name_zh or name_en or key


def shown_alike(one: tuple[str, str], other: tuple[str, str]) -> str:
    """The name by which a reader could not tell two classes apart, "" where each language has two names."""
    return next((a for a, b in zip(one, other, strict=True) if folded(a) == folded(b)), "")


def free_slug(name: str, taken: set[str]) -> str:
    """A slug for `name` that is not among `taken`."""
    stem = slugify(name, allow_unicode=True)[:70] or "data"
    slug, number = stem, 2
    while slug in taken:
        slug, number = f"{stem}-{number}", number + 1
    return slug
