"""Turns an answer into what a person reads: a heading, one sentence, advice, and rows with bars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import get_language, gettext

from webapp.core.templatetags.sortyard import localised
from webapp.datasets.models import Bin, LabelClass
from webapp.publishing.classify import Answer, Guess

VERY_LIKELY, PROBABLY = 0.9, 0.6
# A guess below this is not worth naming in a sentence.
WORTH_NAMING = 0.1
_BINS = frozenset(Bin.values)


@dataclass(frozen=True)
class Row:
    """One guess with its bar: `width` in whole hundredths, for the classes w-0 to w-100."""

    name: str
    bin: str
    probability: float
    width: int


def rows_of(answer: Answer) -> list[Row]:
    """The guesses as rows with bars."""
    return [
        Row(
            name=class_name(one),
            bin=one.bin if one.bin in _BINS else "",
            probability=one.probability,
            width=round(100 * one.probability),
        )
        for one in answer.top
    ]


@dataclass(frozen=True)
class Shown:
    """An answer in the reader's language."""

    heading: str
    sentence: str
    either_way: str
    advice: str
    bin: str
    is_sure: bool
    rows: list[Row]


def shown(answer: Answer, label_class: LabelClass | None = None) -> Shown:
    """What the page says. `label_class` carries the advice, where its keepers have written some."""
    rows = rows_of(answer)
    if answer.abstained:
        return _unsure(answer, rows)
    best = answer.best
    category = category_name(best)
    heading = category or class_name(best)
    # Without a category the heading names the class already.
    sentence = in_words(answer.probability, class_name(best) if category else "")
    bin_ = best.bin if best.bin in _BINS else ""
    return Shown(heading, sentence, "", _advice(label_class), bin_, True, rows)


def in_words(probability: float, name: str) -> str:
    """How sure the model is of `name`, for somebody who does not think in percentages."""
    if probability >= VERY_LIKELY:
        return gettext("Very likely %(name)s.") % {"name": name} if name else gettext("Very likely.")
    if probability >= PROBABLY:
        return gettext("Probably %(name)s.") % {"name": name} if name else gettext("Probably.")
    return gettext("Perhaps %(name)s.") % {"name": name} if name else gettext("Perhaps.")


def class_name(guess: Guess) -> str:
    """The class's name in the reader's language."""
    return localised(guess.name_en, guess.name_zh, guess.key)


def category_name(guess: Guess) -> str:
    """The category's name in the reader's language, or "" without one."""
    return localised(guess.category_en, guess.category_zh, guess.category)


def _unsure(answer: Answer, rows: list[Row]) -> Shown:
    if answer.is_unfamiliar:  # no guess is worth naming
        sentence = gettext("This photo is unlike all that the model has learned from.")
        return Shown(gettext("Not sure"), sentence, "", "", "", False, rows)
    candidates = [one for one in answer.top[:3] if one.probability >= WORTH_NAMING] or answer.top[:1]
    sentence = gettext("It could be %(names)s.") % {"names": _listed(class_name(one) for one in candidates)}
    # All that could be meant goes into one bin: then that is known, even if the kind is not.
    shared = {(one.category, one.bin) for one in candidates}
    either_way = bin_ = ""
    if len(candidates) > 1 and len(shared) == 1 and candidates[0].category:
        bin_ = candidates[0].bin if candidates[0].bin in _BINS else ""
        either_way = gettext("Either way: %(category)s.") % {"category": category_name(candidates[0])}
    return Shown(gettext("Not sure"), sentence, either_way, "", bin_, False, rows)


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    if len(found) == 1:
        return found[0]
    comma = gettext(", ")
    return gettext("%(first)s or %(last)s") % {"first": comma.join(found[:-1]), "last": found[-1]}


def _advice(label_class: LabelClass | None) -> str:
    if label_class is None:
        return ""
    first, second = label_class.advice_en, label_class.advice_zh
    if (get_language() or "").startswith("zh"):
        first, second = second, first
    return first or second
