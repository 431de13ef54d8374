"""Signing in with a name and a password, and out again."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

PASSWORD = "correct horse battery"


def sign_in(client, name="viewer", password=PASSWORD, **more):
    return client.post(reverse("accounts:sign_in"), {"username": name, "password": password, **more})


def test_a_right_name_and_password_sign_in(client, viewer):
    response = sign_in(client)
    assert response.status_code == 302
    assert response.url == reverse("datasets:list")


def test_a_wrong_password_says_so_and_keeps_the_name(client, viewer):
    page = sign_in(client, password="guess")
    assert page.status_code == 200
    assert "do not fit together" in page.content.decode()
    assert 'value="viewer"' in page.content.decode()


def test_the_page_says_where_a_first_link_is_to_be_found(client, db):
    assert "python manage.py sign_in_link" in client.get(reverse("accounts:sign_in")).content.decode()


def test_a_page_that_needs_a_sign_in_is_shown_after_it(client, viewer):
    wanted = reverse("jobs:queue")
    sent = client.get(wanted)
    assert sent.status_code == 302
    assert sent.url.startswith(reverse("accounts:sign_in"))
    assert sign_in(client, next=wanted).url == wanted


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_it_never_sends_anyone_to_another_site(client, viewer, elsewhere):
    assert sign_in(client, next=elsewhere).url == reverse("datasets:list")


def test_ten_wrong_passwords_close_the_door_for_a_while(client, viewer):
    for _try in range(9):
        assert sign_in(client, password="guess").status_code == 200
    page = sign_in(client, password="guess")
    assert page.status_code == 429
    assert "Too many tries" in page.content.decode()
    assert sign_in(client).status_code == 429


def test_someone_signed_in_is_sent_on(client_of, viewer):
    response = client_of(viewer).get(reverse("accounts:sign_in"))
    assert response.status_code == 302


def test_signing_out_needs_a_post(client_of, viewer):
    client = client_of(viewer)
    assert client.get(reverse("accounts:sign_out")).status_code == 405
    assert client.post(reverse("accounts:sign_out")).url == reverse("accounts:sign_in")
    assert client.get(reverse("datasets:list")).status_code == 302


def test_a_form_without_its_token_is_refused_in_words(viewer):
    page = sign_in(Client(enforce_csrf_checks=True))
    assert page.status_code == 403
    assert "This page is too old" in page.content.decode()


def test_the_account_s_language_follows_it_to_a_new_browser(client, viewer):
    viewer.language = "zh-hans"
    viewer.save()
    response = sign_in(client)
    assert response.cookies["django_language"].value == "zh-hans"
