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


class NamesForm(forms.Form):
    """A category as it is shown: names in both languages and a colour of its own."""

    name_en = forms.CharField(label=_("English name"), max_length=120, required=False)
    name_zh = forms.CharField(label=_("Chinese name"), max_length=120, required=False)
    # A colour field can't be empty in a browser: the box says whether it counts.
    own_colour = forms.BooleanField(label=_("A colour of its own"), required=False)
    colour = forms.CharField(label=_("Colour"), max_length=7, required=False)

    def shown(self) -> dict[str, str]:
        """What the services of classes and categories take."""
        values = {**self.cleaned_data}
        if not values.pop("own_colour"):
            values["colour"] = ""
        return values


class ClassNamesForm(NamesForm):
    advice_en = forms.CharField(label=_("Advice, English"), max_length=500, required=False)
    advice_zh = forms.CharField(label=_("Advice, Chinese"), max_length=500, required=False)
