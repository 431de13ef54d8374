"""Every page of the product, as a list: it is photographed, checked for layout and for accessibility."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect

LANGUAGES = {"en": "en", "zh": "zh-hans"}
Places = Mapping[str, Any]
Action = Callable[[Page, Places], None]


@dataclass(frozen=True)
class Sight:
    """A page in a certain state. `address` is filled with `demo_site.places`; `act` leads into the state.

    `when`: "new" is a site on which nothing was done yet, "live" while a run trains, "full" at any time later.
    """

    name: str
    title: str
    address: str
    act: Action | None = None
    who: str = "admin"
    """Who looks: admin, viewer, or nobody (not signed in)."""
    when: str = "full"
    status: int = 200
    whole: bool = True
    """False where something is fixed to the window: only what the window shows is photographed."""
    main: bool = False
    """Also photographed in Chinese."""

    def url(self, places: Places) -> str:
        return self.address.format_map(places)


def _drawn(page: Page, places: Places) -> None:
    """All figures stand."""
    for figure in page.locator(".figure[data-figure], .figure[data-heat], .figure[data-coverage]").all():
        if figure.is_visible():
            expect(figure.locator(".main-svg, .undrawn").first).to_be_attached()


def _gallery(page: Page, places: Places) -> None:
    expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()


def _selection(page: Page, places: Places) -> None:
    _gallery(page, places)
    page.keyboard.press("Home")
    for _step in range(2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    for _step in range(4):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#bulk")).to_be_visible()


def _give(page: Page, places: Places) -> None:
    _selection(page, places)
    page.keyboard.press("Shift+G")
    expect(page.locator("#give")).to_be_visible()


def _drawer(page: Page, places: Places) -> None:
    _gallery(page, places)
    page.keyboard.press("Home")
    page.keyboard.press("Shift+O")
    expect(page.locator("#drawer .history")).to_be_visible()


def _palette(page: Page, places: Places) -> None:
    _gallery(page, places)
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.locator("#palette-input").press_sequentially("b")
    expect(page.locator("#palette-list [role=option]").first).to_be_visible()


def _keys(page: Page, places: Places) -> None:
    _gallery(page, places)
    page.locator("#help-open").click()


def _clean_keys(page: Page, places: Places) -> None:
    # On a phone there are no keys to tell of.
    if (keys := page.locator("[data-dialog='dup-help']")).is_visible():
        keys.click()


def _doubt_act(page: Page, places: Places) -> None:
    page.locator("[data-group]").first.get_by_role("button", name="Space").click()
    expect(page.locator(".dup.done")).to_be_visible()
    page.locator(".dup.done [data-undo]").click()
    expect(page.locator(".dup.done")).to_have_count(0)


def _thin_out(page: Page, places: Places) -> None:
    for tile in page.locator(".ghost").all()[:3]:
        tile.click()


def _mark(page: Page, places: Places) -> None:
    for tile in page.locator(".foundtile").all()[3:6]:
        tile.click()


def _see_large(page: Page, places: Places) -> None:
    page.locator(".foundtile input[type=checkbox]").first.focus()
    page.keyboard.press("v")
    expect(page.locator("#review-viewer")).to_be_visible()


def _consent(page: Page, places: Places) -> None:
    page.locator("[data-dialog='consent-baidu']").click()


def _clean_act(page: Page, places: Places) -> None:
    """Decided and taken back, so that the next who looks finds it as it was; then the strip that a decision leaves."""
    page.locator("[data-group] button[value=keep_all]").last.click()
    expect(page.locator(".dup.done")).to_be_visible()
    page.locator(".dup.done [data-undo]").click()
    expect(page.locator(".dup.done")).to_have_count(0)


def _cell(page: Page, places: Places) -> None:
    _drawn(page, places)
    page.locator("[data-table-switch]").click()
    page.locator("td.wrong a").first.click()
    expect(page.locator("#cell img").first).to_be_visible()
    page.locator("[data-table-switch]").click()
    _drawn(page, places)


def _table(page: Page, places: Places) -> None:
    page.locator("[data-table-switch]").click()


def _ask(page: Page, places: Places) -> None:
    page.locator("[data-file-input]").set_input_files(places["photo"])
    expect(page.locator(".answer")).to_be_visible()


def _mapped(page: Page, places: Places) -> None:
    expect(page.locator("#map[data-drawn]")).to_be_visible()


def _map_area(page: Page, places: Places) -> None:
    _mapped(page, places)
    page.keyboard.press("Shift+S")
    expect(page.locator("#map-chosen").get_by_role("option").first).to_be_visible()


def _map_keys(page: Page, places: Places) -> None:
    _mapped(page, places)
    # On a phone there are no keys to tell of.
    if (keys := page.locator("#help-open")).is_visible():
        keys.click()


def _menu(page: Page, places: Places) -> None:
    page.locator(".top .switch > summary").click()


def _invite(page: Page, places: Places) -> None:
    page.locator("#username").fill(f"mei{page.locator('.person').count()}")
    page.locator(".addperson button").click()
    expect(page.locator(".invited")).to_be_visible()


def _account_menu(page: Page, places: Places) -> None:
    page.locator(".top .who").click()


@dataclass(frozen=True)
class Stage:
    """A running site as it is at some time: its address, what addresses of pages are filled with, who looks."""

    url: str
    places: Places
    cookies: Mapping[str, str]
    """The session cookie by who looks; "" for nobody."""


STUDIO = "/studio/d/{demo}/"
SIGHTS = (
    Sight("sign-in", "Sign in", "/sign-in/", who="nobody", when="new", main=True),
    Sight("sign-in-link", "One-time link", "{link}", who="nobody", when="new"),
    Sight(
        "sign-in-link-used",
        "A link that was used",
        "/sign-in/link/nothing/",
        who="nobody",
        when="new",
        status=410,
    ),
    Sight("public-none", "Nothing published yet", "/", who="nobody", when="new"),
    Sight("datasets-none", "Data sets: none yet", "/studio/", when="new"),
    Sight("queue-empty", "Queue: nothing in it", "/studio/queue/", when="new"),
    Sight("datasets", "Data sets", "/studio/", main=True),
    Sight("datasets-menu", "Data sets: the switcher", STUDIO, act=_menu, whole=False),
    Sight("account-menu", "Account menu", "/studio/", act=_account_menu, whole=False),
    Sight("dataset-new", "New data set", "/studio/new/"),
    Sight("overview", "Overview", STUDIO, main=True),
    Sight("overview-empty", "Overview: nothing yet", "/studio/d/canteen-trays/"),
    Sight("overview-little", "Overview: just begun", "/studio/d/kerbside-trial/"),
    Sight("overview-55", "Overview: 55 classes", "/studio/d/{taxonomy}/"),
    Sight("upload", "Add photos", STUDIO + "upload/", main=True),
    Sight("batch", "A batch: every file has a verdict", STUDIO + "upload/{batch}/", main=True),
    Sight("gallery", "Images", STUDIO + "images/", act=_gallery, main=True),
    Sight("gallery-selection", "Images: a selection", STUDIO + "images/", act=_selection, whole=False),
    Sight("gallery-palette", "Images: assign a class", STUDIO + "images/", act=_palette, whole=False),
    Sight("gallery-drawer", "Images: details of one", STUDIO + "images/", act=_drawer, whole=False),
    Sight("gallery-keys", "Images: the keys", STUDIO + "images/", act=_keys, whole=False),
    Sight("gallery-none", "Images: none", "/studio/d/canteen-trays/images/"),
    Sight("gallery-quarantine", "Images: quarantine", STUDIO + "images/?state=quarantined", act=_gallery),
    Sight("inbox", "Inbox", STUDIO + "inbox/", act=_gallery),
    Sight("inbox-empty", "Inbox: empty", "/studio/d/workshop-offcuts/inbox/"),
    Sight("inbox-order", "Inbox: in order", STUDIO + "inbox/?sort=uncertain", act=_gallery),
    Sight("inbox-order-none", "Inbox: not put in order", "/studio/d/workshop-offcuts/inbox/?sort=varied"),
    Sight("inbox-give", "Inbox: a selection is given", STUDIO + "inbox/", act=_give, whole=False),
    Sight("give", "Give out photos", STUDIO + "review/?sort=uncertain", main=True),
    Sight("give-filtered", "Give out photos: some of them", STUDIO + "review/?source=upload&q=kerb"),
    Sight("give-none", "Give out photos: no photos", "/studio/d/canteen-trays/review/"),
    Sight("my-queue", "My queue", STUDIO + "review/mine/", act=_gallery, main=True),
    Sight("my-queue-none", "My queue: empty", "/studio/d/kerbside-trial/review/mine/"),
    Sight("queue-viewer", "Somebody's queue: for a viewer", STUDIO + "inbox/?assigned=mei", who="viewer"),
    Sight("image", "One image", STUDIO + "images/{image}/"),
    Sight("clean", "Near-duplicates", STUDIO + "clean/", main=True),
    Sight("clean-keys", "Near-duplicates: the keys", STUDIO + "clean/", act=_clean_keys, whole=False),
    Sight("clean-act", "Near-duplicates: one is decided", STUDIO + "clean/", act=_clean_act, whole=False),
    Sight("clean-decided", "Near-duplicates: decided", STUDIO + "clean/?show=decided"),
    Sight("clean-viewer", "Near-duplicates: for a viewer", STUDIO + "clean/", who="viewer"),
    Sight("clean-little", "Near-duplicates: a few", "/studio/d/kerbside-trial/clean/"),
    Sight(
        "clean-agreed",
        "Near-duplicates: all labels agree",
        "/studio/d/kerbside-trial/clean/?show=conflicts",
    ),
    Sight("clean-none", "Near-duplicates: no photos", "/studio/d/canteen-trays/clean/"),
    Sight("doubts", "Labels in doubt", STUDIO + "clean/labels/", main=True),
    Sight(
        "doubts-act", "Labels in doubt: one is decided", STUDIO + "clean/labels/", act=_doubt_act, whole=False
    ),
    Sight("doubts-odd", "Unlike the others", STUDIO + "clean/labels/?show=odd"),
    Sight("doubts-decided", "Labels in doubt: decided", STUDIO + "clean/labels/?show=decided"),
    Sight("doubts-viewer", "Labels in doubt: for a viewer", STUDIO + "clean/labels/", who="viewer"),
    Sight("doubts-none", "Labels in doubt: no photos", "/studio/d/canteen-trays/clean/labels/"),
    Sight("sorted", "Sorted inbox", STUDIO + "guesses/", main=True),
    Sight("sorted-out", "Sorted inbox: some are taken out", STUDIO + "guesses/", act=_thin_out, whole=False),
    Sight("sorted-viewer", "Sorted inbox: for a viewer", STUDIO + "guesses/", who="viewer"),
    Sight("sorted-little", "Sorted inbox: too few labels", "/studio/d/workshop-offcuts/guesses/"),
    Sight("sorted-none", "Sorted inbox: empty", "/studio/d/canteen-trays/guesses/"),
    Sight("prepare", "Prepare: the steps", STUDIO + "prepare/", main=True),
    Sight("prepare-viewer", "Prepare: for a viewer", STUDIO + "prepare/", who="viewer"),
    Sight("prepare-none", "Prepare: nothing yet", "/studio/d/canteen-trays/prepare/"),
    Sight("prepare-sizes", "Prepare: sizes", STUDIO + "prepare/{prepare_sizes}/", act=_drawn, main=True),
    Sight("prepare-limits", "Prepare: limits of the rules", STUDIO + "prepare/rules/?short_side=40&flat=6.5"),
    Sight("prepare-rules", "Prepare: what the rules moved", STUDIO + "prepare/{prepare_rules}/"),
    Sight("prepare-flips", "Prepare: mirrored copies", STUDIO + "prepare/{prepare_flips}/", act=_drawn),
    Sight("prepare-balance", "Prepare: balance", STUDIO + "prepare/{prepare_balance}/", act=_drawn),
    Sight("prepare-statistics", "Prepare: mean and deviation", STUDIO + "prepare/{prepare_statistics}/"),
    Sight("prepare-enhance", "Prepare: the ZIP", STUDIO + "prepare/{prepare_enhance}/"),
    Sight("prepare-enhanced", "Prepare: photos and copies", STUDIO + "prepare/enhanced/{enhanced}/"),
    Sight("map", "Map", STUDIO + "map/", act=_mapped, main=True),
    Sight("map-area", "Map: photos of an area", STUDIO + "map/", act=_map_area, whole=False),
    Sight("map-class", "Map: one class of all", STUDIO + "map/?class={map_key}", act=_mapped),
    Sight("map-mistakes", "Map: mistakes of a run", STUDIO + "map/?colour=verdict", act=_mapped),
    Sight("map-keys", "Map: the keys", STUDIO + "map/", act=_map_keys, whole=False),
    Sight("map-viewer", "Map: for a viewer", STUDIO + "map/?colour=category", who="viewer", act=_mapped),
    Sight("map-undrawn", "Map: not drawn yet", "/studio/d/kerbside-trial/map/"),
    Sight("map-none", "Map: no photos", "/studio/d/canteen-trays/map/"),
    Sight("crawls", "Crawls", STUDIO + "crawls/", main=True),
    Sight("crawls-viewer", "Crawls: for a viewer", STUDIO + "crawls/", who="viewer"),
    Sight("crawls-none", "Crawls: none yet", "/studio/d/canteen-trays/crawls/"),
    Sight("crawl-class", "Find photos: of which class?", STUDIO + "crawls/new/"),
    Sight("crawl-new", "Find photos of a class", STUDIO + "crawls/new/?class={review_key}", main=True),
    Sight(
        "crawl-list",
        "Find photos: a list of addresses",
        STUDIO + "crawls/new/?class={review_key}&provider=urls",
    ),
    Sight("crawl-fill", "Fill thin classes", STUDIO + "crawls/fill/", main=True),
    Sight("crawl-fill-55", "Fill thin classes: 55", "/studio/d/{taxonomy}/crawls/fill/?enough=50"),
    Sight("crawl-working", "A crawl at work", STUDIO + "crawls/{crawl_running}/"),
    Sight("crawl-trial", "A trial to look at", STUDIO + "crawls/{crawl_tried}/", main=True),
    Sight("crawl-stopped", "A crawl that was refused", STUDIO + "crawls/{crawl_stopped}/"),
    Sight("crawl-finished", "A finished crawl", STUDIO + "crawls/{crawl_finished}/"),
    Sight("review", "Review found photos", STUDIO + "crawls/review/{review}/", main=True),
    Sight(
        "review-marked", "Review: some are marked", STUDIO + "crawls/review/{review}/", act=_mark, whole=False
    ),
    Sight(
        "review-large",
        "Review: one seen large",
        STUDIO + "crawls/review/{review}/",
        act=_see_large,
        whole=False,
    ),
    Sight("review-viewer", "Review: for a viewer", STUDIO + "crawls/review/{review}/", who="viewer"),
    Sight("review-none", "Review: nothing waits", STUDIO + "crawls/review/{reviewed}/"),
    Sight("sources", "Sources of photos", STUDIO + "crawls/sources/", main=True),
    Sight(
        "sources-consent", "Sources: one is turned on", STUDIO + "crawls/sources/", act=_consent, whole=False
    ),
    Sight("sources-plain", "Sources: turned on without scripts", STUDIO + "crawls/sources/baidu/turn/"),
    Sight("credits", "Credits", STUDIO + "crawls/credits/", main=True),
    Sight("credits-none", "Credits: none yet", "/studio/d/canteen-trays/crawls/credits/"),
    Sight("classes", "Classes", STUDIO + "classes/"),
    Sight("classes-55", "Classes: 55", "/studio/d/{taxonomy}/classes/", main=True),
    Sight("class-form", "A class as a form", STUDIO + "classes/{class}/", main=True),
    Sight("class-merge", "Merge classes", STUDIO + "classes/merge/?from={class}"),
    Sight("class-delete", "Delete a class", STUDIO + "classes/{class}/delete/"),
    Sight("class-history", "Changes of classes", STUDIO + "classes/history/"),
    Sight("class-history-none", "Changes of classes: none", "/studio/d/canteen-trays/classes/history/"),
    Sight("category-form", "A category as a form", STUDIO + "categories/{category}/"),
    Sight("bins", "Which bin does each class belong in?", "/studio/d/kerbside-trial/bins/"),
    Sight("bins-done", "Bins: all chosen", STUDIO + "bins/"),
    Sight("snapshots", "Snapshots", STUDIO + "snapshots/"),
    Sight("snapshots-none", "Snapshots: none", "/studio/d/workshop-offcuts/snapshots/"),
    Sight("snapshot-new", "New snapshot", STUDIO + "snapshots/new/"),
    Sight("snapshot", "A snapshot", STUDIO + "snapshots/1/"),
    Sight("snapshot-compare", "What changed since a snapshot", STUDIO + "snapshots/1/compare/", main=True),
    Sight("snapshot-same", "Nothing differs", STUDIO + "snapshots/1/compare/?with=1"),
    Sight("exports", "Export", STUDIO + "exports/"),
    Sight("exports-none", "Export: no photos", "/studio/d/canteen-trays/exports/"),
    Sight("runs", "Runs", STUDIO + "runs/", when="live", main=True),
    Sight("runs-none", "Runs: none", "/studio/d/workshop-offcuts/runs/"),
    Sight("recipes", "Choose a recipe", STUDIO + "runs/new/", main=True),
    Sight("run-live", "A run while it trains", STUDIO + "runs/{live}/", act=_drawn, when="live", main=True),
    Sight("run", "A finished run", STUDIO + "runs/{last}/", act=_drawn),
    Sight("run-failed", "A run that failed", STUDIO + "runs/{failed}/"),
    Sight("run-log", "Log", STUDIO + "runs/{last}/log/"),
    Sight("compare", "Runs compared", STUDIO + "runs/?compare={run}&compare={last}", act=_drawn, main=True),
    Sight("evaluation", "Evaluation", STUDIO + "runs/{last}/evaluation/", act=_drawn, main=True),
    Sight("evaluation-cell", "Evaluation: photos of a cell", STUDIO + "runs/{last}/evaluation/", act=_cell),
    Sight("evaluation-table", "Evaluation: as a table", STUDIO + "runs/{last}/evaluation/", act=_table),
    Sight("evaluation-bins", "Evaluation: by bin", STUDIO + "runs/{last}/evaluation/?level=bin", act=_drawn),
    Sight("evaluation-none", "Evaluation: not yet", STUDIO + "runs/{failed}/evaluation/"),
    Sight("try", "Try a photo", STUDIO + "runs/{last}/try/"),
    Sight("try-answer", "Try a photo: an answer", STUDIO + "runs/{last}/try/?image={tested}"),
    Sight("models", "Models", STUDIO + "models/"),
    Sight("models-none", "Models: none", "/studio/d/workshop-offcuts/models/"),
    Sight("card", "Model card", STUDIO + "models/{model}/card/"),
    Sight("public", "Public page", "/m/{demo}/", who="nobody", main=True),
    Sight("public-answer", "Public page: an answer", "/m/{demo}/", act=_ask, who="nobody", main=True),
    Sight("public-unknown", "Public page: not published", "/m/nothing/", who="nobody", status=404),
    Sight("queue", "Queue", "/studio/queue/", when="live", main=True),
    Sight("job", "A job that failed", "/studio/queue/{job}/"),
    Sight("job-done", "An import that ended well", "/studio/queue/{import}/"),
    Sight("people", "People", "/studio/people/"),
    Sight("people-link", "People: a link for somebody new", "/studio/people/", act=_invite),
    Sight("account", "Account", "/studio/account/"),
    Sight("404", "Not found", "/studio/nothing/", status=404),
    Sight("403", "Not allowed", STUDIO + "upload/", who="viewer", status=403),
)


@contextmanager
def looking(
    browser: Browser, stage: Stage, who: str, *, language: str = "en", viewport: ViewportSize, **options: Any
) -> Iterator[Page]:
    """A page in a browser of its own, signed in as `who`."""
    context = browser.new_context(viewport=viewport, base_url=stage.url, **options)
    context.set_default_timeout(60_000)
    # The account has a language of its own; the cookie goes before it.
    cookies = {"django_language": LANGUAGES[language], "sessionid": stage.cookies[who]}
    context.add_cookies(
        [{"name": name, "value": value, "url": stage.url} for name, value in cookies.items() if value]
    )
    try:
        yield context.new_page()
    finally:
        context.close()


# Lazy ones far below may never load.
IMAGES = """() => Promise.all([...document.images]
  .filter((one) => !one.complete && one.loading !== "lazy")
  .map((one) => new Promise((done) => { one.onload = one.onerror = done; })))"""


def go(page: Page, sight: Sight, places: Places) -> None:
    """Opens the page and leads it into its state; returns once it stands."""
    answer = page.goto(sight.url(places))
    assert answer is not None
    assert answer.status == sight.status, f"{sight.name} answered {answer.status}"
    if sight.act:
        sight.act(page, places)
    page.evaluate(IMAGES)


def walk(
    browser: Browser, stage: Stage, sights: Iterable[Sight], **options: Any
) -> Iterator[tuple[Sight, Page]]:
    """Leads through `sights`, in one browser for each who looks; options are those of `looking`."""
    sights = list(sights)
    for who in stage.cookies:
        own = [one for one in sights if one.who == who]
        if not own:
            continue
        with looking(browser, stage, who, **options) as page:
            for sight in own:
                go(page, sight, stage.places)
                yield sight, page
