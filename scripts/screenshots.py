"""Photographs every page into docs/screenshots, from a site of its own with drawn photos: `make screenshots`.

Each page at two widths and in both themes, the main ones in Chinese as well, and contact sheets of them. With names of
pages (or their beginnings: `crawl review`) only those are taken anew, from a site whose rows are made without training.
"""

from __future__ import annotations

import html
import io
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from tests.support import demo_site  # noqa: E402
from tests.support.browser import DESKTOP, PHONE, launch  # noqa: E402
from tests.support.pages import LANGUAGES, SIGHTS, Sight, Stage, walk  # noqa: E402
from tests.support.site import Site, wait_until  # noqa: E402

OUT = ROOT / "docs" / "screenshots"
QUALITY = 62
# A longer page is cut: what is below repeats what is above.
MOST_PIXELS = {"desktop": 1500, "phone": 1800}
MOST_OF_WEBP = 16_383
VIEWPORTS = {"desktop": DESKTOP, "phone": PHONE}
THEMES = ("light", "dark")
# Of the four that the default recipe takes: the run must still go on while its page is photographed.
LIVE_EPOCHS = 2
# The first sheet: name, width and theme of the pages that tell most.
TELLING = (
    ("overview", "desktop", "light"), ("gallery-selection", "desktop", "light"),
    ("evaluation-cell", "desktop", "light"), ("run-live", "desktop", "light"),
    ("gallery-drawer", "desktop", "dark"), ("compare", "desktop", "dark"),
    ("review", "desktop", "light"), ("batch", "desktop", "light"), ("recipes", "desktop", "light"),
    ("map", "desktop", "light"), ("queue", "desktop", "dark"), ("crawl-trial", "desktop", "light"),
    ("public-answer", "phone", "light"), ("gallery", "phone", "dark"), ("evaluation", "phone", "light"),
    ("overview", "phone", "dark"), ("classes-55", "phone", "light"), ("run", "phone", "dark"),
)  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """A picture that was taken."""

    sight: Sight
    width: str
    theme: str
    language: str

    @property
    def path(self) -> Path:
        return OUT / self.width / f"{self.sight.name}.{self.theme}.{self.language}.webp"


def take(browser: Browser, stage: Stage, when: str, names: tuple[str, ...] = ("",)) -> list[Shot]:
    """Pictures of the pages to be taken now, whose names begin so: in English, the main ones in Chinese too."""
    taken = []
    for width, viewport in VIEWPORTS.items():
        for language in LANGUAGES:
            sights = [
                one
                for one in SIGHTS
                if one.when == when and (language == "en" or one.main) and one.name.startswith(names)
            ]
            options = {"viewport": viewport, "language": language, "reduced_motion": "reduce"}
            for sight, page in walk(browser, stage, sights, **options):
                for theme in THEMES if language == "en" else THEMES[:1]:
                    shot = Shot(sight, width, theme, language)
                    save(page, shot)
                    taken.append(shot)
                page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return taken


def save(page: Page, shot: Shot) -> None:
    page.emulate_media(color_scheme=shot.theme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.wait_for_timeout(250)  # figures are drawn again in the colours of the theme
    page.evaluate("scrollTo(0, 0)")
    height = min(page.evaluate("document.documentElement.scrollHeight"), MOST_PIXELS[shot.width])
    if not shot.sight.whole:
        height = 0
    size = page.viewport_size
    assert size is not None
    clip = {"x": 0, "y": 0, "width": size["width"], "height": max(height, size["height"])}
    taken = page.screenshot(full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]
    shot.path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(taken)) as image:
        image.convert("RGB").save(shot.path, "WEBP", quality=QUALITY, method=4)


SHEET = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 40px; width: {width}px; box-sizing: border-box; background: #e9e9e3; color: #1b1c19;
  font: 15px/1.4 Arial, "Noto Sans CJK SC", sans-serif; }}
h1 {{ font-size: 26px; letter-spacing: -.02em; margin: 0 0 24px; }}
section {{ display: grid; gap: 28px 24px; margin-bottom: 32px; }}
.desktops {{ grid-template-columns: repeat({columns}, minmax(0, 1fr)); }}
section.phones {{ grid-template-columns: repeat({phones}, minmax(0, 1fr)); }}
figure {{ margin: 0; }}
figure div {{ aspect-ratio: 1440 / 900; overflow: hidden; border-radius: 8px;
  box-shadow: 0 1px 2px #0003, 0 8px 24px #0002; }}
.phones figure div {{ aspect-ratio: 390 / 844; border-radius: 16px; }}
img {{ display: block; width: 100%; }}
figcaption {{ margin-top: 10px; color: #62655c; }}
</style><h1>{title}</h1>{sections}"""


def sheet(
    browser: Browser, title: str, shots: list[Shot], path: Path, *, width: int, columns: int, phones: int
) -> None:
    """A picture of pictures with what each shows beneath, computers' before phones'."""
    sections = ""
    for kind in VIEWPORTS:
        figures = "".join(
            f'<figure><div><img src="{one.path.as_uri()}"></div>'
            f"<figcaption>{html.escape(one.sight.title)}</figcaption></figure>"
            for one in shots
            if one.width == kind
        )
        sections += f'<section class="{kind}s">{figures}</section>' if figures else ""
    text = SHEET.format(
        title=html.escape(title), sections=sections, width=width, columns=columns, phones=phones
    )
    page = browser.new_page(viewport={"width": width, "height": 900})
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        page.goto(Path(file.name).as_uri())
        page.wait_for_function("[...document.images].every((one) => one.complete && one.naturalWidth)")
        taken = page.screenshot(full_page=True)
    page.close()
    with Image.open(io.BytesIO(taken)) as image:
        if image.height > MOST_OF_WEBP:
            image.thumbnail((MOST_OF_WEBP, MOST_OF_WEBP))
        if path.suffix == ".png":
            image.convert("RGB").save(path, optimize=True)
        else:
            image.convert("RGB").save(path, "WEBP", quality=QUALITY, method=4)


def sheets(browser: Browser, taken: list[Shot]) -> None:
    found = {(one.sight.name, one.width, one.theme): one for one in taken if one.language == "en"}
    telling = [found[key] for key in TELLING if key in found]
    sheet(browser, "Sortyard", telling, OUT / "contact-sheet.png", width=1800, columns=3, phones=6)
    order = {one.name: place for place, one in enumerate(SIGHTS)}
    taken = sorted(taken, key=lambda one: (order[one.sight.name], one.language, THEMES.index(one.theme)))
    for kind, columns in (("desktop", 6), ("phone", 12)):
        sheet(
            browser, f"Sortyard: every page, {kind}", [one for one in taken if one.width == kind],
            OUT / f"contact-sheet-{kind}.webp", width=2600, columns=columns, phones=columns,
        )  # fmt: skip


def photograph(browser: Browser, site: Site) -> list[Shot]:
    """The whole walk: a new site, a run while it trains, then everything else."""
    taken = take(browser, demo_site.stage(site), "new")
    say("making the demo")
    site.manage("demo")
    demo_site.bring_in_the_rest(site, size=320)
    site.manage("train", demo_site.DEMO, "--recipe", "linear_probe", "--seed", "1")
    say("waiting for a few epochs")
    epochs = "SELECT count(*) FROM runs_epochmetric JOIN runs_run AS run ON run.id = run_id WHERE number = 2"
    wait_until(lambda: site.rows(epochs)[0][0] >= LIVE_EPOCHS, seconds=900)
    taken += take(browser, demo_site.stage(site, demo_site.places(site)), "live")
    say("waiting for the end of training")
    unfinished = "SELECT 1 FROM jobs_job WHERE state IN ('queued', 'running') AND kind != 'crawl'"
    wait_until(lambda: not site.rows(unfinished), seconds=1800)
    say("photographing the rest")
    return taken + take(browser, demo_site.stage(site, demo_site.places(site)), "full")


def photograph_some(browser: Browser, site: Site, names: tuple[str, ...]) -> list[Shot]:
    """Takes these pages; all pictures that are there then, for the contact sheets."""
    demo_site.fill_cheaply(site)
    take(browser, demo_site.stage(site, demo_site.places(site)), "full", names)
    every = (
        Shot(sight, width, theme, language)
        for sight in SIGHTS
        for width in VIEWPORTS
        for language in LANGUAGES
        for theme in THEMES
    )
    return [one for one in every if one.path.exists()]


BEGUN = time.monotonic()


def say(sentence: str) -> None:
    print(f"{time.monotonic() - BEGUN:5.0f} s  {sentence}", flush=True)


def main(names: tuple[str, ...]) -> None:
    for old in () if names else VIEWPORTS:
        shutil.rmtree(OUT / old, ignore_errors=True)
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sortyard-shots-") as name, sync_playwright() as playwright:
        folder = Path(name)
        os.environ.setdefault("SORTYARD_TEST_CACHE", str(folder / "cache"))
        browser = launch(playwright)
        site = Site(folder)
        try:
            site.start()
            taken = photograph_some(browser, site, names) if names else photograph(browser, site)
            sheets(browser, taken)
        finally:
            site.stop()
            browser.close()
    size = sum(file.stat().st_size for file in OUT.rglob("*") if file.is_file())
    say(f"{len(taken)} pictures, {size / 1e6:.1f} MB in {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
