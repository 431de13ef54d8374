"""Writes about people: the first admin, one-time sign-in links, and what each may change of themselves."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import Role, SignInLink, User

FIRST_ADMIN_NAME = "admin"


class LinkError(Exception):
    """The token was never given out, was used before, or is too old."""


def first_admin() -> User:
    """The admin to sign in as at the first start; made with no password unless some active admin exists."""
    found = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").first()
    if found is not None:
        return found
    user, is_new = User.objects.get_or_create(username=FIRST_ADMIN_NAME, defaults={"role": Role.ADMIN})
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    elif user.role != Role.ADMIN or not user.is_active:
        # The name is taken by someone who is no admin: raising them silently would be a surprise.
        user = User(username=f"{FIRST_ADMIN_NAME}-{secrets.token_hex(3)}", role=Role.ADMIN)
        user.set_unusable_password()
        user.save()
    return user


def sign_in_link_create(*, user: User, minutes: float = 60) -> str:
    """A token that signs `user` in once within `minutes`. Only its hash is kept: it can't be shown again."""
    token = secrets.token_urlsafe(32)
    SignInLink.objects.create(
        user=user,
        token_hash=SignInLink.hash_token(token),
        expires_at=timezone.now() + timedelta(minutes=minutes),
    )
    return token


def sign_in_link_use(*, token: str) -> User:
    """Spends the token and returns its person; raises LinkError.

    One conditional UPDATE decides: of two clicks at the same moment one signs in.
    """
    now = timezone.now()
    spent = SignInLink.objects.filter(
        token_hash=SignInLink.hash_token(token),
        used_at__isnull=True,
        expires_at__gt=now,
        user__is_active=True,
    ).update(used_at=now)
    if spent != 1:
        raise LinkError
    return User.objects.get(sign_in_links__token_hash=SignInLink.hash_token(token))


@transaction.atomic
def user_set_password(*, user: User, password: str) -> None:
    """Sets the password and spends every link still open for this person."""
    user.set_password(password)
    user.save(update_fields=["password"])
    SignInLink.objects.filter(user=user, used_at__isnull=True).update(used_at=timezone.now())


def user_set_language(*, user: User, language: str) -> None:
    """Remembers the language across browsers; anything that is no language of the site is passed over."""
    if language in dict(settings.LANGUAGES) and user.language != language:
        user.language = language
        user.save(update_fields=["language"])


def user_rename(*, user: User, username: str, first_name: str) -> None:
    user.username = username
    user.first_name = first_name
    user.save(update_fields=["username", "first_name"])
