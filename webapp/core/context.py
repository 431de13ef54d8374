"""What every page of the studio shows around its own content."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from webapp.accounts.models import Role, User


def shell(request: HttpRequest) -> dict[str, Any]:
    """What the reader may do, for buttons that only some should see. Nothing is queried for it."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    return {
        "may_annotate": user.may(Role.ANNOTATOR),
        "may_curate": user.may(Role.CURATOR),
        "may_admin": user.may(Role.ADMIN),
    }
