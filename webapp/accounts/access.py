"""Who may reach a view. A view that declares nothing can be reached by nobody (see `middleware.AccessMiddleware`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required

from webapp.accounts.models import Role

View = Callable[..., Any]
ACCESS_ATTRIBUTE = "sortyard_access"
PUBLIC = "public"


def public(view: View) -> View:
    """Anyone may reach it, signed in or not."""
    setattr(view, ACCESS_ATTRIBUTE, PUBLIC)
    return login_not_required(view)


def allow(role: Role) -> Callable[[View], View]:
    """People whose role is at least `role` may reach it."""

    def mark(view: View) -> View:
        setattr(view, ACCESS_ATTRIBUTE, role.value)
        return view

    return mark


def access_of(view: Any) -> str | None:
    """ "public", a role's value, or None where the view declares nothing."""
    value = getattr(view, ACCESS_ATTRIBUTE, None)
    return str(value) if value else None
