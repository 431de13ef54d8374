"""Hazardous waste: button cells and pills."""

from __future__ import annotations

import math

import numpy as np

from ml.drawn.dice import Colour, Dice
from ml.drawn.fields import cloud, sample
from ml.drawn.places import Place, spread
from ml.drawn.scene import GLAZED, PAPER, PLASTIC, STEEL, Material, Scene
from ml.drawn.shapes import box, capsule, dome, line, step
from ml.drawn.surfaces import mixed


def button_cell(scene: Scene, dice: Dice, place: Place) -> None:
    """Flat metal discs, either side up, one on another now and then."""
    n = dice.pick([1, 2, 3, 4, 6], [3, 3, 3, 2, 1])
    for spot in spread(dice, place, n, 0.48):
        size = spot.scale * (0.6 if n == 1 else dice.between(0.26, 0.46))
        _cell(scene, dice, Place(spot.x, spot.y, size, spot.angle))


def _cell(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.2)
    if patch.empty:
        return
    squash = dice.between(1.0, 1.12)
    u, v = patch.u, patch.v * squash
    radius = np.hypot(u, v)
    thick = dice.between(0.16, 0.34)
    turning = sample(
        cloud(0.8, 2), radius * 0.5, np.arctan2(v, u) / (2 * math.pi), 1.0, (dice.between(0, 1), 0.0)
    )
    brushed = sample(cloud(0.8, 2), u * 0.04, v, 1.0, (dice.between(0, 1), 0.0))
    scratches = turning if dice.chance(0.5) else brushed
    tone = dice.near(dice.pick([(0.8, 0.8, 0.8), (0.72, 0.73, 0.76), (0.86, 0.82, 0.72)]), 0.03)
    height = dome(radius - 1, 0.09, thick) + 0.006 * scratches
    # Turned metal throws light in two opposite fans, brushed metal in one broad band.
    fan = (
        np.cos(2 * (np.arctan2(v, u) - dice.angle()))
        if scratches is turning
        else np.cos(3 * v + dice.angle())
    )
    scratches = scratches - 0.5 * np.maximum(fan, 0) ** 2 + 0.1
    patch.lay(radius - 1, mixed(tone, (0.5, 0.5, 0.52), scratches - 0.35), height, STEEL)
    if dice.chance(0.55):  # the cap side: a seal and a smaller raised lid
        lid = dice.between(0.68, 0.84)
        patch.tint(0.85 * line(radius - lid - 0.03, 0.05), (0.16, 0.16, 0.17))
        patch.carve(0.05 * line(radius - lid - 0.03, 0.07))
        patch.lay(
            radius - lid,
            mixed(tone, (0.55, 0.55, 0.56), scratches - 0.3),
            thick + dome(radius - lid, 0.1, 0.05),
            STEEL,
        )
    else:  # the plus side: a stamped cross and a ring
        arm, bar = dice.between(0.16, 0.26), 0.045
        cross = np.minimum(box(u, v + 0.35, arm, bar, 0.01), box(u, v + 0.35, bar, arm, 0.01))
        stamped = step(-cross, -0.01, 0.012)
        patch.carve(0.03 * stamped + 0.02 * line(radius - 0.86, 0.04))
        patch.tint(0.6 * stamped, (0.2, 0.2, 0.22))
        for i in range(dice.count(2, 4)):
            row = box(u, v - 0.1 - 0.15 * i, dice.between(0.2, 0.5), 0.022)
            dashes = step(-row, -0.01, 0.01) * (np.sin(u * 38 + i) > -0.3)
            patch.tint(0.45 * dashes, (0.25, 0.25, 0.27))


def pill(scene: Scene, dice: Dice, place: Place) -> None:
    """Loose tablets and capsules, or a blister pack of them."""
    kind = dice.pick(["tablets", "capsules", "mixed", "blister"], [3, 3, 2, 3])
    if kind == "blister":
        _blister(scene, dice, place)
        return
    n = dice.pick([1, 3, 5, 7], [1.5, 3, 3, 2])
    first, second = _medicine(dice), _medicine(dice)
    for spot in spread(dice, place, n, 0.52):
        size = spot.scale * (0.45 if n == 1 else dice.between(0.22, 0.32))
        at = Place(spot.x, spot.y, size, spot.angle)
        if kind == "capsules" or (kind == "mixed" and dice.chance(0.5)):
            _capsule(scene, dice, at, first, second)
        else:
            _tablet(scene, dice, at, first)


def _medicine(dice: Dice) -> Colour:
    return dice.near(
        dice.pick(
            [
                (0.96, 0.95, 0.93),
                (0.95, 0.86, 0.5),
                (0.92, 0.55, 0.55),
                (0.5, 0.68, 0.9),
                (0.85, 0.25, 0.2),
                (0.55, 0.8, 0.6),
            ],
            [5, 2, 2, 2, 1.5, 1],
        ),
        0.04,
    )


def _tablet(scene: Scene, dice: Dice, place: Place, colour: Colour, lift: float = 0.0) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.2)
    if patch.empty:
        return
    radius = np.hypot(patch.u, patch.v * dice.pick([1.0, 1.0, 1.4]))
    powder = sample(cloud(0.7, 2), patch.u, patch.v, 0.5, (dice.between(0, 1), 0.3))
    height = lift + dome(radius - 1, 0.25, 0.3) + 0.14 * np.maximum(1 - radius**2, 0) + 0.008 * powder
    if dice.chance(0.6):
        height = height - 0.07 * line(patch.u, 0.09)
    patch.lay(
        radius - 1,
        mixed(colour, (colour[0] * 0.9, colour[1] * 0.9, colour[2] * 0.88), powder - 0.2),
        height,
        PAPER,
    )


def _capsule(
    scene: Scene, dice: Dice, place: Place, first: Colour, second: Colour, lift: float = 0.0
) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.5)
    if patch.empty:
        return
    edge = capsule(patch.u, patch.v, (0.0, -0.75), (0.0, 0.75), 0.42, 0.42)
    join = dice.between(-0.1, 0.2)
    cap = (patch.v < join).astype(np.float32)
    inside = np.clip(edge / 0.42 + 1, 0, 1)
    height = lift + 0.42 * (1 + np.sqrt(np.maximum(1 - inside**2, 0))) - 0.2
    patch.lay(edge, mixed(second, first, cap), height + 0.025 * cap, GLAZED)


def _blister(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.3)
    if patch.empty:
        return
    columns, rows = dice.pick([(2, 4), (2, 5), (3, 4), (2, 3)])
    pitch = min(0.62, 1.75 / rows)
    a, b = pitch * columns / 2 + 0.06, pitch * rows / 2 + 0.06
    edge = box(patch.u, patch.v, a, b, 0.08)
    crinkle = sample(cloud(1.5, 2), patch.u, patch.v, 0.5, (dice.between(0, 1), dice.between(0, 1)))
    foil = dice.pick([(0.82, 0.82, 0.84), (0.82, 0.82, 0.84), (0.86, 0.74, 0.5), (0.9, 0.91, 0.93)])
    patch.lay(edge, foil, 0.05 + 0.07 * crinkle, STEEL if sum(foil) < 2.6 else PLASTIC)
    patch.carve(0.01 * (np.sin(patch.u * 90) * np.sin(patch.v * 90) > 0))
    first, second = _medicine(dice), _medicine(dice)
    tablets, long = dice.chance(0.55), dice.between(0.5, 0.8)
    for i in range(columns * rows):
        u, v = (i % columns - (columns - 1) / 2) * pitch, (i // columns - (rows - 1) / 2) * pitch
        at = Place(*place.point(u, v), place.scale * pitch * 0.36, place.angle + math.pi / 2)
        if dice.chance(0.12):  # taken: an open, torn pocket
            hole = np.hypot(patch.u - u, patch.v - v) - pitch * 0.3 - 0.03 * (crinkle - 0.5)
            patch.lay(hole, (0.35, 0.35, 0.37), 0.0, PAPER)
        elif tablets:
            _tablet(scene, dice, at, first, 0.2)
        else:
            _capsule(scene, dice, Place(at.x, at.y, at.scale * long * 1.3, at.angle), first, second, 0.1)
        pocket = np.hypot(patch.u - u, patch.v - v) / (pitch * 0.42)
        shell = np.sqrt(np.maximum(1 - np.clip(pocket, 0, 1) ** 2, 0))
        patch.lay(
            (pocket - 1) * pitch * 0.4,
            (0.93, 0.94, 0.96),
            0.1 + pitch * 0.36 * shell,
            Material(0.5, 110.0),
            0.22,
        )
