"""Every page at both widths: nothing is cut off or lies outside the window in either language, and axe finds nothing
serious or critical in either theme.

In one file, so that one test process makes the full site that both walks lead through. Pages with wide rows are looked
at in the widths between as well.
"""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ViewportSize

from tests.support.browser import DESKTOP, LAYOUT_FAULTS, PHONE, Complaints
from tests.support.pages import SIGHTS, walk

pytestmark = pytest.mark.browser

WIDTHS = {"phone": PHONE, "desktop": DESKTOP}
# Here the rail or a second column leaves a page less room than its width promises.
BETWEEN: dict[str, ViewportSize] = {str(w): {"width": w, "height": 900} for w in (320, 768, 1024, 1280, 1920)}
FOR_ALL_WIDTHS = ("bins", "bins-done", "evaluation", "evaluation-cell", "gallery", "run")


GRAVE = {"serious", "critical"}


def grave(answer: dict[str, Any]) -> list[str]:
    """What axe found, one sentence an element."""
    return [
        f"{violation['id']}: {node['target']} {node['html'][:160]}"
        for violation in answer["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_page_cuts_anything_off(browser, stages, language):
    faults: dict[str, list[str]] = {}
    for when, stage in stages.items():
        sights = [one for one in SIGHTS if (one.when == "new") == (when == "new")]
        if language == "zh":  # its words are shorter: the main pages are enough
            sights = [one for one in sights if one.main]
        for sight, page in walk(browser, stage, sights, viewport=PHONE, language=language):
            complaints = Complaints()
            complaints.listen(page)
            widths = WIDTHS | (BETWEEN if sight.name in FOR_ALL_WIDTHS else {})
            for name, size in widths.items():
                page.set_viewport_size(size)
                # Layout follows in the next frames; figures are drawn anew then.
                page.evaluate(
                    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
                )
                if found := page.evaluate(LAYOUT_FAULTS) + complaints:
                    faults[f"{sight.name}, {name}"] = found
            page.set_viewport_size(PHONE)
    assert faults == {}


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_grave_on_any_page(browser, stages, viewport):
    axe, faults = Axe(), {}
    # A phone's page has the same colours; its dark theme would tell nothing new.
    themes = ("light", "dark") if viewport is DESKTOP else ("light",)
    for when, stage in stages.items():
        sights = [one for one in SIGHTS if (one.when == "new") == (when == "new")]
        for sight, page in walk(browser, stage, sights, viewport=viewport, bypass_csp=True):
            for theme in themes:
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                if found := grave(axe.run(page, options={"resultTypes": ["violations"]}).response):
                    faults[f"{sight.name}, {theme}"] = found
            page.emulate_media(color_scheme="light", reduced_motion="reduce")
    assert faults == {}
