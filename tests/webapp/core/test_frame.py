"""What stands around every page: rail, switcher, languages, errors; and what must not stand in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from tests.support.rows import add_images
from webapp.datasets.services import dataset_create

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
INLINE = {
    "a style attribute": re.compile(r"<[^>]*\sstyle=", re.IGNORECASE),
    "an inline handler": re.compile(r"<[^>]*\son[a-z]+=", re.IGNORECASE),
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", re.IGNORECASE),
    "an inline style sheet": re.compile(r"<style\b", re.IGNORECASE),
    "hx-on": re.compile(r"\shx-on", re.IGNORECASE),
}


def templates():
    return sorted(TEMPLATES.rglob("*.html"))


@pytest.mark.parametrize("path", templates(), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_holds_nothing_that_the_content_policy_refuses(path):
    text = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [what for what, pattern in INLINE.items() if pattern.search(text)] == []


def test_the_policy_is_sent_with_every_page(client, db):
    policy = client.get(reverse("accounts:sign_in"))["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy


def test_the_rail_counts_photos_classes_and_marks_the_page(client_of, viewer, dataset):
    add_images(dataset, 1234)
    page = client_of(viewer).get(reverse("datasets:overview", args=[dataset.slug]))
    assertContains(page, '<span class="num">1,234</span>')
    assertContains(page, 'class="on" aria-current="page"', count=1)


def test_the_rail_offers_only_what_one_may_do(client_of, viewer, curator, dataset):
    overview = reverse("datasets:classes", args=[dataset.slug])
    upload = reverse("ingest:upload", args=[dataset.slug])
    assertNotContains(client_of(viewer).get(overview), upload)
    assertContains(client_of(curator).get(overview), upload)


def test_the_switcher_leads_to_the_other_data_sets(client_of, viewer, curator, dataset):
    other = dataset_create(name="Hall 3", created_by=curator)
    page = client_of(viewer).get(reverse("datasets:overview", args=[dataset.slug]))
    assertContains(page, reverse("datasets:overview", args=[other.slug]))


def test_choosing_a_language_changes_the_page_and_is_kept_with_the_account(client_of, viewer):
    client = client_of(viewer)
    there = reverse("datasets:list")
    response = client.post(reverse("set_language"), {"language": "zh-hans", "next": there})
    assert response.url == there
    assertContains(client.get(there), '<html lang="zh-hans">')
    viewer.refresh_from_db()
    assert viewer.language == "zh-hans"


def test_a_language_that_is_none_is_not_kept(client_of, viewer):
    client_of(viewer).post(reverse("set_language"), {"language": "klingon", "next": "/studio/"})
    viewer.refresh_from_db()
    assert viewer.language == ""


def test_nothing_here_is_said_in_the_frame_of_the_studio(client_of, viewer):
    page = client_of(viewer).get("/studio/d/none/")
    assertContains(page, "Nothing is here", status_code=404)
    assertContains(page, 'class="rail"', status_code=404)


def test_strangers_get_the_same_without_the_studio(client, db):
    page = client.get("/no/such/page/")
    assertContains(page, "Nothing is here", status_code=404)
    assertNotContains(page, 'class="rail"', status_code=404)


def test_a_role_that_does_not_suffice_is_named(client_of, viewer):
    assertContains(
        client_of(viewer).get(reverse("datasets:create")), "signed in as viewer (Viewer)", status_code=403
    )


def test_modules_get_errors_as_a_sentence(client_of, viewer):
    answer = client_of(viewer).get("/studio/d/none/", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json() == {"error": "This is not here any more."}


def test_a_fault_of_the_server_has_a_page_that_needs_nothing(client_of, viewer, monkeypatch):
    def broken(*_args, **_more):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("webapp.datasets.views_datasets.dataset_cards", broken)
    client = client_of(viewer)
    client.raise_request_exception = False
    page = client.get(reverse("datasets:list"))
    assertContains(page, "Something broke on the server", status_code=500)
    assertNotContains(page, "secret detail", status_code=500)


def test_a_write_without_a_token_is_refused(viewer):
    client = Client(enforce_csrf_checks=True)
    client.force_login(viewer, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(reverse("set_language"), {"language": "zh-hans"}).status_code == 403
