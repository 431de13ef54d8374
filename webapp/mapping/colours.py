"""Colours for any number of classes, to be told apart on a light page and on a dark one."""

from __future__ import annotations

from math import cos, radians, sin

# Turns by the golden angle keep any number of hues apart.
_GOLDEN_ANGLE = 137.508
# Lightness and chroma: three pairs in turn, since 55 hues alone lie too close. All stand out from white and from the
# dark theme's surface by 3 : 1 or nearly so.
_TONES = ((0.58, 0.17), (0.66, 0.12), (0.53, 0.13))
_FIRST_HUE = 25.0


def colour_of(place: int) -> str:
    """The colour "#rrggbb" of the class at a place of the data set's own order."""
    lightness, chroma = _TONES[place % len(_TONES)]
    return from_oklch(lightness, chroma, _FIRST_HUE + place * _GOLDEN_ANGLE)


def from_oklch(lightness: float, chroma: float, hue: float) -> str:
    """Oklch (0 to 1, 0 to 0.4, degrees) as "#rrggbb"; what sRGB lacks is cut off. Equal lightness looks equally light.

    Ottosson 2020, https://bottosson.github.io/posts/oklab/
    """
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _encoded(min(1.0, max(0.0, one)))):02x}" for one in linear)


def _encoded(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
