"""SIGKILL in the middle of a crawl: started again, it ends with the photos of an unbroken one, and nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.support.crawl_site import crawled, crawling_site, dataset_with_class, photos_of
from tests.support.providers import Catalogue, ProviderSite
from tests.support.site import ROOT, is_alive, wait_until

pytestmark = pytest.mark.faults

SLOW_SECONDS = 0.1
"""Before each photo, so that a crawl is still at work when it is killed."""
PER_PAGE = 20


class Unhurried(ProviderSite):
    def _answer(self, request):
        if request.path.startswith("/pictures/"):
            time.sleep(SLOW_SECONDS)
        return super()._answer(request)


@pytest.fixture(params=[2, pytest.param(10, marks=pytest.mark.full)])
def kills(request) -> int:
    return request.param


@pytest.fixture
def sources(kills):
    """Sixty photos for each kill; copies, redirects and missing ones among them."""
    catalogue = Catalogue.drawn(60 * kills).troubled(9, ["redirect", "missing", "html"])
    with Unhurried(catalogue) as sources:
        yield sources


@pytest.fixture
def site(tmp_path, sources):
    site = crawling_site(tmp_path, sources, SORTYARD_REAPER_SECONDS="0.5").start()
    yield site
    site.stop()


def settled(site, slug: str) -> int:
    return sum(1 for row in crawled(site, slug) if row[2] != "pending")


def test_killed_again_and_again_a_crawl_ends_with_the_photos_of_an_unbroken_one(
    site, sources, tmp_path, kills
):
    chance = random.Random(20261128 + kills)
    whole, broken = (dataset_with_class(site, tmp_path, name, "cup") for name in ("whole", "broken"))
    # Baidu is off until an administrator says otherwise; Openverse shows 20 pages at most.
    options = [
        "--provider",
        "openverse",
        "--per-page",
        str(PER_PAGE),
        "--total-page",
        str(min(20, 3 * kills)),
    ]
    unbroken = site.answer("crawl", whole, "cup", *options)
    assert unbroken["state"] == "finished"

    command = [sys.executable, "manage.py", "crawl", broken, "cup", *options]
    waiting = subprocess.Popen(command, cwd=ROOT, env=site.environment, stdout=subprocess.PIPE, text=True)
    try:
        struck = 0
        for number in range(kills):
            # A chunk further than at the last blow: three losses in one place would rightly end the job.
            further = min(settled(site, broken) + 1, len(crawled(site, whole)))
            wait_until(
                lambda least=further: settled(site, broken) >= least, seconds=120, what="some progress"
            )
            time.sleep(chance.uniform(0, 2.0))
            # Killed often, it is started again after pauses that grow.
            victims = wait_until(
                lambda: site.processes().get("worker-crawl"), seconds=60, what="the worker's return"
            )
            was_at_work = settled(site, broken) < len(crawled(site, whole))
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda pids=victims: not any(map(is_alive, pids)), seconds=20, what="its end")
            struck += was_at_work
            if number % 4 == 3:  # the whole machine is switched off, now and then
                site.stop(signal.SIGKILL)
                site.start()
        output, _nothing = waiting.communicate(timeout=400)
    finally:
        waiting.kill()
    assert struck >= kills // 2, "most blows must fall while the crawl is at work"
    assert '"state": "finished"' in output, output
    assert crawled(site, broken) == crawled(site, whole)
    assert photos_of(site, broken) == photos_of(site, whole)
    shas = [row[0] for row in photos_of(site, broken)]
    assert len(shas) == len(set(shas)) == unbroken["saved"]
