"""A site in which every page has something to show: drawn photos, trained on and published, and much beside.

No photo of anybody is in it, so its pictures may be shown around.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.pages import Stage
from tests.support.photos import huge_png
from tests.support.site import ROOT, Site, wait_until

DEMO = "demo-drawn-household-waste"
LOOSE_PER_CLASS = 3
BEGUN = "kerbside-trial"
FIRST_CLASSES = {
    "可回收物_鼠标": "mouse", "可回收物_剪刀": "scissors", "厨余垃圾_胡萝卜": "carrot", "有害垃圾_药片": "pills",
    "其他垃圾_毛巾": "towel",
}  # fmt: skip
UNSEEN_CLASS = "可回收物_鼠标"


def draw(folder: Path, *, per_class: int, size: int, seed: int = 0) -> Path:
    """`folder/CLASS/*.jpg` of twelve classes, with what the demo plants among them."""
    options = ["--per-class", str(per_class), "--size", str(size), "--seed", str(seed)]
    command = [sys.executable, "-m", "ml", "draw", "--out", str(folder), *options]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    (folder / "planted.json").unlink()
    return folder


def beginnings(folder: Path, *, size: int) -> Path:
    """A few photos of five classes in folders that name no bin: somebody's first upload."""
    drawn = draw(folder / "first", per_class=5, size=size, seed=17)
    (folder / "begun").mkdir()
    for chinese, english in FIRST_CLASSES.items():
        (drawn / chinese).rename(folder / "begun" / english)
    return folder / "begun"


def second_delivery(folder: Path, *, size: int) -> Path:
    """Photos in class folders, loose ones for the inbox, and one file of each kind that is refused."""
    drawn = draw(folder / "drawn", per_class=2 * LOOSE_PER_CLASS, size=size, seed=71)
    delivery = folder / "delivery"
    for number, source in enumerate(sorted(path for path in drawn.iterdir() if path.is_dir())):
        files = sorted(source.iterdir())
        for place, file in enumerate(files):
            loose = place < LOOSE_PER_CLASS
            target = delivery if loose else delivery / source.name
            target.mkdir(parents=True, exist_ok=True)
            name = f"kerb-{number * LOOSE_PER_CLASS + place:03}{file.suffix}" if loose else file.name
            shutil.copy(file, target / name)
    copies(delivery)
    whole = next(delivery.glob("kerb-*")).read_bytes()
    odd = {
        "half-sent.jpg": whole[: len(whole) // 3],
        "nothing.jpg": b"",
        "invoice.pdf.jpg": b"%PDF-1.7 no photo at all",
        "poster-30000x30000.png": huge_png(),
        "kerb-000 (copy).jpg": whole,
        "notes.txt": b"bring more boxes",
        "old-camera.zip": b"PK\x03\x04 cut off",
    }
    for name, content in odd.items():
        (delivery / name).write_bytes(content)
    return delivery


def copies(delivery: Path) -> None:
    """Smaller and mirrored copies of what is there, one of them in another class's folder."""
    folders = sorted(path for path in delivery.iterdir() if path.is_dir())
    for place, (source, target) in enumerate(zip(folders[:3], (*folders[1:2], *folders[1:3]), strict=True)):
        first = sorted(source.iterdir())[0]
        with Image.open(first) as photo:
            small = photo.convert("RGB").resize((photo.width * 3 // 4, photo.height * 3 // 4))
        if place == 1:
            small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        small.save(target / f"{first.stem}-copy.jpg", quality=85)


def rows(site: Site, *calls: str) -> str:
    """Calls of `demo_rows`, one after the other, in one process; what they print."""
    script = "from tests.support import demo_rows\n" + "\n".join(f"demo_rows.{call}" for call in calls)
    return site.manage("shell", "-v", "0", "-c", script).stdout


def bring_in_the_rest(site: Site, *, size: int) -> None:
    """All but the demo's own photos and runs: to be called when its first run has ended."""
    with tempfile.TemporaryDirectory(prefix="sortyard-delivery-") as folder:
        delivery = second_delivery(Path(folder), size=size)
        site.answer("import_images", DEMO, str(delivery), "--source", "upload")
        shutil.copy(sorted((Path(folder) / "drawn" / UNSEEN_CLASS).iterdir())[0], unseen_photo(site))
        site.answer("import_images", "Kerbside trial", str(beginnings(Path(folder), size=size)))
    rows(site, "datasets()", f"history({DEMO!r})", f"failed_run({DEMO!r})")
    unfinished = (
        "SELECT 1 FROM jobs_job WHERE kind IN ('duplicates', 'suspicion') AND state IN ('queued', 'running')"
    )
    wait_until(
        lambda: not site.rows(unfinished), seconds=600, what="the end of the looks for duplicates and doubts"
    )
    rows(site, f"cleaned({DEMO!r})")
    unfinished = (
        "SELECT 1 FROM jobs_job WHERE kind IN ('prepare', 'snapshot') AND state IN ('queued', 'running')"
    )
    for call in ("prepared", "enhanced"):
        rows(site, f"{call}({DEMO!r})")
        wait_until(lambda: not site.rows(unfinished), seconds=600, what="the end of the preparation")
    rows(site, f"ordered({DEMO!r})")
    ordering = "SELECT 1 FROM jobs_job WHERE kind = 'order' AND state IN ('queued', 'running')"
    wait_until(lambda: not site.rows(ordering), seconds=300, what="the order of the inbox")
    rows(site, f"doubted({DEMO!r})", f"given({DEMO!r})", f"guessed({DEMO!r})", f"mapped({DEMO!r})")
    fitting = (
        "SELECT 1 FROM jobs_job WHERE kind IN ('guesses', 'projection') AND state IN ('queued', 'running')"
    )
    wait_until(lambda: not site.rows(fitting), seconds=240, what="the sorted inbox and the map")
    rows(site, f"crawled({DEMO!r})")


def places(site: Site) -> dict[str, Any]:
    """What the addresses of pages are filled with."""
    found: dict[str, Any] = json.loads(rows(site, f"places({DEMO!r})").splitlines()[-1])
    return {**found, "photo": str(unseen_photo(site))}


def unseen_photo(site: Site) -> Path:
    """A drawn photo that no model of the site was trained on."""
    return site.data.parent / "unseen.jpg"


def stage(site: Site, places: dict[str, Any] | None = None) -> Stage:
    """The site as it is now, with the cookies of those who look at it. The one-time link stays unused."""
    cookies: dict[str, str] = json.loads(rows(site, "cookies()").splitlines()[-1])
    return Stage(
        site.url, {"link": site.link.removeprefix(site.url), **(places or {})}, {"nobody": "", **cookies}
    )


def fill_cheaply(site: Site) -> None:
    """For tests: few, small photos, the quick recipe, and a run that stands still while it trains."""
    with tempfile.TemporaryDirectory(prefix="sortyard-drawn-") as folder:
        drawn = draw(Path(folder) / "photos", per_class=6, size=160)
        rows(site, "drawn_dataset()")
        site.answer("import_images", DEMO, str(drawn), "--source", "drawn")
    quick = ("--recipe", "linear_probe", "--set", "size=96", "--wait")
    site.answer("train", DEMO, *quick)
    site.answer("publish", f"{DEMO}/1")
    bring_in_the_rest(site, size=160)
    site.answer("train", DEMO, *quick, "--seed", "1")
    rows(site, f"live_run({DEMO!r})")
