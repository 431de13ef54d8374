"""Signed distances (negative inside) in an object's own coordinates, and profiles of height."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ml.drawn.dice import Plane


def ellipse(u: Plane, v: Plane, a: float, b: float) -> Plane:
    """Distance to an ellipse, exact for a circle, a close guess otherwise."""
    return (np.hypot(u / a, v / b) - 1.0) * min(a, b)


def ring(u: Plane, v: Plane, a: float, b: float, width: float) -> Plane:
    return np.abs(ellipse(u, v, a, b)) - width / 2


def superellipse(u: Plane, v: Plane, a: float, b: float, power: float) -> Plane:
    radius = (np.abs(u / a) ** power + np.abs(v / b) ** power) ** (1.0 / power)
    return (radius - 1.0) * min(a, b)


def box(u: Plane, v: Plane, a: float, b: float, corner: float = 0.0) -> Plane:
    """A rectangle of half sides a and b with rounded corners."""
    du, dv = np.abs(u) - (a - corner), np.abs(v) - (b - corner)
    outside = np.hypot(np.maximum(du, 0), np.maximum(dv, 0))
    return outside + np.minimum(np.maximum(du, dv), 0) - corner


def capsule(
    u: Plane, v: Plane, start: tuple[float, float], end: tuple[float, float], r0: float, r1: float
) -> Plane:
    """A thick segment whose radius goes from r0 to r1."""
    du, dv = end[0] - start[0], end[1] - start[1]
    t = np.clip(((u - start[0]) * du + (v - start[1]) * dv) / (du * du + dv * dv), 0, 1)
    return np.hypot(u - start[0] - t * du, v - start[1] - t * dv) - (r0 + (r1 - r0) * t)


def polygon(u: Plane, v: Plane, corners: Sequence[tuple[float, float]]) -> Plane:
    """Distance to a polygon given by its corners in order."""
    nearest = np.full(u.shape, 1e9, np.float32)
    inside = np.zeros(u.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        nearest = np.minimum(nearest, capsule(u, v, (x0, y0), (x1, y1), 0.0, 0.0))
        if y0 != y1:
            crosses = ((y0 <= v) & (v < y1)) | ((y1 <= v) & (v < y0))
            inside ^= crosses & (u < (x1 - x0) * (v - y0) / (y1 - y0) + x0)
    return np.where(inside, -nearest, nearest)


def dome(distance: Plane, width: float, height: float) -> Plane:
    """A quarter-round edge of the given width, then flat at `height`."""
    t = np.clip(-distance / width, 0, 1)
    return height * np.sqrt(np.maximum(1 - (1 - t) ** 2, 0))


def line(distance: Plane, width: float | Plane) -> Plane:
    """1 on the line where the distance is 0, falling smoothly to 0 at `width`."""
    return np.maximum(1 - (distance / width) ** 2, 0) ** 2


def step(x: Plane, low: float, high: float) -> Plane:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def turned(u: Plane, v: Plane, angle: float) -> tuple[Plane, Plane]:
    c, s = math.cos(angle), math.sin(angle)
    return u * c + v * s, v * c - u * s


def bezier(points: Sequence[tuple[float, float]], n: int = 24) -> list[tuple[float, float]]:
    """n + 1 points along the cubic curve with four control points."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    curve = []
    for i in range(n + 1):
        t = i / n
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        curve.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
    return curve
