"""People: who may sign in and what each may do. For admins."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts import people, services
from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.accounts.selectors import all_people
from webapp.accounts.views import person


@allow(Role.ADMIN)
@require_GET
def people_list(request: HttpRequest) -> HttpResponse:
    return _page(request)


@allow(Role.ADMIN)
@never_cache
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """`username`, `role`; answers with the page and the new person's link, which is shown this once."""
    username, role = request.POST.get("username", ""), request.POST.get("role", "")
    try:
        made = people.person_add(username=username, role=role)
    except people.PeopleError as error:
        return _page(request, refused=str(error), username=username, role=role, status=422)
    return _page(request, invited=made)


@allow(Role.ADMIN)
@never_cache
@require_POST
def link(request: HttpRequest, pk: int) -> HttpResponse:
    """A new link for somebody who lost the last one, or forgot the password."""
    user = get_object_or_404(User, pk=pk)
    if not user.is_active:
        messages.error(request, _("%(name)s is switched off. Switch on first.") % {"name": user.username})
        return redirect("accounts:people")
    return _page(request, invited=user)


@allow(Role.ADMIN)
@require_POST
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """`role`: a new one; or `on`: "1" or "0"."""
    user, actor = get_object_or_404(User, pk=pk), person(request)
    try:
        if "role" in request.POST:
            people.person_set_role(user=user, role=request.POST["role"])
        else:
            people.person_switch(user=user, on=request.POST.get("on") == "1", actor=actor)
    except people.PeopleError as error:
        messages.error(request, str(error))
        return redirect("accounts:people")
    messages.success(request, _("Saved."))
    # Whoever is no admin any more has no business on this page.
    is_own = user.pk == actor.pk and request.POST.get("role", Role.ADMIN) != Role.ADMIN
    return redirect("datasets:list" if is_own else "accounts:people")


def _page(
    request: HttpRequest,
    *,
    invited: User | None = None,
    refused: str = "",
    username: str = "",
    role: str = Role.ANNOTATOR,
    status: int = 200,
) -> HttpResponse:
    address = ""
    if invited is not None:
        token = services.sign_in_link_create(user=invited, minutes=people.INVITATION_MINUTES)
        address = request.build_absolute_uri(reverse("accounts:link", args=[token]))
    context = {
        "section": "people",
        "people": all_people(),
        "roles": Role.choices,
        "invited": invited,
        "address": address,
        "refused": refused,
        "username": username,
        "role": role,
    }
    return render(request, "accounts/people.html", context, status=status)
