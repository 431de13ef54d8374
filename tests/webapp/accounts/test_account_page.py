"""What people may change of their own account."""

from __future__ import annotations

import pytest
from django.urls import reverse

from webapp.accounts.models import User
from webapp.accounts.services import first_admin

URL = "accounts:account"


@pytest.fixture
def page(client_of, viewer):
    return client_of(viewer)


def test_a_name_and_a_language_can_be_changed(page, viewer):
    response = page.post(reverse(URL), {"form": "account", "username": "李雷", "language": "zh-hans"})
    assert response.status_code == 302
    viewer.refresh_from_db()
    assert (viewer.username, viewer.language) == ("李雷", "zh-hans")


def test_a_taken_name_is_refused_and_the_old_one_stays(page, viewer, curator):
    response = page.post(reverse(URL), {"form": "account", "username": "curator", "language": "en"})
    assert response.status_code == 200
    assert "already exists" in response.content.decode()
    viewer.refresh_from_db()
    assert viewer.username == "viewer"


def test_nobody_raises_their_own_role(page, viewer):
    page.post(reverse(URL), {"form": "account", "username": "viewer", "language": "en", "role": "admin"})
    viewer.refresh_from_db()
    assert viewer.role == "viewer"


def new_password(old="", new="nine lives of a cat"):
    return {"form": "password", "old_password": old, "new_password1": new, "new_password2": new}


def test_a_later_password_needs_the_present_one(page, viewer):
    assert "not the present password" in page.post(reverse(URL), new_password("wrong")).content.decode()
    viewer.refresh_from_db()
    assert viewer.check_password("correct horse battery")


def test_a_password_can_be_changed_and_the_person_stays_signed_in(page, viewer):
    assert page.post(reverse(URL), new_password("correct horse battery")).status_code == 302
    viewer.refresh_from_db()
    assert viewer.check_password("nine lives of a cat")
    assert page.get(reverse(URL)).status_code == 200


def test_a_first_password_needs_no_old_one(client_of, db):
    client = client_of(first_admin())
    assert "Set a password" in client.get(reverse(URL)).content.decode()
    client.post(reverse(URL), new_password())
    assert User.objects.get().check_password("nine lives of a cat")


def test_a_weak_password_is_refused(page):
    assert (
        "too common"
        in page.post(reverse(URL), new_password("correct horse battery", "password1")).content.decode()
    )
