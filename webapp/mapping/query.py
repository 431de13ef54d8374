"""What of a map is shown, and in which colours: all of it stands in the address."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from webapp.core.pagination import whole_number
from webapp.datasets.filters import ANY_STATE, ImageFilter

CLASS, CATEGORY, STATE, VERDICT = "class", "category", "state", "verdict"
COLOURS = (CLASS, CATEGORY, STATE, VERDICT)
RIGHT, WRONG, NOT_ASKED = "right", "wrong", "none"
VERDICTS = (RIGHT, WRONG, NOT_ASKED)


@dataclass(frozen=True)
class MapQuery:
    """`run` is the number of the run whose answers are right or wrong, None for the last one that was evaluated;
    `verdict` keeps photos that it answered so.
    """

    images: ImageFilter
    colour: str = CLASS
    run: int | None = None
    verdict: str = ""

    @classmethod
    def from_query(cls, query: QueryDict) -> MapQuery:
        """What is not understood is left out."""
        colour, verdict = query.get("colour", ""), query.get("verdict", "")
        return cls(
            images=ImageFilter.from_query(query, state=ANY_STATE),
            colour=colour if colour in COLOURS else CLASS,
            run=whole_number(query.get("run")),
            verdict=verdict if verdict in VERDICTS else "",
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether some photos are left out."""
        return bool(self.images.is_narrowed or self.verdict or self.images.state != ANY_STATE)

    def extra(self, **changes: str) -> dict[str, str]:
        """The parameters of the address besides those of the filter, with some replaced."""
        values = {
            "colour": "" if self.colour == CLASS else self.colour,
            "run": "" if self.run is None else str(self.run),
            "verdict": self.verdict,
            **changes,
        }
        return {name: value for name, value in values.items() if value}

    def to_query(self, **changes: str) -> str:
        """As the address has it; `changes` replace its own parameters."""
        query = QueryDict(self.images.to_query(state=ANY_STATE), mutable=True)
        query.update(self.extra(**changes))
        return query.urlencode()
