"""Kitchen waste: carrots, strawberries, eggs."""

from __future__ import annotations

import math

import numpy as np

from ml.drawn.dice import Dice, Plane
from ml.drawn.fields import cloud, sample
from ml.drawn.places import Place, spread
from ml.drawn.scene import GLAZED, MATTE, Material, Scene
from ml.drawn.shapes import bezier, dome, ellipse, line, polygon, step
from ml.drawn.surfaces import mixed


def carrot(scene: Scene, dice: Dice, place: Place) -> None:
    """One to three whole carrots, or a heap of slices, or both."""
    kind = dice.pick(["whole", "sliced", "both"], [6, 1.5, 1.5])
    if kind != "sliced":
        for spot in spread(dice, place, dice.pick([1, 2, 3], [6, 3, 1]), 0.34):
            _whole_carrot(
                scene, dice, Place(spot.x, spot.y, spot.scale, place.angle + dice.between(-0.3, 0.3))
            )
    if kind != "whole":
        for spot in spread(dice, place, dice.count(4, 9), 0.95 if kind == "both" else 0.55):
            _carrot_slice(scene, dice, spot, place.scale * dice.between(0.2, 0.3))


def _whole_carrot(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.25)
    bend, thick, blunt = dice.between(-0.12, 0.12), dice.between(0.17, 0.3), dice.between(0.45, 0.9)
    _leaves(scene, dice, place)
    if patch.empty:
        return
    u, v = patch.u - bend * patch.v**2, patch.v
    along = np.clip((v + 0.75) / 1.7, 0, 1)  # 0 at the shoulder, 1 at the tip
    half = thick * np.maximum(1 - along, 0) ** blunt * np.minimum(1, 0.55 + np.sqrt(along) * 2.2) + 0.004
    wobble = sample(cloud(1.8), u * 0, v, 0.7, (dice.between(0, 1), 0.2)) - 0.5
    half = half * (1 + 0.16 * wobble)
    edge = np.maximum(np.abs(u) - half, np.maximum(-0.75 - v, v - 0.95))
    height = np.sqrt(np.maximum(half**2 - u**2, 0)) * 1.05
    rings = sample(cloud(0.9, 6), u * 0.12, v, 1.3, (dice.between(0, 1), dice.between(0, 1)))
    creases = step(rings, 0.66, 0.82)
    skin = mixed(
        dice.near((0.93, 0.46, 0.1), 0.07), dice.near((0.74, 0.3, 0.06), 0.05), creases + 0.5 * (rings - 0.5)
    )
    patch.lay(edge, skin, height - 0.012 * creases, Material(0.1, 26.0))
    patch.tint(0.7 * step(-v, 0.64, 0.75) * patch.cover(edge), (0.45, 0.42, 0.14))


def _leaves(scene: Scene, dice: Dice, place: Place) -> None:
    if dice.chance(0.15):
        return
    root = place.point(0.0, -0.72)
    for _ in range(dice.count(4, 9)):
        lean, reach = dice.between(-0.6, 0.6), dice.between(0.25, 0.75)
        tip = place.point(math.sin(lean) * reach, -0.72 - math.cos(lean) * reach)
        knee = place.point(math.sin(lean) * reach * 0.2, -0.75 - reach * 0.5)
        green = dice.near((0.28, 0.5, 0.16), 0.1)
        stem = bezier([root, knee, knee, tip], 10)
        scene.tube(stem, 0.018 * place.scale, green, MATTE, 0.04)
        for x, y in stem[4:]:
            leaf = scene.patch((x, y), place.scale * dice.between(0.05, 0.11), dice.angle(), 1.3)
            shape = ellipse(leaf.u, leaf.v, 1.0, 0.45)
            leaf.lay(shape, dice.near(green, 0.08), 0.6 + dome(shape, 0.4, 0.3), MATTE)


def _carrot_slice(scene: Scene, dice: Dice, spot: Place, size: float) -> None:
    patch = scene.patch(spot.at, size, spot.angle, 1.3)
    if patch.empty:
        return
    radius = np.hypot(patch.u, patch.v * dice.between(1.0, 1.25))
    core = step(radius, 0.38, 0.46) - 0.5 * line(radius - 0.42, 0.08)
    rays = 0.12 * np.sin(np.arctan2(patch.v, patch.u) * 22) * step(radius, 0.4, 0.6)
    colour = mixed(dice.near((0.98, 0.68, 0.26), 0.04), dice.near((0.93, 0.5, 0.12), 0.05), core + rays)
    patch.lay(radius - 1, colour, dome(radius - 1, 0.12, 0.25), Material(0.16, 40.0), on_top=True)
    patch.tint(0.6 * line(radius - 0.96, 0.08), (0.8, 0.36, 0.08))


def strawberry(scene: Scene, dice: Dice, place: Place) -> None:
    """One large strawberry or a few small ones, some cut in half."""
    n = dice.pick([1, 2, 3, 5], [4, 3, 3, 2])
    for spot in spread(dice, place, n, 0.5):
        size = spot.scale * (
            0.72 if n == 1 else dice.between(0.42, 0.56) if n < 4 else dice.between(0.32, 0.42)
        )
        if dice.chance(0.15):
            _half_strawberry(scene, dice, Place(spot.x, spot.y, size, spot.angle))
        else:
            _whole_strawberry(scene, dice, Place(spot.x, spot.y, size, spot.angle))


def _berry(u: Plane, v: Plane, wide: float, point: float) -> Plane:
    """About 0 in the middle and 1 on the outline of a berry whose tip looks down (v > 0)."""
    taper = np.maximum(1 - point * (v + 0.35), 0.12)
    return np.hypot(u / (wide * taper), (v - 0.05) / 0.95)


def _whole_strawberry(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.3)
    if patch.empty:
        return
    radius = _berry(patch.u, patch.v, dice.between(0.68, 0.84), dice.between(0.3, 0.5))
    lumps = sample(cloud(2.0), patch.u, patch.v, 0.3, (dice.between(0, 1), dice.between(0, 1))) - 0.5
    radius = radius + 0.09 * lumps
    height = 0.72 * np.sqrt(np.maximum(1 - np.clip(radius, 0, 1) ** 2, 0)) + 0.02
    ripe = dice.hsv((0.97, 1.015), (0.8, 0.95), (0.66, 0.86))
    skin = mixed(
        ripe, dice.near((0.95, 0.6, 0.45), 0.05), step(-patch.v, 0.45, 1.05) * dice.between(0.0, 0.9)
    )
    edge = (radius - 1) * 0.7
    # Seeds sit closer together toward the outline, as on a ball seen from above.
    bulge = 1 / (1.15 - 0.42 * np.clip(radius, 0, 1) ** 2)
    su, sv = patch.u / bulge * 6.2, patch.v / bulge * 5.2
    row = np.floor(sv)
    du, dv = (su + 0.5 * (row % 2)) % 1 - 0.5, sv % 1 - 0.5
    seed = np.hypot(du * 1.9, dv * 1.25)
    pit, grain = line(seed, 0.5), step(-seed, -0.27, -0.17)
    patch.lay(
        edge, skin * (1 - 0.25 * pit[..., None]), height - 0.03 * pit + 0.02 * grain, Material(0.3, 50.0)
    )
    patch.tint(grain * patch.cover(edge + 0.03), dice.near((0.93, 0.78, 0.36), 0.06))
    _calyx(scene, dice, Place(*place.point(0, -0.72), place.scale * dice.between(0.42, 0.58), place.angle))


def _half_strawberry(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.3)
    if patch.empty:
        return
    radius = _berry(patch.u, patch.v, dice.between(0.7, 0.84), dice.between(0.3, 0.5))
    pale = dice.near((0.98, 0.82, 0.76), 0.03)
    flesh = mixed(pale, dice.near((0.9, 0.25, 0.2), 0.05), step(radius, 0.25, 0.95))
    rays = line(np.sin(np.arctan2(patch.v, patch.u) * 11), 0.6) * step(radius, 0.3, 0.5) * 0.3
    edge = (radius - 1) * 0.7
    patch.lay(edge, flesh, dome(edge, 0.06, 0.26), Material(0.2, 50.0))
    patch.tint(rays * patch.cover(edge), pale)
    patch.tint(line(radius - 0.97, 0.06) * patch.cover(edge), (0.72, 0.08, 0.08))
    _calyx(scene, dice, Place(*place.point(0, -0.76), place.scale * 0.42, place.angle))


def _calyx(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.4)
    if patch.empty:
        return
    leaves, turn = dice.count(5, 8), dice.angle()
    corners = []
    for i in range(leaves):
        angle = turn + 2 * math.pi * i / leaves
        reach = dice.between(0.75, 1.15)
        corners.append((math.cos(angle) * reach, math.sin(angle) * reach * 0.75))
        inner = angle + math.pi / leaves
        corners.append((math.cos(inner) * 0.3, math.sin(inner) * 0.24))
    edge = polygon(patch.u, patch.v, corners)
    green = dice.near((0.3, 0.55, 0.18), 0.08)
    shade = mixed(green, dice.near((0.2, 0.36, 0.1), 0.05), line(np.hypot(patch.u, patch.v), 0.6))
    patch.lay(edge, shade, dome(edge, 0.15, 0.12), MATTE, on_top=True)


def egg(scene: Scene, dice: Dice, place: Place) -> None:
    """Whole eggs, white to brown, sometimes speckled; now and then boiled and cut, or fried."""
    kind = dice.pick(["whole", "cut", "fried"], [7, 1.3, 1.3])
    if kind == "fried":
        _fried_egg(scene, dice, place)
        return
    n = dice.pick([1, 2, 3, 4, 6], [4, 3, 3, 2, 1])
    shell = dice.pick(
        [(0.95, 0.92, 0.87), (0.87, 0.66, 0.48), (0.76, 0.52, 0.35), (0.8, 0.84, 0.78), (0.92, 0.82, 0.7)]
    )
    for spot in spread(dice, place, n, 0.52):
        size = spot.scale * (0.7 if n == 1 else dice.between(0.4, 0.5) if n < 4 else dice.between(0.32, 0.38))
        at = Place(spot.x, spot.y, size, spot.angle)
        if kind == "cut":
            _cut_egg(scene, dice, at)
        else:
            _whole_egg(scene, dice, at, dice.near(shell, 0.03))


def _oval(u: Plane, v: Plane, slim: float) -> Plane:
    return np.hypot(u / (slim * (1 + 0.2 * v)), v)


def _whole_egg(scene: Scene, dice: Dice, place: Place, shell: tuple[float, float, float]) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.2)
    if patch.empty:
        return
    radius = _oval(patch.u, patch.v, dice.between(0.7, 0.8))
    height = 0.74 * np.sqrt(np.maximum(1 - np.clip(radius, 0, 1) ** 2, 0))
    at = (dice.between(0, 1), dice.between(0, 1))
    pores = sample(cloud(0.9, 2), patch.u, patch.v, 0.9, at)
    speckles = step(sample(cloud(1.1, 8), patch.u, patch.v, 0.7, at), 0.7, 0.8) * dice.pick([0.0, 0.0, 0.7])
    colour = mixed(shell, dice.near((shell[0] * 0.86, shell[1] * 0.82, shell[2] * 0.78), 0.02), pores - 0.25)
    patch.lay((radius - 1) * 0.75, colour, height + 0.004 * pores, Material(0.07, 14.0))
    patch.tint(speckles * patch.cover((radius - 1) * 0.75), (0.4, 0.26, 0.16))


def _cut_egg(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.2)
    if patch.empty:
        return
    radius = _oval(patch.u, patch.v, dice.between(0.72, 0.8))
    edge = (radius - 1) * 0.75
    patch.lay(edge, dice.near((0.97, 0.96, 0.93), 0.02), dome(edge, 0.1, 0.24), Material(0.22, 60.0))
    yolk = ellipse(patch.u, patch.v - 0.12, 0.42, 0.46)
    crumb = sample(cloud(1.0, 2), patch.u, patch.v, 1.2, (dice.between(0, 1), 0.1))
    patch.lay(
        yolk,
        mixed(dice.near((0.96, 0.72, 0.2), 0.05), (0.9, 0.58, 0.14), crumb - 0.2),
        0.24 + 0.01 * crumb,
        MATTE,
    )


def _fried_egg(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.4)
    if patch.empty:
        return
    angle = np.arctan2(patch.v, patch.u)
    waves = sum(dice.between(0.02, 0.09) * np.sin(angle * k + dice.angle()) for k in (2, 3, 4, 5))
    edge = np.hypot(patch.u, patch.v) - 0.8 - waves
    blisters = sample(cloud(1.5), patch.u, patch.v, 0.4, (dice.between(0, 1), 0.6))
    white = mixed((0.98, 0.97, 0.94), (0.84, 0.62, 0.34), line(edge, 0.12) * dice.between(0.2, 1.0))
    patch.lay(edge, white, dome(edge, 0.16, 0.06) + 0.05 * blisters, GLAZED)
    at = (dice.between(-0.2, 0.2), dice.between(-0.2, 0.2))
    yolk = np.hypot(patch.u - at[0], patch.v - at[1]) / dice.between(0.3, 0.38)
    patch.lay(
        (yolk - 1) * 0.3,
        dice.near((0.97, 0.66, 0.1), 0.05),
        0.08 + 0.16 * np.sqrt(np.maximum(1 - yolk**2, 0)),
        GLAZED,
    )
