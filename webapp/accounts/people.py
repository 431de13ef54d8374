"""Writes of an admin about other people: who comes in, what each may do, and who no longer may."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.accounts.models import Role, SignInLink, User

INVITATION_MINUTES = 3 * 24 * 60
"""How long a link that is handed to somebody may wait."""


class PeopleError(Exception):
    """What was asked can't be done; the text says why."""


def person_add(*, username: str, role: str) -> User:
    """A person without a password, who comes in by a link. PeopleError for a bad or taken name, or no role."""
    user = User(username=username.strip(), role=_role(role))
    user.set_unusable_password()
    taken = _("Somebody has this name already, in capitals or not. Choose another one.")
    if User.objects.filter(username__iexact=user.username).exists():
        raise PeopleError(taken)
    try:
        user.full_clean()
        with transaction.atomic():
            user.save()
    except ValidationError as error:
        raise PeopleError(" ".join(error.messages)) from error
    except IntegrityError as error:  # another admin added the same name at the same moment
        raise PeopleError(taken) from error
    return user


def person_set_role(*, user: User, role: str) -> None:
    """PeopleError where nobody would be left to decide about people."""
    with transaction.atomic():
        if _role(role) != Role.ADMIN:
            _leave_an_admin(user)
        User.objects.filter(pk=user.pk).update(role=role)


def person_switch(*, user: User, on: bool, actor: User) -> None:
    """Off: signed out everywhere, open links spent, name and history kept. On: may come in again."""
    if user.pk == actor.pk and not on:
        raise PeopleError(_("You can't switch yourself off. Another admin can."))
    with transaction.atomic():
        if not on:
            _leave_an_admin(user)
            SignInLink.objects.filter(user=user, used_at__isnull=True).update(used_at=timezone.now())
        User.objects.filter(pk=user.pk).update(is_active=on)


def _role(role: str) -> str:
    if role not in Role.values:
        raise PeopleError(_("Choose a role."))
    return role


def _leave_an_admin(user: User) -> None:
    admins = User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True)
    if set(admins.values_list("pk", flat=True)) == {user.pk}:
        raise PeopleError(_("This is the only admin. Make somebody else one first."))
