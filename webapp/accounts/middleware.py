"""Deny by default."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from webapp.accounts.access import PUBLIC, View, access_of
from webapp.accounts.models import User


class AccessMiddleware(LoginRequiredMiddleware):
    """Asks for a sign-in everywhere but on public views, then for the role that the view declares."""

    def process_view(
        self, request: HttpRequest, view_func: View, view_args: tuple[Any, ...], view_kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        declared = access_of(view_func)
        if declared == PUBLIC:
            return None
        response: HttpResponseBase | None = super().process_view(request, view_func, view_args, view_kwargs)
        if response is not None:
            return response
        user = request.user
        if declared is None or not isinstance(user, User) or not user.may(declared):
            raise PermissionDenied
        return None
