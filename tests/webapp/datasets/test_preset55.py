"""What the 55 classes of household waste bring along: their bins and a line of advice in both languages."""

from __future__ import annotations

from collections import Counter

import pytest

from webapp.datasets.models import Bin
from webapp.datasets.names import has_han, preset55

LONGEST_ENGLISH = 110
LONGEST_CHINESE = 45

each_class = pytest.mark.parametrize("row", preset55(), ids=lambda row: row.en)


def said_twice(lines):
    return [line for line, count in Counter(lines).items() if count > 1]


def test_there_are_18_recyclable_19_kitchen_9_hazardous_and_9_other_classes():
    assert Counter(row.bin for row in preset55()) == {
        Bin.RECYCLABLE: 18,
        Bin.KITCHEN: 19,
        Bin.HAZARDOUS: 9,
        Bin.OTHER: 9,
    }


@each_class
def test_every_class_has_advice_in_both_languages(row):
    assert row.advice_en.strip()
    assert row.advice_zh.strip()


@each_class
def test_english_advice_has_no_han_characters_and_ends_with_a_full_stop(row):
    assert not has_han(row.advice_en)
    assert row.advice_en.isascii()
    assert row.advice_en.endswith(".")


@each_class
def test_chinese_advice_is_chinese_and_ends_with_a_chinese_full_stop(row):
    assert has_han(row.advice_zh)
    assert row.advice_zh.endswith("。")


@each_class
def test_chinese_advice_has_no_half_width_punctuation(row):
    assert not set(row.advice_zh) & set(",.;:!?() ")


@each_class
def test_advice_fits_on_one_short_line(row):
    assert len(row.advice_en) <= LONGEST_ENGLISH
    assert len(row.advice_zh) <= LONGEST_CHINESE
    assert "\n" not in row.advice_en + row.advice_zh


def test_no_line_of_advice_stands_twice():
    assert said_twice(row.advice_en for row in preset55()) == []
    assert said_twice(row.advice_zh for row in preset55()) == []
