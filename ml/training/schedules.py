"""How the learning rates change from step to step. Without state: a step's rate follows from its number alone."""

from __future__ import annotations

import math

_RISE = 0.25
_START = 1 / 25
_END = 4e-6


def rate_share(schedule: str, step: int, total: int) -> float:
    """Share of the set learning rate at `step` (from 0) of `total`, for one of `ml.settings.SCHEDULES`."""
    if schedule == "one_cycle":
        return one_cycle(step, total)
    return cosine(step, total) if schedule == "cosine" else 1.0


def cosine(step: int, total: int) -> float:
    """Half a cosine from 1 at the first step to nothing after the last (Loshchilov and Hutter 2017)."""
    return _between(1.0, 0.0, step / max(1, total))


def one_cycle(step: int, total: int) -> float:
    """Cosine up from 1/25 in the first quarter, then down to nothing (Smith and Topin 2018)."""
    peak = max(1.0, _RISE * total - 1)
    if step <= peak:
        return _between(_START, 1.0, step / peak)
    return _between(1.0, _END, (step - peak) / max(1.0, total - 1 - peak))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(max(share, 0.0), 1.0))) / 2
