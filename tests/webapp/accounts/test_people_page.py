"""People: an admin adds them, hands a link over, changes roles, and switches off who left."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from webapp.accounts.models import Role, User
from webapp.accounts.services import sign_in_link_create

LIST = "accounts:people"


@pytest.fixture
def page(client_of, admin):
    return client_of(admin)


def add(page, username="mei", role="annotator"):
    return page.post(reverse("accounts:people_add"), {"username": username, "role": role})


def change(page, user, **values):
    return page.post(reverse("accounts:people_change", args=[user.pk]), values)


def link_in(response) -> str:
    (address,) = re.findall(r"http://testserver(/sign-in/link/[^<]+)<", response.content.decode())
    return address


def test_somebody_new_comes_in_by_the_link_that_is_shown_once(page):
    made = add(page)
    assertContains(made, "A link for mei")
    theirs = Client()
    assertRedirects(theirs.post(link_in(made)), reverse("datasets:list"))
    assert User.objects.get(username="mei").role == Role.ANNOTATOR
    assertNotContains(page.get(reverse(LIST)), "/sign-in/link/")


@pytest.mark.parametrize(
    ("username", "role", "said"),
    [
        ("viewer", "viewer", "has this name already"),
        ("VIEWER", "viewer", "has this name already"),
        ("", "viewer", "cannot be blank"),
        ("two words", "viewer", "valid username"),
        ("mei", "emperor", "Choose a role."),
        ("x" * 151, "viewer", "at most 150"),
    ],
)
def test_a_bad_name_or_role_is_refused_and_what_was_typed_stays(page, viewer, username, role, said):
    before = User.objects.count()
    refused = add(page, username, role)
    assertContains(refused, said, status_code=422)
    if username:
        assertContains(refused, f'value="{username}"', status_code=422)
    assert User.objects.count() == before


def test_names_may_be_chinese(page):
    assertContains(add(page, "李雷"), "A link for 李雷")


def test_a_role_is_changed(page, viewer):
    assertRedirects(change(page, viewer, role="curator"), reverse(LIST))
    viewer.refresh_from_db()
    assert viewer.role == Role.CURATOR


@pytest.mark.parametrize("values", [{"role": "viewer"}, {"on": "0"}])
def test_the_only_admin_stays_one(page, admin, values):
    change(page, admin, **values)
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMIN, True)


def test_one_of_two_admins_may_step_down(page, admin):
    User.objects.create_user(username="other", role=Role.ADMIN)
    assertRedirects(change(page, admin, role="curator"), reverse("datasets:list"))
    admin.refresh_from_db()
    assert admin.role == Role.CURATOR


def test_an_admin_who_is_switched_off_does_not_count_as_one(page, admin):
    User.objects.create_user(username="left", role=Role.ADMIN, is_active=False)
    change(page, admin, role="viewer")
    admin.refresh_from_db()
    assert admin.role == Role.ADMIN


def test_who_is_switched_off_is_signed_out_and_comes_in_by_no_link(page, client_of, curator):
    theirs, token = client_of(curator), sign_in_link_create(user=curator)
    assert theirs.get(reverse("datasets:list")).status_code == 200
    change(page, curator, on="0")
    assert theirs.get(reverse("datasets:list")).status_code == 302
    change(page, curator, on="1")
    assert Client().post(reverse("accounts:link", args=[token])).status_code == 410
    assertContains(page.post(reverse("accounts:people_link", args=[curator.pk])), "A link for curator")


def test_who_is_switched_off_gets_no_new_link(page, curator):
    change(page, curator, on="0")
    answer = page.post(reverse("accounts:people_link", args=[curator.pk]), follow=True)
    assertContains(answer, "curator is switched off.")
    assert not curator.sign_in_links.exists()


def test_the_rail_names_people_for_admins_only(page, client_of, curator):
    there = reverse(LIST)
    assertContains(page.get(reverse("jobs:queue")), f'href="{there}"')
    assertNotContains(client_of(curator).get(reverse("jobs:queue")), f'href="{there}"')
