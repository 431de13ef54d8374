"""The JavaScript catalogue: its language is the address's alone, so that no cache can mix two."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import translation

from webapp.core.catalog import catalog_url, catalog_version

URL = reverse("javascript_catalog")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_address_names_the_language_of_the_page(language):
    with translation.override(language):
        assert catalog_url() == f"{URL}?language={language}&v={catalog_version()}"


def test_the_answer_follows_the_address_and_not_the_reader(client, monkeypatch):
    seen = []

    def spy(request):
        from django.http import HttpResponse

        seen.append(translation.get_language())
        return HttpResponse("")

    monkeypatch.setattr("webapp.core.views._catalog", spy)
    client.cookies["django_language"] = "en"
    client.get(URL, {"language": "zh-hans"})
    client.get(URL, {"language": "en"}, headers={"Accept-Language": "zh-hans"})
    client.get(URL, {"language": "klingon"})
    assert seen == ["zh-hans", "en", "en"]


def test_the_present_one_may_be_kept_for_good_and_another_may_not(client):
    present = client.get(URL, {"language": "en", "v": catalog_version()})
    assert "immutable" in present["Cache-Control"]
    assert "gettext" in present.content.decode()
    assert client.get(URL, {"language": "en", "v": "old"})["Cache-Control"] == "no-cache"


def test_a_change_of_the_translations_changes_the_address(tmp_path, settings):
    settings.LOCALE_PATHS = [tmp_path]
    catalog_version.cache_clear()
    before = catalog_version()
    compiled = tmp_path / "zh_Hans" / "LC_MESSAGES" / "djangojs.mo"
    compiled.parent.mkdir(parents=True)
    compiled.write_bytes(b"anything")
    catalog_version.cache_clear()
    try:
        assert catalog_version() != before
    finally:
        catalog_version.cache_clear()
