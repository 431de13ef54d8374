"""One-time links: shown once, good once, spent by a click and not by a look."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from webapp.accounts.models import Role, SignInLink, User
from webapp.accounts.services import (
    LinkError,
    first_admin,
    sign_in_link_create,
    sign_in_link_use,
    user_set_password,
)


def test_the_first_admin_is_made_once_and_has_no_password(db):
    one = first_admin()
    assert (one.username, one.role, one.has_usable_password()) == ("admin", Role.ADMIN, False)
    assert first_admin() == one
    assert User.objects.count() == 1


def test_an_admin_who_is_there_already_is_the_first_admin(admin):
    assert first_admin() == admin


def test_a_viewer_called_admin_is_not_raised_to_one(db):
    taken = User.objects.create_user(username="admin", role=Role.VIEWER)
    made = first_admin()
    assert made != taken
    assert made.role == Role.ADMIN
    taken.refresh_from_db()
    assert taken.role == Role.VIEWER


def test_only_the_hash_of_a_token_is_stored(admin):
    token = sign_in_link_create(user=admin)
    link = SignInLink.objects.get()
    assert token not in (link.token_hash, str(link.pk))
    assert link.token_hash == SignInLink.hash_token(token)


def test_a_link_signs_in_once(admin):
    token = sign_in_link_create(user=admin)
    assert sign_in_link_use(token=token) == admin
    with pytest.raises(LinkError):
        sign_in_link_use(token=token)


def test_of_two_clicks_that_both_saw_the_link_unused_one_signs_in(client, admin):
    token = sign_in_link_create(user=admin)
    url = reverse("accounts:link", args=[token])
    assert client.get(url).status_code == 200
    other = type(client)()
    assert other.get(url).status_code == 200
    assert client.post(url).status_code == 302
    assert other.post(url).status_code == 410
    assert "_auth_user_id" in client.session
    assert "_auth_user_id" not in other.session


def test_a_link_that_is_too_old_signs_nobody_in(admin):
    token = sign_in_link_create(user=admin, minutes=1)
    SignInLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LinkError):
        sign_in_link_use(token=token)


def test_a_link_of_someone_switched_off_signs_nobody_in(admin):
    token = sign_in_link_create(user=admin)
    User.objects.update(is_active=False)
    with pytest.raises(LinkError):
        sign_in_link_use(token=token)


def test_looking_at_a_link_spends_nothing_and_names_its_person(client, admin):
    url = reverse("accounts:link", args=[sign_in_link_create(user=admin)])
    for _look in range(3):
        page = client.get(url)
        assert page.status_code == 200
        assert "Sign in as admin" in page.content.decode()
    assert SignInLink.objects.get().used_at is None


def test_the_button_signs_in_and_goes_to_the_data_sets(client, admin):
    response = client.post(reverse("accounts:link", args=[sign_in_link_create(user=admin)]))
    assert response.status_code == 302
    assert response.url == reverse("datasets:list")
    assert client.get(response.url).status_code == 200


def test_a_person_without_a_password_is_told_where_to_set_one(client, db):
    token = sign_in_link_create(user=first_admin())
    page = client.post(reverse("accounts:link", args=[token]), follow=True).content.decode()
    assert "have no password yet" in page
    assert f"{reverse('accounts:account')}#password" in page


@pytest.mark.parametrize("how", ["used", "old", "unknown"])
def test_a_link_that_no_longer_works_says_so_and_how_to_get_a_new_one(client, admin, how):
    token = sign_in_link_create(user=admin)
    if how == "used":
        sign_in_link_use(token=token)
    if how == "old":
        SignInLink.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    page = client.get(reverse("accounts:link", args=["nonsense" if how == "unknown" else token]))
    assert page.status_code == 410
    text = page.content.decode()
    assert "python manage.py sign_in_link" in text
    assert {"used": "was used on", "old": "was good until", "unknown": "No such link"}[how] in text


def test_a_new_password_spends_the_links_that_are_still_open(admin):
    token = sign_in_link_create(user=admin)
    user_set_password(user=admin, password="a long enough one")
    with pytest.raises(LinkError):
        sign_in_link_use(token=token)
