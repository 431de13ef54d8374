"""Signing in, and the account page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from webapp.accounts.models import User

if TYPE_CHECKING:
    UserModelForm = forms.ModelForm[User]
    UserPasswordForm = SetPasswordForm[User]
else:
    UserModelForm, UserPasswordForm = forms.ModelForm, SetPasswordForm


class SignInForm(AuthenticationForm):
    username = forms.CharField(
        label=pgettext_lazy("of a person", "Name"),
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    error_messages = {
        "invalid_login": _("Name and password do not fit together. Both are case-sensitive."),
        "inactive": _("This account is switched off. Ask an admin."),
    }


class AccountForm(UserModelForm):
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = User
        fields = ("username",)
        labels = {"username": pgettext_lazy("of a person", "Name")}
        help_texts = {"username": _("You sign in with it. Letters, digits and @ . + - _ only.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs["autocomplete"] = "username"


class PasswordForm(UserPasswordForm):
    """A first password needs no old one; a later one does."""

    old_password = forms.CharField(
        label=_("Present password"),
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.fields["new_password1"].label = _("New password")
        self.fields["new_password1"].help_text = _("At least 8 characters, not a common one.")
        self.fields["new_password2"].label = _("New password again")
        if user.has_usable_password():
            self.order_fields(["old_password", "new_password1", "new_password2"])
        else:
            del self.fields["old_password"]

    def clean_old_password(self) -> str:
        old = str(self.cleaned_data["old_password"])
        if not self.user.check_password(old):
            raise forms.ValidationError(_("That is not the present password."))
        return old
