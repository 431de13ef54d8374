"""The design tokens: both themes name the same ones, and text stays readable on what it stands on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SHEET = Path(__file__).resolve().parents[3] / "static" / "css" / "tokens.css"


def tokens(selector: str) -> dict[str, str]:
    """The custom properties of the one block that starts with `selector`."""
    text = SHEET.read_text(encoding="utf-8")
    block = re.search(re.escape(selector) + r"\s*\{([^}]*)\}", text)
    assert block, selector
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", block[1]))


LIGHT = tokens("\n:root")
DARK = {**LIGHT, **tokens(':root[data-theme="dark"]')}
THEMES = {"light": LIGHT, "dark": DARK}
BINS = ("recyclable", "kitchen", "hazardous", "other")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it, of #rrggbb."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_system_s_dark_and_the_reader_s_dark_are_one():
    assert tokens(':root:not([data-theme="light"])') == tokens(':root[data-theme="dark"]')


def test_dark_invents_no_token_that_light_lacks():
    assert set(DARK) == set(LIGHT)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", ["paper", "surface", "raised", "sunken"])
@pytest.mark.parametrize("text", ["ink", "ink-soft", "muted", "link", "good", "bad"])
def test_text_can_be_read_on_every_surface(theme, surface, text):
    colours = THEMES[theme]
    assert contrast(colours[f"--{text}"], colours[f"--{surface}"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("bin_", BINS)
def test_text_can_be_read_on_the_bins_colours(theme, bin_):
    colours = THEMES[theme]
    assert contrast(colours["--on-bin"], colours[f"--{bin_}"]) >= 4.5
    assert contrast(colours["--ink"], colours[f"--{bin_}-soft"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    ("text", "surface"), [("good", "good-soft"), ("bad", "bad-soft"), ("ink", "hi-soft")]
)
def test_text_can_be_read_on_notes_and_badges(theme, text, surface):
    colours = THEMES[theme]
    assert contrast(colours[f"--{text}"], colours[f"--{surface}"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", ["paper", "surface", "sunken"])
def test_focus_and_the_edges_of_fields_can_be_seen(theme, surface):
    colours = THEMES[theme]
    assert contrast(colours["--focus"], colours[f"--{surface}"]) >= 3
    if surface != "sunken":
        assert contrast(colours["--field-line"], colours[f"--{surface}"]) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("bin_", BINS)
def test_the_bins_can_be_told_from_the_paper(theme, bin_):
    colours = THEMES[theme]
    assert contrast(colours[f"--{bin_}"], colours["--surface"]) >= 3
