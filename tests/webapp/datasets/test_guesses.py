"""What a class's name says of its bin."""

from __future__ import annotations

import pytest

from webapp.datasets.guesses import guess_bin
from webapp.datasets.names import preset55


@pytest.mark.parametrize(
    ("name", "bin_"),
    [
        ("cardboard", "recyclable"),
        ("Glass", "recyclable"),
        ("plastic_bottles", "recyclable"),
        ("green-glass", "recyclable"),
        ("trash", "other"),
        ("paper towels", "other"),
        ("battery", "hazardous"),
        ("Battery box", "hazardous"),
        ("food waste", "kitchen"),
        ("banana_peel", "kitchen"),
        ("旧电池", "hazardous"),
        ("塑料瓶", "recyclable"),
        ("香蕉皮", "kitchen"),
        ("脏纸巾", "other"),
        ("厨余垃圾", "kitchen"),
    ],
)
def test_common_names_lead_to_their_bin(name, bin_):
    assert guess_bin(name) == bin_


@pytest.mark.parametrize("name", ["mystery", "cat", "scanner", "class 7", "", "教室"])
def test_a_name_that_says_nothing_leads_to_no_guess(name):
    assert guess_bin(name) is None


def test_all_55_classes_are_known_by_both_names():
    for one in preset55():
        assert guess_bin(one.zh) == one.bin
        assert guess_bin(one.en) == one.bin
