"""The public page in a real browser at phone size: each way a photo comes in, and what a failure says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import LAYOUT_FAULTS, PHONE
from tests.support.site import Site
from tests.webapp.publishing import world

pytestmark = pytest.mark.browser

PUBLISH = """
import json, sys
from webapp.datasets.services import dataset_create
from webapp.jobs.models import Job
from webapp.publishing.services import bundle_record, run_publish
from webapp.runs.models import Run
from webapp.snapshots.models import Snapshot
digest, classes = json.loads({arguments!r})
dataset = dataset_create(name="Colours")
snapshot = Snapshot.objects.create(dataset=dataset, number=1, state="ready", digest="0" * 64)
job = Job.objects.create(kind="train", dataset=dataset, state="succeeded", queue="train")
recipe = dict(recipe="linear_probe", spec={{}})
run = Run.objects.create(dataset=dataset, number=1, snapshot=snapshot, job=job, **recipe)
bundle_record(run=run, digest=digest, size=1, labels=classes)
run_publish(run=run, published_by=None)
"""


@pytest.fixture(scope="module")
def address(site: Site) -> str:
    """A tiny real model, published on the running site."""
    arguments = json.dumps([world.make_bundle(site.data), world.CLASSES])
    site.manage("shell", "-v", "0", "-c", PUBLISH.format(arguments=arguments))
    return "/m/colours/"


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red.jpg"
    path.write_bytes(world.photo(world.RED, (3000, 4000)))
    return path


def answer(page: Page):
    return page.locator(".answer .big")


def test_a_photo_is_answered_in_place_however_it_comes(visitor, site: Site, address, red, tmp_path):
    with visitor(viewport=PHONE) as page:
        page.goto(address)
        assert page.evaluate(LAYOUT_FAULTS) == []
        with page.expect_request("**/m/colours/") as sent:
            page.locator("[data-file-input]").set_input_files(red)
        expect(answer(page)).to_have_text("Recyclable")
        assert len(sent.value.post_data_buffer or b"") < 100_000, "12 million pixels were sent as they were"
        expect(page.locator(".shot img")).to_be_visible()
        expect(page.locator(".guesses li")).to_have_count(3)
        assert page.evaluate(LAYOUT_FAULTS) == []
        assert not page.url.endswith("#")

        _paste(page, world.photo(world.GREEN))
        expect(answer(page)).to_have_text("Kitchen waste")
        _drop(page, world.photo(world.BLUE))
        expect(answer(page)).to_have_text("Recyclable")
        expect(page.locator(".answer")).to_contain_text("Glass")

        (tmp_path / "no.jpg").write_text("no photo")
        page.locator("[data-file-input]").set_input_files(tmp_path / "no.jpg")
        expect(page.locator(".problem")).to_contain_text("not a photo")
        expect(page.locator("[data-hint]")).to_be_visible()
        assert list((site.data / "spool").glob("photo-*")) == []


def test_the_camera_is_live_and_lets_go_when_left(visitor, address):
    with visitor(viewport=PHONE, permissions=["camera"]) as page:
        page.goto(address)
        page.locator("[data-take]").click()
        expect(page.locator(".shot video")).to_be_visible()
        expect(page.locator(".shutter")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(".shot video")).to_have_count(0)
        page.locator("[data-take]").click()
        page.locator(".shutter").click()
        expect(page.locator(".answer, .problem")).to_be_visible()
        expect(page.locator(".shot video")).to_have_count(0)


def test_offline_it_says_so_and_tries_again_when_asked(visitor, address, red):
    with visitor(viewport=PHONE) as page:
        page.goto(address)
        page.context.set_offline(True)
        page.locator("[data-file-input]").set_input_files(red)
        expect(page.locator(".problem")).to_contain_text("You are offline")
        page.context.set_offline(False)
        page.get_by_role("button", name="Try again").click()
        expect(answer(page)).to_have_text("Recyclable")


def test_a_busy_site_counts_down_and_then_lets_one_try_again(visitor, address, red):
    with visitor(viewport=PHONE) as page:
        page.goto(address)
        note = (
            '<div class="note bad problem" data-retry-after="1"><p>Busy. <span data-countdown></span></p>'
            '<button class="btn" type="button" data-retry hidden>Try again</button></div>'
        )
        headers = {"X-Fragment": "1", "Content-Type": "text/html"}
        page.route(
            "**/m/colours/", lambda route: route.fulfill(status=503, body=note, headers=headers), times=1
        )
        page.locator("[data-file-input]").set_input_files(red)
        expect(page.locator(".problem")).to_contain_text("Busy")
        page.get_by_role("button", name="Try again").click()
        expect(answer(page)).to_have_text("Recyclable")


def _paste(page: Page, content: bytes) -> None:
    script = """bytes => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], "photo.jpg", { type: "image/jpeg" }));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    }"""
    page.evaluate(script, list(content))


def _drop(page: Page, content: bytes) -> None:
    script = """bytes => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(bytes)], "photo.jpg", { type: "image/jpeg" }));
      for (const kind of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(script, list(content))
