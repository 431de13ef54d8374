"""The curve figures as their module makes them, without a site: which lines there are."""

from __future__ import annotations

from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "static"
pytestmark = pytest.mark.browser

FIGURE = """async (steps) => {
  globalThis.gettext = (text) => text;
  const { lossFigure } = await import("/js/runs/curves.js");
  const run = { epochs: [], steps, best_epoch: null, planned: 8, steps_per_epoch: 6 };
  return lossFigure([run]).data.map(({ name, mode }) => [name, mode]);
}"""


@pytest.fixture
def traces(browser):
    """`traces(steps)`: name and mode of every line of the loss figure."""
    page = browser.new_page()

    def serve(route):
        path = STATIC / route.request.url.split("/", 3)[3]
        if path.is_file():
            route.fulfill(path=path, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    page.route("**/*", serve)
    page.goto("http://curves.test/")
    yield lambda steps: dict(page.evaluate(FIGURE, steps))
    page.close()


def test_batch_losses_are_a_line_of_the_legend_only_where_there_is_something_to_see(traces):
    assert "batch" not in traces([])
    assert "batch" not in traces([[1, 6, 1.5], [2, 12, 1.2]])
    assert traces([[1, 6, 1.5], [2, 12, 1.2], [3, 18, 1.1]])["batch"] == "lines+markers"
    assert traces([[1, 10 * n, 1.0] for n in range(1, 61)])["batch"] == "lines"
