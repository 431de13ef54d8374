from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import demo_site
from tests.support.browser import launch, open_page
from tests.support.pages import Stage
from tests.support.site import Site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Iterator[Site]:
    """One running site for all browser tests; each makes a data set of its own."""
    site = Site(tmp_path_factory.mktemp("site")).start()
    yield site
    site.stop()


@pytest.fixture(scope="session")
def signed_in(site: Site, browser: Browser, tmp_path_factory) -> Path:
    """Cookies of a person who came in by the one-time link that `up` printed."""
    state = tmp_path_factory.mktemp("browser") / "state.json"
    with open_page(browser) as page:
        page.goto(site.link)
        page.get_by_role("main").get_by_role("button").first.click()
        page.wait_for_url("**/studio/**")
        page.context.storage_state(path=str(state))
    return state


@pytest.fixture
def studio(browser: Browser, site: Site, signed_in: Path) -> Callable[..., AbstractContextManager[Page]]:
    """`with studio(viewport=PHONE) as page`: a signed-in page; relative addresses lead to the site."""
    return partial(open_page, browser, state=signed_in, base_url=site.url)


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Callable[..., AbstractContextManager[Page]]:
    """A page of somebody who never signed in."""
    return partial(open_page, browser, base_url=site.url)


@pytest.fixture(scope="session")
def stages(tmp_path_factory) -> Iterator[dict[str, Stage]]:
    """By when of `tests.support.pages.Sight`: a site on which nothing was done yet, and one that is full."""
    new = Site(tmp_path_factory.mktemp("new")).start()
    full = Site(tmp_path_factory.mktemp("full"))
    try:
        found = {"new": demo_site.stage(new)}
        demo_site.fill_cheaply(full.start())
        yield {**found, "full": demo_site.stage(full, demo_site.places(full))}
    finally:
        for site in (new, full):
            if site.process is not None:
                site.stop()
