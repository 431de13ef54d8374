"""Views that belong to no noun: language, the JavaScript catalogue, error pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.i18n import JavaScriptCatalog
from django.views.i18n import set_language as django_set_language

from webapp.accounts.access import public

set_language = public(django_set_language)
javascript_catalog = public(cache_control(max_age=3600)(JavaScriptCatalog.as_view(packages=None)))


def _error(request: HttpRequest, status: int) -> HttpResponse:
    return render(request, f"errors/{status}.html", status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    return _error(request, 500)
