"""Every page at both widths and in both languages: nothing is cut off, nothing lies outside the window.

Pages with wide rows are looked at in the widths between as well.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import ViewportSize

from tests.support.browser import DESKTOP, LAYOUT_FAULTS, PHONE, Complaints
from tests.support.pages import SIGHTS, walk

pytestmark = pytest.mark.browser

WIDTHS = {"phone": PHONE, "desktop": DESKTOP}
# Here the rail or a second column leaves a page less room than its width promises.
BETWEEN: dict[str, ViewportSize] = {str(w): {"width": w, "height": 900} for w in (320, 768, 1024, 1280, 1920)}
FOR_ALL_WIDTHS = ("bins", "bins-done", "evaluation", "evaluation-cell", "gallery", "run")


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
