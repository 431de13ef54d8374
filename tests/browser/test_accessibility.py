"""axe on every page in both themes: nothing serious, nothing critical."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.browser import DESKTOP, PHONE
from tests.support.pages import SIGHTS, walk

pytestmark = pytest.mark.browser

GRAVE = {"serious", "critical"}


def grave(answer: dict[str, Any]) -> list[str]:
    """What axe found, one sentence an element."""
    return [
        f"{violation['id']}: {node['target']} {node['html'][:160]}"
        for violation in answer["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


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
