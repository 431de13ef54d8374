"""Tileable noise that gives wood its grain, cloth its pile and metal its scratches."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from ml.drawn.dice import Dice, Plane

SIDE = 512


@cache
def cloud(slope: float = 1.7, seed: int = 1) -> Plane:
    """Smooth noise around 0.5, (512, 512), without a seam. A larger `slope` (of its spectrum) is softer."""
    rows = np.fft.fftfreq(SIDE)[:, None]
    columns = np.fft.rfftfreq(SIDE)[None, :]
    frequency = np.sqrt(rows**2 + columns**2)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(Dice(seed, 7).noise((SIDE, SIDE))) / frequency**slope
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=(SIDE, SIDE))
    return np.asarray(0.5 + 0.18 * field / field.std(), dtype=np.float32)


@cache
def fibres(seed: int = 3, length: float = 22.0, count: int = 5200) -> Plane:
    """Tangled short hairs, 0 to 1, (512, 512): the surface of a scouring pad."""
    dice = Dice(seed, 11)
    field = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(count):
        x, y, turn = dice.between(0, SIDE), dice.between(0, SIDE), dice.angle()
        bend = dice.between(-0.8, 0.8)
        reach = length * dice.between(0.5, 1.5)
        middle = (x + np.cos(turn) * reach, y + np.sin(turn) * reach)
        end = (middle[0] + np.cos(turn + bend) * reach, middle[1] + np.sin(turn + bend) * reach)
        path = np.array([[x, y], middle, end]) % SIDE
        if np.abs(np.diff(path, axis=0)).max() < SIDE / 2:
            cv2.polylines(
                field, [(path * 16).astype(np.int32)], False, dice.count(70, 255), 1, cv2.LINE_AA, 4
            )
    return np.asarray(field, dtype=np.float32) / 255.0


def sample(
    field: Plane, u: Plane, v: Plane, scale: float = 1.0, offset: tuple[float, float] = (0.0, 0.0)
) -> Plane:
    """The field read at (u, v); `scale` = how many of its tiles fit in one unit. Same shape as `u`."""
    x = np.ascontiguousarray(u * (scale * SIDE) + offset[0] * SIDE, dtype=np.float32)
    y = np.ascontiguousarray(v * (scale * SIDE) + offset[1] * SIDE, dtype=np.float32)
    return np.asarray(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
