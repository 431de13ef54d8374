"""Which places lie inside what a person drew."""

from __future__ import annotations

import math
import random

import pytest

from webapp.mapping.geometry import MOST_CORNERS, Area, AreaError

# A C: its opening is to the right.
LETTER = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.3), (0.3, 0.3), (0.3, 0.7), (0.9, 0.7), (0.9, 0.9), (0.1, 0.9)]


@pytest.mark.parametrize(
    ("place", "inside"),
    [((0.2, 0.5), True), ((0.8, 0.2), True), ((0.8, 0.8), True), ((0.6, 0.5), False), ((0.05, 0.5), False)],
)
def test_a_bay_of_the_shore_is_outside(place, inside):
    assert Area(LETTER).contains(*place) is inside


def test_the_direction_of_drawing_does_not_matter():
    places = [(x / 17, y / 17) for x in range(18) for y in range(18)]
    one, other = Area(LETTER), Area(LETTER[::-1])
    assert [one.contains(*place) for place in places] == [other.contains(*place) for place in places]


def test_it_agrees_with_the_plain_test_of_all_edges_for_a_ragged_lasso():
    dice = random.Random(7)
    turns = [(2 * math.pi * n / 90, 0.2 + 0.28 * dice.random()) for n in range(90)]
    corners = [(0.5 + r * math.cos(angle), 0.5 + r * math.sin(angle)) for angle, r in turns]
    area = Area(corners)
    places = [(dice.random(), dice.random()) for _ in range(3000)]
    inside = [place for place in places if plainly_inside(corners, *place)]
    assert [place for place in places if area.contains(*place)] == inside
    assert 400 < len(inside) < 2600


def plainly_inside(corners, x, y):
    crossings = 0
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y1 > y) != (y2 > y) and x1 + (y - y1) * (x2 - x1) / (y2 - y1) < x:
            crossings += 1
    return crossings % 2 == 1


def test_all_edges_of_a_rectangle_belong_to_it():
    whole = Area([(0, 0), (1, 0), (1, 1), (0, 1)])
    assert all(whole.contains(x, y) for x in (0.0, 0.5, 1.0) for y in (0.0, 0.5, 1.0))
    assert whole.box == (0, 0, 1, 1)


@pytest.mark.parametrize(
    "corners",
    [
        [],
        [(0, 0), (1, 1)],
        [(0.5, 0.5)] * (MOST_CORNERS + 1),
        [(0, 0), (1, 0), (math.inf, 1)],
        [(0, 0), (1, 0), (0, math.nan)],
    ],
)
def test_what_is_no_area_is_refused(corners):
    with pytest.raises(AreaError):
        Area(corners)


def test_a_line_without_breadth_holds_nothing():
    assert not Area([(0.1, 0.5), (0.5, 0.5), (0.9, 0.5)]).contains(0.5, 0.5)
