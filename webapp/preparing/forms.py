"""What a person sets for a step of preparation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.preparing.rules import Limits
from webapp.preparing.services import DEFAULT_CAP, MAX_CAP
from webapp.snapshots.services import MAX_SEED

MOST_PIXELS = 100_000


def _limit(label: Any, help_text: Any, initial: float | None, low: float, high: float) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        help_text=help_text,
        initial=initial,
        min_value=low,
        max_value=high,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal", "class": "input"}),
    )


class RulesForm(forms.Form):
    """Limits that start where they catch what nobody would keep; an empty one switches its rule off."""

    short_side = _limit(_("Shortest side below, px"), _("Too small to see anything on."), 100, 1, MOST_PIXELS)
    long_side = _limit(_("Longest side above, px"), _("Posters, scans, screenshots."), 8000, 1, MOST_PIXELS)
    aspect = _limit(
        _("Long side above … times the short one"), _("Banners and strips; 1 is a square."), 3, 1, 1000
    )
    blur = _limit(
        _("Sharpness below"),
        _("Variance of the Laplacian at 256 px; sharp photos have hundreds."),
        10,
        0,
        1e6,
    )
    dark = _limit(_("Brightness below"), _("Mean of all pixels: 0 is black, 1 white."), 0.08, 0, 1)
    bright = _limit(_("Brightness above"), _("Nearly white all over."), 0.97, 0, 1)
    flat = _limit(
        _("Entropy below, bits"), _("Few different greys: plain colours, blank pages. 0 to 8."), 3, 0, 8
    )

    def limits(self) -> Limits:
        return Limits(**self.cleaned_data)


class BalanceForm(forms.Form):
    cap = forms.IntegerField(label=_("At most a class"), min_value=1, max_value=MAX_CAP, initial=DEFAULT_CAP)
    seed = forms.IntegerField(label=_("Seed"), min_value=0, max_value=MAX_SEED, initial=0)
    flips = forms.BooleanField(
        label=_("Count mirrored copies, as the paper does"), initial=True, required=False
    )
