"""A new data set, a new class, the names of a class."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class DatasetForm(forms.Form):
    EMPTY, PRESET55 = "empty", "preset55"

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
        help_text=_("What the photos show, for example “Kitchen waste, Hall 3”. It can be in any language."),
    )
    start = forms.ChoiceField(
        label=_("Classes"),
        choices=[
            (EMPTY, _("None yet")),
            (PRESET55, _("Household waste: 55 classes in 4 bins")),
        ],
        initial=EMPTY,
        widget=forms.RadioSelect,
    )


class ClassForm(forms.Form):
    name = forms.CharField(label=_("New class"), max_length=120)


class ClassNamesForm(forms.Form):
    name_en = forms.CharField(label=_("English name"), max_length=120, required=False)
    name_zh = forms.CharField(label=_("Chinese name"), max_length=120, required=False)
