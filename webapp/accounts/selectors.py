"""Reads about people and their sign-in links."""

from __future__ import annotations

from django.db.models import QuerySet

from webapp.accounts.models import SignInLink, User


def sign_in_link_for(token: str) -> SignInLink | None:
    """The link of this token, used and expired ones too, with its person; None if there never was one."""
    return SignInLink.objects.select_related("user").filter(token_hash=SignInLink.hash_token(token)).first()


def all_people() -> QuerySet[User]:
    """Those who may sign in before those who no longer may, by name."""
    return User.objects.order_by("-is_active", "username")
