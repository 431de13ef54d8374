"""What every page of the studio shows around its own content."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from webapp.accounts.models import User


def shell(request: HttpRequest) -> dict[str, Any]:
    """Nothing is queried unless the template asks for it (the values are lazy)."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    from webapp.jobs.selectors import queue_summary

    return {"queue_summary": queue_summary}
