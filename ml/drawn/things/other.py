"""Other waste: towels, scouring pads (hard to tell apart, on purpose) and disposable cups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ml.drawn.dice import Colour, Dice, Plane
from ml.drawn.fields import cloud, fibres, sample
from ml.drawn.places import Place
from ml.drawn.scene import MATTE, PAPER, Material, Patch, Scene
from ml.drawn.shapes import box, capsule, dome, ellipse, line, step
from ml.drawn.surfaces import mixed


@dataclass(frozen=True)
class Slab:
    """A soft rectangle: what a folded towel and a scouring pad have in common."""

    sides: tuple[float, float]
    thick: float
    corner: float
    wave: float  # how far its outline and its top are from flat
    hairy: float  # 0: looped pile, 1: tangled fibres
    colour: Colour


SOFT_COLOURS: tuple[Colour, ...] = (
    (0.3, 0.55, 0.34),
    (0.25, 0.45, 0.6),
    (0.85, 0.75, 0.4),
    (0.72, 0.4, 0.4),
    (0.55, 0.56, 0.55),
    (0.86, 0.84, 0.8),
)


def towel(scene: Scene, dice: Dice, place: Place) -> None:
    """A folded hand towel or face cloth: looped pile, a fold, mostly a border."""
    slab = Slab(
        sides=(dice.between(0.55, 0.95), dice.between(0.5, 0.75)),
        thick=dice.between(0.08, 0.2),
        corner=dice.between(0.03, 0.1),
        wave=dice.between(0.4, 1.0),
        hairy=min(1.0, max(0.0, dice.normal(0.2, 0.17))),
        colour=dice.near(dice.pick(SOFT_COLOURS, [1.3, 2, 1.5, 2, 1, 2.5]), 0.09),
    )
    patch, edge = _lay_slab(scene, dice, place, slab)
    if patch.empty:
        return
    inside = patch.cover(edge)
    if dice.chance(0.6):  # the fold: a second layer over part of the first
        across = patch.u - dice.between(-0.4, 0.4) - 0.05 * np.sin(patch.v * 3)
        patch.carve(-slab.thick * 0.5 * step(across, 0.0, 0.05) * inside)
    if dice.chance(0.45):
        trim = dice.pick([dice.near(slab.colour, 0.3), (0.92, 0.9, 0.86), (0.25, 0.3, 0.45)])
        for out in (0.1, 0.17)[: dice.count(1, 2)]:
            patch.tint(0.75 * line(np.abs(patch.u) - slab.sides[0] + out, 0.03) * inside, trim)


def scouring_pad(scene: Scene, dice: Dice, place: Place) -> None:
    """A pad of tangled fibres, some with a sponge under it, some worn."""
    slab = Slab(
        sides=(dice.between(0.55, 0.9), dice.between(0.4, 0.7)),
        thick=dice.between(0.07, 0.2),
        corner=dice.between(0.02, 0.12),
        wave=dice.between(0.15, 0.8),
        hairy=min(1.0, max(0.0, dice.normal(0.8, 0.17))),
        colour=dice.near(dice.pick(SOFT_COLOURS, [3.5, 1.3, 1.3, 1.3, 1.3, 0.8]), 0.09),
    )
    if dice.chance(0.25):
        _sponge(scene, dice, place, slab)
    patch, edge = _lay_slab(scene, dice, place, slab)
    if not patch.empty and dice.chance(0.4):
        wear = sample(cloud(1.8), patch.u, patch.v, 0.25, (dice.between(0, 1), 0.4))
        patch.tint(0.5 * step(wear, 0.6, 0.8) * patch.cover(edge), (0.45, 0.36, 0.25))


def _lay_slab(scene: Scene, dice: Dice, place: Place, slab: Slab) -> tuple[Patch, Plane]:
    patch = scene.patch(place.at, place.scale, place.angle, 1.45)
    u, v = patch.u, patch.v
    if patch.empty:
        return patch, u
    at = (dice.between(0, 1), dice.between(0, 1))
    roll = sample(cloud(2.2), u, v, 0.2, at) - 0.5
    pile = sample(cloud(0.55, 4), u, v, 0.75, at)
    hairs = sample(fibres(), u, v, 0.5, at)
    nap = (1 - slab.hairy) * (pile - 0.5) * 1.2 + slab.hairy * (hairs - 0.35) * 0.75
    fray = 0.035 * slab.wave * roll * 4 + 0.02 * nap
    edge = box(u + fray, v - fray, *slab.sides, slab.corner)
    dark = (slab.colour[0] * 0.55, slab.colour[1] * 0.55, slab.colour[2] * 0.55)
    colour = mixed(slab.colour, dark, 0.32 - 0.8 * nap)
    height = dome(edge, slab.thick * 0.7, slab.thick) + 0.22 * slab.wave * slab.thick * roll * 4 + 0.035 * nap
    patch.lay(edge, colour, height, MATTE)
    return patch, edge


def _sponge(scene: Scene, dice: Dice, place: Place, slab: Slab) -> None:
    shift = place.point(dice.between(-0.1, 0.1), dice.between(0.06, 0.16))
    patch = scene.patch(shift, place.scale, place.angle, 1.45)
    if patch.empty:
        return
    edge = box(patch.u, patch.v, *slab.sides, 0.06)
    pores = step(sample(cloud(1.1, 8), patch.u, patch.v, 0.8, (dice.between(0, 1), 0.5)), 0.58, 0.72)
    foam = dice.near(dice.pick([(0.93, 0.82, 0.3), (0.9, 0.6, 0.6), (0.5, 0.7, 0.85)]), 0.05)
    patch.lay(
        edge,
        mixed(foam, (foam[0] * 0.6, foam[1] * 0.55, foam[2] * 0.45), pores),
        dome(edge, 0.06, slab.thick * 0.9) - 0.02 * pores,
    )


def cup(scene: Scene, dice: Dice, place: Place) -> None:
    """A paper or plastic cup: lying, standing and seen from above, or with a lid."""
    style = dice.pick([_lying_cup, _standing_cup, _lidded_cup], [5, 3, 2])
    style(scene, dice, place)


def _print(dice: Dice, around: Plane, along: Plane) -> Plane:
    """The printed pattern of a cup, (…, 3): `around` in radians, `along` 0 at the foot to 1 at the rim."""
    paper = dice.near(
        dice.pick(
            [(0.95, 0.94, 0.92), (0.8, 0.63, 0.44), dice.hsv((0, 1), (0.3, 0.8), (0.4, 0.9))], [5, 2, 3]
        ),
        0.03,
    )
    ink = dice.hsv((0, 1), (0.4, 0.9), (0.25, 0.85))
    kind = dice.pick(["plain", "band", "stripes", "dots", "waves"], [2, 3, 2, 2, 2])
    low, high = dice.between(0.15, 0.4), dice.between(0.55, 0.8)
    if kind == "plain":
        share = np.zeros_like(along)
    elif kind == "band":
        share = step(along, low, low + 0.01) * (1 - step(along, high, high + 0.01))
    elif kind == "stripes":
        share = step(np.sin(around * dice.count(8, 16)), 0.1, 0.3)
    elif kind == "dots":
        row = np.floor(along * 7)
        share = step(-np.hypot(((around * 2.4 + row * 0.5) % 1) - 0.5, (along * 7) % 1 - 0.5), -0.34, -0.28)
    else:
        share = step(np.sin(along * 24 + 2 * np.sin(around * 4)), 0.2, 0.45)
    return mixed(paper, ink, share)


def _lying_cup(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.3)
    if patch.empty:
        return
    foot, mouth = dice.between(0.34, 0.46), dice.between(0.54, 0.66)
    along = (patch.v + 0.85) / 1.6
    half = foot + (mouth - foot) * along
    across = np.clip(patch.u / half, -1, 1)
    side = np.maximum(
        np.abs(patch.u) - half, np.maximum(-0.85 - patch.v - 0.08 * (1 - across**2), patch.v - 0.75)
    )
    height = half * (1 + np.sqrt(np.maximum(1 - across**2, 0)))
    patch.lay(side, _print(dice, np.arcsin(across), np.clip(along, 0, 1)), height, PAPER)
    flat = dice.between(0.12, 0.32)
    opening = ellipse(patch.u, patch.v - 0.75, mouth, flat)
    depth = np.clip((patch.v - 0.75) / flat * 0.5 + 0.5, 0, 1)
    patch.lay(opening, mixed((0.62, 0.6, 0.57), (0.9, 0.89, 0.86), depth), mouth + 0.1 * depth, PAPER)
    rim = np.abs(opening) - 0.03
    patch.lay(rim, dice.near((0.95, 0.94, 0.92), 0.02), mouth * 1.1 + dome(rim, 0.03, 0.05), PAPER)


def _standing_cup(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale * 0.8, place.angle, 1.6)
    if patch.empty:
        return
    lean = dice.between(0.1, 0.45)  # the foot shows on one side, as from a camera that is not quite above
    foot = dice.between(0.6, 0.7)
    body = capsule(patch.u, patch.v, (0.0, lean), (0.0, 0.0), foot, 1.0)
    down = np.clip((np.hypot(patch.u, patch.v) - 0.9) / (lean + 0.01), 0, 1)
    patch.lay(body, _print(dice, np.arctan2(patch.v, patch.u) * 1.0, 1 - down), 1.1 - 0.9 * down, PAPER)
    radius = np.hypot(patch.u, patch.v)
    patch.lay(radius - 0.98, dice.near((0.93, 0.92, 0.89), 0.03), 0.3 + 0.8 * step(radius, 0.62, 0.98), PAPER)
    if dice.chance(0.65):
        drink = dice.pick([(0.24, 0.13, 0.07), (0.55, 0.36, 0.2), (0.75, 0.84, 0.86), (0.8, 0.5, 0.12)])
        patch.lay(
            radius - dice.between(0.76, 0.86),
            dice.near(drink, 0.04),
            dice.between(0.6, 0.8),
            Material(0.4, 140.0),
        )
    rim = np.abs(radius - 0.98) - 0.04
    patch.lay(rim, dice.near((0.96, 0.95, 0.93), 0.02), 1.12 + dome(rim, 0.04, 0.05), PAPER)


def _lidded_cup(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale * 0.78, place.angle, 1.7)
    if patch.empty:
        return
    lean = dice.between(0.3, 0.6)
    body = capsule(patch.u, patch.v, (0.0, lean), (0.0, 0.0), dice.between(0.6, 0.7), 0.95)
    down = np.clip((np.hypot(patch.u, patch.v) - 0.9) / (lean + 0.01), 0, 1)
    patch.lay(body, _print(dice, np.arctan2(patch.v, patch.u), 1 - down), 1.0 - 0.8 * down, PAPER)
    lid = dice.pick([(0.95, 0.95, 0.94), (0.12, 0.12, 0.13), (0.35, 0.22, 0.15)])
    radius = np.hypot(patch.u, patch.v)
    tread = 0.02 * np.sin(np.arctan2(patch.v, patch.u) * 60) * (radius > 0.9)
    top = 1.15 + 0.12 * line(radius - 0.86, 0.12) - 0.08 * step(-radius, -0.74, -0.66) + tread
    patch.lay(radius - 1.02, dice.near(lid, 0.02), top, Material(0.2, 50.0))
    if dice.chance(0.5):
        hole = box(patch.u, patch.v + 0.78, 0.14, 0.045, 0.04)
        patch.lay(hole, (0.05, 0.05, 0.05), 1.0, MATTE)
    else:
        straw = dice.hsv((0, 1), (0.5, 0.9), (0.5, 0.95))
        turn = dice.angle()
        reach = place.scale * dice.between(0.9, 1.3)
        end = (place.x + math.cos(turn) * reach, place.y + math.sin(turn) * reach)
        scene.tube([place.at, end], 0.05 * place.scale, straw, Material(0.2, 50.0), place.scale * 1.0)
