"""From a cell of the confusion matrix to its photos, to a corrected label, without leaving the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import LAYOUT_FAULTS, PHONE
from tests.support.site import Site, wait_until

pytestmark = pytest.mark.browser

ROWS = """
from tests.webapp.runs import world
from webapp.datasets.services import dataset_create
dataset = dataset_create(name="Mixed up")
run = world.make_run(world.make_snapshot(dataset), epochs=3, best_epoch=2, test_accuracy=0.75, test_n=12,
                     test_low=0.5, test_high=0.9, val_accuracy=0.9, val_n=12, seconds=90)
wrong = [("test", "bottle", "can", 2), ("test", "can", "peel", 1), ("val", "peel", "can", 1)]
world.make_evaluation(run, wrong)
"""

# Where the middle of a cell lies on the screen: rows and columns as they are drawn.
MIDDLE = """([row, column]) => {
  const plot = document.querySelector("[data-heat]");
  const { xaxis, yaxis } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  return { x: box.left + xaxis._offset + xaxis.d2p(column), y: box.top + yaxis._offset + yaxis.d2p(row) };
}"""


@pytest.fixture(scope="module")
def address(site: Site) -> str:
    site.manage("shell", "-v", "0", "-c", ROWS)
    return "/studio/d/mixed-up/runs/1/evaluation/"


def heat_is_drawn(page: Page) -> None:
    expect(page.locator("[data-heat] .hm image, [data-heat] .heatmaplayer .hm").first).to_be_attached()


def test_a_click_on_a_cell_shows_its_photos_and_a_label_is_put_right_there(studio, address):
    with studio() as page:
        page.goto(address)
        heat_is_drawn(page)
        middle = page.evaluate(MIDDLE, [0, 1])
        page.mouse.click(middle["x"], middle["y"])
        cell = page.locator("#cell")
        expect(cell).to_contain_text("bottle taken for can")
        expect(cell.get_by_role("article")).to_have_count(2)
        assert "truth=bottle&answer=can" in page.url

        first = cell.get_by_role("article").first
        # Nothing can be sent by mistake, and what was sent can be taken back.
        expect(first.get_by_role("combobox")).to_have_value("bottle")
        expect(first.get_by_role("button", name="Relabel")).to_be_disabled()
        first.get_by_role("combobox").select_option("can")
        first.get_by_role("button", name="Relabel").click()
        expect(first).to_contain_text("relabelled since this run: can")
        expect(page.locator(".toast")).to_contain_text("the test set changed")
        page.locator(".toast").get_by_role("button", name="Undo").click()
        expect(first).not_to_contain_text("relabelled since this run")
        first.get_by_role("combobox").select_option("can")
        first.get_by_role("button", name="Relabel").click()
        expect(page.locator("#fixes")).to_contain_text("1 fix since this run")
        expect(page.get_by_role("button", name="Retrain")).to_be_visible()

        # The address leads back to the same photos.
        page.reload()
        expect(page.locator("#cell")).to_contain_text("bottle taken for can")
        expect(page.locator("#cell")).to_contain_text("relabelled since this run")


def test_cells_are_walked_and_opened_by_keys(studio, address):
    with studio() as page:
        page.goto(address)
        heat_is_drawn(page)
        page.get_by_role("button", name="As a table").click()
        page.locator("#matrix-table a[tabindex='0']").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(page.locator("#cell")).to_contain_text("bottle taken for can")
        expect(page.locator("#cell")).to_be_focused()


def test_order_and_level_change_in_place_and_stay_in_the_address(studio, address):
    with studio() as page:
        page.goto(f"{address}?truth=can&answer=peel")
        heat_is_drawn(page)
        page.get_by_role("link", name="Rates").click()
        expect(page.get_by_role("link", name="Rates")).to_have_attribute("aria-current", "true")
        expect(page.get_by_role("link", name="Rates")).to_be_focused()
        expect(page.locator("#cell")).to_contain_text("can taken for peel")
        assert "show=rates" in page.url
        page.get_by_role("link", name="By bin").click()
        expect(page.locator("#matrix-table tbody tr")).to_have_count(2)


def test_figures_follow_the_theme(studio, address):
    with studio() as page:
        page.goto(address)
        heat_is_drawn(page)
        colour = "document.querySelector('[data-heat]').data[1].colorscale[1][1]"
        light = page.evaluate(colour)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        page.evaluate("document.dispatchEvent(new CustomEvent('themechange'))")
        wait_until(lambda: page.evaluate(colour) != light, seconds=10, what="the figure in dark colours")


@pytest.mark.parametrize(
    "path", ["", "?truth=bottle&answer=can", "../", "../../?compare=1", "../log/", "../../new/"]
)
def test_nothing_overflows_or_is_cut_on_a_phone(studio, address, path):
    with studio(viewport=PHONE) as page:
        page.goto(f"{address}{path}")
        expect(page.get_by_role("main")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate(LAYOUT_FAULTS) == []
