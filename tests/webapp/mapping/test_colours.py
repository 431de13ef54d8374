"""55 classes have 55 colours, each to be seen on both themes."""

from __future__ import annotations

import pytest

from webapp.mapping.colours import colour_of, from_oklch

LIGHT, DARK = "#ffffff", "#1b1c19"  # --surface of static/css/tokens.css


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("surface", [LIGHT, DARK])
def test_each_of_55_stands_out_from_the_page(surface):
    assert min(contrast(colour_of(place), surface) for place in range(55)) > 2.8


def test_no_two_of_55_are_the_same():
    assert len({colour_of(place) for place in range(55)}) == 55


def test_the_first_ones_are_far_apart():
    first = [colour_of(place) for place in range(8)]
    for n, one in enumerate(first):
        for other in first[:n]:
            assert sum(abs(int(one[i : i + 2], 16) - int(other[i : i + 2], 16)) for i in (1, 3, 5)) > 80


def test_conversion_agrees_with_known_colours():
    assert from_oklch(1, 0, 0) == "#ffffff"
    assert from_oklch(0, 0, 0) == "#000000"
    assert from_oklch(0.62796, 0.25768, 29.234) == "#ff0000"
