"""Reads about people and their sign-in links."""

from __future__ import annotations

from webapp.accounts.models import SignInLink


def sign_in_link_for(token: str) -> SignInLink | None:
    """The link of this token, used and expired ones too, with its person; None if there never was one."""
    return SignInLink.objects.select_related("user").filter(token_hash=SignInLink.hash_token(token)).first()
