"""The filter rules: limits, and the photos that break one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.db.models import ExpressionWrapper, F, FloatField, Q, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from webapp.datasets.models import ImageState

# What is in quarantine has left the data set already.
ACTIVE = (ImageState.INBOX, ImageState.ACCEPTED)

NAMES = {
    "short_side": _("A side too short"),
    "long_side": _("A side too long"),
    "aspect": _("Too narrow or too wide"),
    "blur": _("Blurred"),
    "dark": _("Too dark"),
    "bright": _("Too bright"),
    "flat": _("Little information"),
}
# Written down in English beside each photo; see webapp.core.spoken.
REASONS = {
    "short_side": gettext_noop("a side is shorter than %(n)s px"),
    "long_side": gettext_noop("a side is longer than %(n)s px"),
    "aspect": gettext_noop("one side is more than %(n)s times the other"),
    "blur": gettext_noop("blurred: sharpness below %(n)s"),
    "dark": gettext_noop("dark: brightness below %(n)s"),
    "bright": gettext_noop("bright: brightness above %(n)s"),
    "flat": gettext_noop("little information: entropy below %(n)s bits"),
}


@dataclass(frozen=True)
class Limits:
    """A photo that breaks one of these goes to quarantine; None switches a rule off.

    Sides in pixels; `aspect`: long side / short side; `blur`: sharpness; `dark`, `bright`: mean brightness, 0 to 1;
    `flat`: entropy in bits, 0 to 8. The last four are measured at a long side of 256 px (ml/images/quality.py).
    """

    short_side: float | None = None
    long_side: float | None = None
    aspect: float | None = None
    blur: float | None = None
    dark: float | None = None
    bright: float | None = None
    flat: float | None = None

    @classmethod
    def read(cls, settings: Mapping[str, float | None]) -> Limits:
        return cls(**{one.name: settings.get(one.name) for one in fields(cls)})

    def as_json(self) -> dict[str, float | None]:
        return asdict(self)

    def queries(self) -> dict[str, Q]:
        """Rule → the photos it catches, of the rules that are on, in their order."""
        found = {}
        for name, limit in self.as_json().items():
            if limit is not None:
                found[name] = _query(name, limit)
        return found

    def reason(self, rule: str) -> str:
        return REASONS[rule] % {"n": f"{getattr(self, rule):g}"}

    def any(self) -> Q:
        """All photos that one rule or another catches; none where no rule is on."""
        whole = Q(pk__in=[])
        for query in self.queries().values():
            whole |= query
        return whole


def _query(name: str, limit: float) -> Q:
    if name == "short_side":
        return Q(width__lt=limit) | Q(height__lt=limit)
    if name == "long_side":
        return Q(width__gt=limit) | Q(height__gt=limit)
    if name == "aspect":
        return Q(width__gt=_times("height", limit)) | Q(height__gt=_times("width", limit))
    field = {
        "blur": "sharpness__lt",
        "dark": "brightness__lt",
        "bright": "brightness__gt",
        "flat": "entropy__lt",
    }
    return Q(**{field[name]: limit})


def _times(field: str, factor: float) -> ExpressionWrapper[Any]:
    return ExpressionWrapper(F(field) * Value(float(factor)), output_field=FloatField())
