"""What an upload asks once for all its files."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

LICENCES = ("CC0", "CC BY 4.0", "CC BY-SA 4.0", "CC BY-NC 4.0", "Public domain")


class BatchForm(forms.Form):
    author = forms.CharField(
        label=_("Who took the photos"),
        max_length=200,
        required=False,
        help_text=_("Kept with every photo of this upload. May stay empty."),
    )
    licence = forms.CharField(
        label=_("Licence or permission"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"list": "licences"}),
        help_text=_("For example CC BY 4.0, or “own photos”."),
    )
    use_folders = forms.BooleanField(label=_("Use folder names as classes"), required=False, initial=True)
    expected = forms.IntegerField(min_value=0, max_value=10**8, required=False, widget=forms.HiddenInput)
    categories = forms.JSONField(required=False, widget=forms.HiddenInput)

    def clean_categories(self) -> list[str]:
        """Names of categories that the person confirmed in the preview."""
        value = self.cleaned_data["categories"] or []
        if (
            not isinstance(value, list)
            or len(value) > 200
            or not all(isinstance(name, str) for name in value)
        ):
            raise forms.ValidationError(_("The list of categories is not understood."))
        return value
