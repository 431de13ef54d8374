"""Crawls as people ask for them. What the figures may be is checked by the services, which know the source."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.crawls.checking import ENOUGH, FIGURES, Figure
from webapp.crawls.models import LicenceFilter
from webapp.crawls.providers.registry import PROVIDERS
from webapp.crawls.selectors import ENOUGH_PHOTOS

MAX_LIST_BYTES = 4 * 2**20
OF_PAGES = ("start_page", "total_page", "per_page")


def _sentence_of(figure: Figure) -> str:
    return figure.sentence


_sentence: Any = lazy(_sentence_of, str)


def _count(figure: Figure, help_text: Any = "", *, required: bool = True) -> forms.IntegerField:
    """A field that says of any other value what it may be, naming itself."""
    label: Any = figure.label
    said = dict.fromkeys(("required", "invalid", "min_value", "max_value"), _sentence(figure))
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        min_value=figure.low,
        max_value=figure.high,
        required=required,
        error_messages=said,
    )


class SourceForm(forms.Form):
    """What a crawl for one class and crawls for many ask alike. `token` marks the form: sent twice, it counts once."""

    provider = forms.ChoiceField(choices=[(key, key) for key in PROVIDERS])
    licence = forms.ChoiceField(
        label=gettext_lazy("Licence"),
        choices=LicenceFilter.choices,
        initial=LicenceFilter.ANY,
        help_text=gettext_lazy("What a photo's licence must allow, as its source states it."),
    )
    min_side = _count(FIGURES["min_side"], gettext_lazy("Empty: any size."), required=False)
    token = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean_min_side(self) -> int:
        return self.cleaned_data["min_side"] or 0

    def clean_token(self) -> uuid.UUID:
        return self.cleaned_data["token"] or uuid.uuid4()


class CrawlForm(SourceForm):
    queries = forms.CharField(
        label=gettext_lazy("Search words"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=gettext_lazy("One search on each line. Empty: the name of the class."),
    )
    addresses = forms.CharField(
        label=gettext_lazy("Addresses"),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 8, "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}
        ),
        help_text=gettext_lazy(
            "One on each line, at most 20,000. After a comma or a tab may follow author, licence and the page it is "
            "from."
        ),
    )
    list_file = forms.FileField(
        label=gettext_lazy("Or a text file of them"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".txt,.csv,.tsv,text/plain"}),
    )
    start_page = _count(FIGURES["start_page"], gettext_lazy("The first page of results to read."))
    total_page = _count(FIGURES["total_page"], gettext_lazy("Pages to read of each search."))
    per_page = _count(FIGURES["per_page"], gettext_lazy("Photos on each page."), required=False)
    target = _count(FIGURES["target"], gettext_lazy("Empty: all that is found."), required=False)

    def clean(self) -> dict[str, Any]:
        """A list of addresses has no pages: what their fields hold, which are hidden then, is nobody's error."""
        if self.cleaned_data.get("provider") == "urls":
            for name in OF_PAGES:
                self.errors.pop(name, None)
                self.cleaned_data[name] = 1 if name != "per_page" else None
        return self.cleaned_data

    def clean_list_file(self) -> str:
        """The text of the file, "" without one."""
        file: UploadedFile[bytes] | None = self.cleaned_data["list_file"]
        if not file:
            return ""
        if file.size is None or file.size > MAX_LIST_BYTES:
            raise forms.ValidationError(_("The file is larger than 4 MB. Split it."))
        try:
            return str(file.read(), "utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError(_("The file is no text in UTF-8. Save it as UTF-8.")) from None

    @property
    def words(self) -> list[str]:
        """What the crawl is asked: search words, or lines of addresses."""
        if self.cleaned_data["provider"] == "urls":
            pasted, file = (str(self.cleaned_data[name]) for name in ("addresses", "list_file"))
            return [*pasted.splitlines(), *file.splitlines()]
        return str(self.cleaned_data["queries"]).splitlines()


class FillForm(SourceForm):
    """`classes` are ids; whether they are thin is the data set's to say."""

    enough = _count(ENOUGH)
    classes = forms.TypedMultipleChoiceField(coerce=int, required=False)

    def __init__(self, *args: Any, classes: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["classes"].choices = [(pk, pk) for pk in classes]  # type: ignore[attr-defined]
        self.fields["enough"].initial = ENOUGH_PHOTOS
