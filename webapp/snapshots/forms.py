"""A snapshot as a person asks for it: shares in percent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.datasets.models import Source
from webapp.snapshots.models import SplitRule
from webapp.snapshots.plans import MAX_SIDE, PhotoFilter, SnapshotPlan
from webapp.snapshots.services import MAX_SEED, MIN_PHOTOS_A_CLASS


def _percent(label: Any, help_text: Any) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        help_text=help_text,
        min_value=1,
        max_value=90,
        initial=10,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )


class SnapshotForm(forms.Form):
    val = _percent(_("Validation, %"), _("Looked at after each epoch, to stop at the best one."))
    test = _percent(_("Test, %"), _("Looked at once, at the end: the figure you can trust."))
    rule = forms.ChoiceField(
        label=_("How photos are dealt out"), choices=SplitRule.choices, initial=SplitRule.GROUPED
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        min_value=0,
        max_value=MAX_SEED,
        initial=0,
        help_text=_(
            "The same seed deals the same way. Another one is another plan: figures no longer compare."
        ),
    )
    cap = forms.IntegerField(
        label=_("Photos per class at most"),
        min_value=MIN_PHOTOS_A_CLASS,
        max_value=2**31 - 1,
        required=False,
        help_text=_("Empty: all. With a cap, large classes give a random part; nothing is deleted."),
    )
    enhanced = forms.BooleanField(
        label=_("Add mirrored copies first"),
        required=False,
        help_text=_(
            "Each photo also stands mirrored and upside down, made before the cap and the dealing out, as the paper on "
            "waste sorting did. Copies stay with their photo and only photos are scored, except under the paper’s own "
            "rule, which deals and scores them like photos. You rarely need this: training mirrors photos by itself."
        ),
    )
    source = forms.MultipleChoiceField(
        label=_("Only photos from"),
        choices=Source.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: from anywhere."),
    )
    licensed = forms.BooleanField(label=_("Only photos whose licence is known"), required=False)
    min_side = forms.IntegerField(
        label=_("Shorter side, px at least"), min_value=1, max_value=MAX_SIDE, required=False
    )
    min_sharpness = forms.FloatField(
        label=_("Sharpness at least"),
        min_value=0,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text=_(
            "The gallery shows it for each photo; sort by “Least sharp first” there to find a bound."
        ),
    )
    note = forms.CharField(
        label=_("Note"), max_length=500, required=False, help_text=_("What is special about it, for later.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("val", 0) + cleaned.get("test", 0) >= 100:
            self.add_error("test", _("Validation and test together leave nothing to train on."))
        return cleaned

    def plan(self) -> SnapshotPlan:
        """What was asked for, in fractions."""
        asked = self.cleaned_data
        passing = PhotoFilter(
            sources=tuple(sorted(asked["source"])),
            licensed=asked["licensed"],
            min_side=asked["min_side"],
            min_sharpness=asked["min_sharpness"],
        )
        shares = {"val": asked["val"] / 100, "test": asked["test"] / 100}
        return SnapshotPlan(
            rule=asked["rule"],
            seed=asked["seed"],
            cap=asked["cap"],
            enhanced=asked["enhanced"],
            filter=passing,
            **shares,
        )

    def request(self) -> dict[str, Any]:
        """The arguments of `snapshot_request`."""
        plan = self.plan()
        return {**vars(plan), "note": self.cleaned_data["note"]}


def initial_of(plan: SnapshotPlan) -> dict[str, Any]:
    """The form's values for a plan."""
    return {
        "val": _as_percent(plan.val),
        "test": _as_percent(plan.test),
        "rule": plan.rule,
        "seed": plan.seed,
        "cap": plan.cap,
        "enhanced": plan.enhanced,
        "source": list(plan.filter.sources),
        "licensed": plan.filter.licensed,
        "min_side": plan.filter.min_side,
        "min_sharpness": plan.filter.min_sharpness,
    }


def _as_percent(share: float) -> str:
    return f"{share * 100:.10g}"
