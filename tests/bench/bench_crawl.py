"""Crawling from a server on this machine, politeness off: photos a second, and memory over thousands of candidates.

Beside it, in the same run, the least that any crawler does: a plain loop of `httpx2.get` that writes photos to files.

Usage: python -m tests.bench.bench_crawl [--candidates 5000] [--photos 600]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.bench import report
from tests.bench.report import Row
from tests.support.crawl_site import crawling_site, dataset_with_class
from tests.support.providers import Catalogue, ProviderSite
from tests.support.site import ROOT, Site, wait_until

LEAST_A_SECOND = 20
FLAT = 1.15
"""Of the memory at a tenth of the candidates: what still counts as flat."""


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, default=600, help="of the loop, and of the figure beside it")
    parser.add_argument("--candidates", type=int, default=5000)
    arguments = parser.parse_args()
    if report.photos_missing():
        return 1
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SORTYARD_TEST_CACHE"] = f"{folder}/cache"
        result = measure(Path(folder), arguments.photos, arguments.candidates)
    return report.finish(rows(result), result, arguments.json)


def rows(result: dict[str, Any]) -> list[Row]:
    speed, loop = result["photos_a_second"], result["loop_a_second"]
    early, late = result["memory_early_mb"], result["memory_late_mb"]
    return [
        Row(
            f"crawl of {result['saved']:,} photos (saved with hashes, measures and thumbnail)",
            f"{speed:.1f} photos/s", f"loop of get and write: {loop:.1f}/s", speed / loop,
            f"≥ {LEAST_A_SECOND}/s", speed >= LEAST_A_SECOND,
        ),
        Row(
            f"memory of the crawling process at {result['candidates']:,} candidates", f"{late:.0f} MB",
            f"at a tenth of them: {early:.0f} MB", late / early, "flat", late / early <= FLAT,
        ),
    ]  # fmt: skip


def measure(folder: Path, photos: int, candidates: int) -> dict[str, Any]:
    # TrashNet's photos: as large and as costly to open as what sources send.
    real = Catalogue.of_folder(report.TRASHNET).pictures
    with ProviderSite(Catalogue(real, everything=True)) as sources:
        loop = looped(sources, [one.name for one in real[:photos]], folder)
        site = crawling_site(folder, sources)
        speed = crawled_whole(site, folder, "speed", [f"{sources.url}/pictures/{one.name}" for one in real])
    with ProviderSite(Catalogue.drawn(candidates)) as sources:
        lines = [f"{sources.url}/pictures/{one.name}" for one in sources.catalogue.pictures]
        many = crawled_whole(crawling_site(folder / "many", sources), folder, "many", lines)
    return {
        "loop_a_second": loop,
        "photos_a_second": speed["saved"] / speed["seconds"],
        "saved": speed["saved"],
        "candidates": candidates,
        "memory_early_mb": many["early"] / 2**20,
        "memory_late_mb": many["late"] / 2**20,
    }


def looped(sources: ProviderSite, names: list[str], folder: Path) -> float:
    """Photos a second of the plain loop."""
    out = folder / "loop"
    out.mkdir()
    begun = time.perf_counter()
    with httpx2.Client(trust_env=False) as client:
        for name in names:
            (out / name).write_bytes(client.get(f"{sources.url}/pictures/{name}").content)
    return len(names) / (time.perf_counter() - begun)


def crawled_whole(site: Site, folder: Path, name: str, lines: list[str]) -> dict[str, float]:
    """Saved photos, seconds of the job, resident memory of its process at a tenth of the candidates and at the end."""
    site.manage("migrate", "--verbosity", "0")
    slug = dataset_with_class(site, folder / "first", name, "cup")
    listing = folder / f"{name}.txt"
    listing.write_text("\n".join(lines))
    command = [
        sys.executable,
        "manage.py",
        "crawl",
        slug,
        "cup",
        "--provider",
        "urls",
        "--list",
        str(listing),
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    memory: list[tuple[int, int]] = []
    watch = threading.Thread(target=watched, args=(process, site, memory), daemon=True)
    watch.start()
    output, _nothing = process.communicate()
    watch.join(timeout=10)
    ((begun, ended),) = site.rows(
        "select julianday(started_at) * 86400, julianday(finished_at) * 86400 from jobs_job where kind = 'crawl'"
    )
    assert '"state": "finished"' in output, output
    late = max(size for _done, size in memory[-20:])
    early = max((size for done, size in memory if done <= len(lines) / 10), default=late)
    saved = site.rows("select count(*) from crawls_crawlitem where verdict = 'saved'")[0][0]
    return {"saved": saved, "seconds": ended - begun, "early": early, "late": late}


def watched(process: subprocess.Popen[str], site: Site, memory: list[tuple[int, int]]) -> None:
    """Notes (candidates settled, bytes of the process that does the job) several times a second."""
    query = "select count(*) from crawls_crawlitem where verdict != 'pending'"
    wait_until(lambda: worker_of(process.pid) or process.poll() is not None, seconds=120, what="the worker")
    pid = worker_of(process.pid)
    while pid is not None and process.poll() is None:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            memory.append((site.rows(query)[0][0], pages * os.sysconf("SC_PAGE_SIZE")))
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return
        time.sleep(0.25)


def worker_of(pid: int) -> int | None:
    """The `worker drain` that the command started."""
    from tests.support.site import command_line, descendants

    return next((one for one in descendants(pid) if "worker drain" in command_line(one)), None)


if __name__ == "__main__":
    raise SystemExit(main())
