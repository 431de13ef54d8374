"""Every page at both widths and in both languages: nothing is cut off, nothing lies outside the window."""

from __future__ import annotations

import pytest

from tests.support.browser import DESKTOP, LAYOUT_FAULTS, PHONE, Complaints
from tests.support.pages import SIGHTS, walk

pytestmark = pytest.mark.browser

WIDTHS = {"phone": PHONE, "desktop": DESKTOP}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_page_cuts_anything_off(browser, stages, language):
    faults: dict[str, list[str]] = {}
    for when, stage in stages.items():
        sights = [one for one in SIGHTS if (one.when == "new") == (when == "new")]
        for sight, page in walk(browser, stage, sights, viewport=PHONE, language=language):
            complaints = Complaints()
            complaints.listen(page)
            for name, size in WIDTHS.items():
                page.set_viewport_size(size)
                # Layout follows in the next frames; figures are drawn anew then.
                page.evaluate(
                    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
                )
                if found := page.evaluate(LAYOUT_FAULTS) + complaints:
                    faults[f"{sight.name}, {name}"] = found
            page.set_viewport_size(PHONE)
    assert faults == {}
