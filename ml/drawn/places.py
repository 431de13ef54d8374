"""Where an object lies: position, size and turn, and how several share the room."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ml.drawn.dice import Dice


@dataclass(frozen=True)
class Place:
    x: float
    y: float
    scale: float
    angle: float

    @property
    def at(self) -> tuple[float, float]:
        return self.x, self.y

    def point(self, u: float, v: float) -> tuple[float, float]:
        """A point of the object (in its own size) on the table."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return self.x + self.scale * (u * c - v * s), self.y + self.scale * (u * s + v * c)


def spread(dice: Dice, place: Place, n: int, reach: float) -> list[Place]:
    """`n` places in a loose ring round one; of five or more, one stays in the middle."""
    if n == 1:
        return [place]
    turn = dice.angle()
    places = []
    for i in range(n):
        angle = turn + 2 * math.pi * i / n + dice.between(-0.25, 0.25)
        out = place.scale * reach * dice.between(0.85, 1.15) * (1.0 if n < 5 or i else 0.1)
        x, y = place.x + math.cos(angle) * out, place.y + math.sin(angle) * out
        places.append(Place(x, y, place.scale, dice.angle()))
    return places
