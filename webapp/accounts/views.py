"""Signing in and out, and the account page."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from webapp.accounts import services
from webapp.accounts.access import allow, public
from webapp.accounts.forms import AccountForm, PasswordForm, SignInForm
from webapp.accounts.models import Role, User
from webapp.accounts.selectors import sign_in_link_for

BACKEND = "django.contrib.auth.backends.ModelBackend"


def person(request: HttpRequest) -> User:
    """The signed-in user, where a view's access rule has made sure that there is one."""
    assert isinstance(request.user, User)
    return request.user


@public
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if isinstance(request.user, User):
        return redirect(_after_sign_in(request))
    form = SignInForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = form.get_user()
        assert isinstance(user, User)
        login(request, user)
        return _welcome(user, redirect(_after_sign_in(request)))
    return render(request, "accounts/sign_in.html", {"form": form, "next": request.GET.get("next", "")})


def _after_sign_in(request: HttpRequest) -> str:
    """Where the person was going, if that is on this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def _welcome(user: User, response: HttpResponse) -> HttpResponse:
    """The language kept with the account follows its person to a new browser."""
    if user.language:
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, user.language, samesite="Lax", max_age=365 * 86400)
    return response


@public
@never_cache
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """GET spends nothing: mail scanners and link previews fetch addresses. The button does."""
    found = sign_in_link_for(token)
    if request.method == "POST":
        try:
            user = services.sign_in_link_use(token=token)
        except services.LinkError:
            return render(request, "accounts/link_unusable.html", {"link": found}, status=410)
        login(request, user, backend=BACKEND)
        return _welcome(user, redirect(settings.LOGIN_REDIRECT_URL))
    if found is None or not found.is_usable() or not found.user.is_active:
        return render(request, "accounts/link_unusable.html", {"link": found}, status=410)
    return render(request, "accounts/link.html", {"link": found})


@public
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("accounts:sign_in")


@allow(Role.VIEWER)
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    user = person(request)
    wants_password = request.POST.get("form") == "password"
    # The form writes into its instance while it checks: with its own one, the top bar keeps the saved name.
    own = User.objects.get(pk=user.pk)
    form = AccountForm(
        request.POST if request.method == "POST" and not wants_password else None,
        instance=own,
        initial={"language": user.language or request.LANGUAGE_CODE},
    )
    password_form = PasswordForm(user, request.POST if wants_password else None)
    if wants_password and password_form.is_valid():
        services.user_set_password(user=user, password=password_form.cleaned_data["new_password1"])
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password is set."))
        return redirect("accounts:account")
    if form.is_bound and form.is_valid():
        services.user_rename(user=user, username=form.cleaned_data["username"], first_name=user.first_name)
        services.user_set_language(user=user, language=form.cleaned_data["language"])
        messages.success(request, _("Saved."))
        return _welcome(user, redirect("accounts:account"))
    context = {"form": form, "password_form": password_form, "section": "account"}
    return render(request, "accounts/account.html", context)
