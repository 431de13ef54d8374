"""What things lie on: tables, cloths, boards, plates, crumbs. Every class is drawn on all of them."""

from __future__ import annotations

import math

import numpy as np

from ml.drawn.dice import Colour, Dice, Plane
from ml.drawn.fields import cloud, fibres, sample
from ml.drawn.scene import GLAZED, MATTE, PAPER, Material, Scene
from ml.drawn.shapes import box, dome, ellipse, line, step, turned


def lay_table(scene: Scene, dice: Dice) -> None:
    """Fill the whole scene with one of the surfaces, then maybe a mat, a plate and crumbs."""
    surface = dice.pick([_wood, _cloth, _checked, _tiles, _marble, _concrete, _card], [5, 3, 2, 3, 3, 2, 3])
    surface(scene, dice)
    extra = dice.pick(["none", "board", "plate", "napkin"], [6, 1.4, 1.4, 1.4])
    if extra == "board":
        _board(scene, dice)
    elif extra == "plate":
        _plate(scene, dice)
    elif extra == "napkin":
        _napkin(scene, dice)
    if dice.chance(0.35):
        _crumbs(scene, dice)
    if dice.chance(0.3):
        _pencil(scene, dice)


def mixed(first: Colour | Plane, second: Colour, share: Plane) -> Plane:
    """A plane of colours (…, 3) between two, `share` 0 to 1 of the second."""
    base, other = np.asarray(first, np.float32), np.asarray(second, np.float32)
    blend: Plane = np.clip(share, 0, 1)[..., None] * (other - base) + base
    return blend


def _axes(scene: Scene, dice: Dice) -> tuple[Plane, Plane, tuple[float, float]]:
    u, v = turned(scene.x, scene.y, dice.pick([0.0, math.pi / 2, dice.angle()]) + dice.between(-0.1, 0.1))
    return u, v, (dice.between(0, 1), dice.between(0, 1))


def _fill(scene: Scene, colour: Plane, height: Plane | float, material: Material) -> None:
    scene.whole().lay(np.full(scene.x.shape, -1.0, np.float32), colour, height, material)


def _wood(scene: Scene, dice: Dice) -> None:
    u, v, at = _axes(scene, dice)
    dark = dice.pick(
        [(0.36, 0.22, 0.13), (0.55, 0.36, 0.2), (0.62, 0.5, 0.38), (0.3, 0.26, 0.24), (0.7, 0.55, 0.38)]
    )
    pale = dice.near((min(1.0, dark[0] + 0.24), min(1.0, dark[1] + 0.2), min(1.0, dark[2] + 0.16)), 0.05)
    width = dice.between(0.35, 0.9)
    plank = np.floor(v / width + at[0])
    seam = np.abs((v / width + at[0]) % 1 - 0.5)
    shift = plank * 0.37
    warp = sample(cloud(2.0), u, v, 0.16, at)
    rings = np.sin((v * 9 + warp * 16 + shift * 40) * dice.between(1.2, 2.4)) * 0.5 + 0.5
    grain = sample(cloud(1.1, 2), u * 0.08 + shift, v, 1.2, at)
    share = 0.5 * rings + 0.9 * (grain - 0.5) + 0.25 + 0.22 * np.sin(plank * 12.9)
    colour = mixed(dice.near(dark), pale, share)
    gap = step(seam, 0.488, 0.5)
    _fill(
        scene,
        colour * (1 - 0.6 * gap[..., None]),
        -0.012 * gap + 0.004 * grain,
        Material(dice.between(0.03, 0.16), 24.0),
    )


def _cloth(scene: Scene, dice: Dice) -> None:
    u, v, at = _axes(scene, dice)
    base = dice.hsv((0, 1), (0.03, 0.45), (0.4, 0.92))
    threads = dice.between(60, 95)
    weave = np.sin(u * threads) * np.sin(v * threads)
    folds = sample(cloud(2.4), u, v, 0.14, at)
    slub = sample(cloud(1.0, 2), u * 0.1, v, 2.0, at)
    colour = mixed(base, dice.near(base, 0.14), slub + 0.25 * weave)
    _fill(scene, colour, 0.0016 * weave + 0.16 * folds, MATTE)


def _checked(scene: Scene, dice: Dice) -> None:
    u, v, at = _axes(scene, dice)
    width = dice.between(0.16, 0.4)
    ink = dice.hsv((0, 1), (0.4, 0.85), (0.35, 0.8))
    ground = dice.near((0.93, 0.91, 0.87), 0.04)
    stripes_u = step(np.abs((u / width + at[0]) % 1 - 0.5), 0.23, 0.27)
    stripes_v = step(np.abs((v / width + at[1]) % 1 - 0.5), 0.23, 0.27)
    weave = np.sin(u * 80) * np.sin(v * 80)
    folds = sample(cloud(2.4), u, v, 0.14, at)
    _fill(
        scene,
        mixed(ground, ink, 0.45 * (stripes_u + stripes_v) + 0.05 * weave),
        0.0012 * weave + 0.13 * folds,
        MATTE,
    )


def _tiles(scene: Scene, dice: Dice) -> None:
    u, v, at = _axes(scene, dice)
    width = dice.between(0.3, 0.85)
    glaze = dice.hsv((0.05, 0.65), (0.03, 0.4), (0.55, 0.95))
    row = np.floor(v / width + at[1])
    across = u / (width * dice.pick([1.0, 2.0])) + at[0] + dice.pick([0.0, 0.5]) * (row % 2)
    edge = np.minimum(0.5 - np.abs(across % 1 - 0.5), 0.5 - np.abs((v / width + at[1]) % 1 - 0.5))
    grout = 1 - step(edge, 0.012, 0.035)
    tone = 0.5 + 0.5 * np.sin(np.floor(across) * 12.9 + row * 78.2)
    spots = sample(cloud(1.5), u, v, 0.5, at)
    tile = mixed(glaze, dice.near(glaze, 0.12), 0.6 * tone + 0.5 * (spots - 0.3))
    joint = np.array(dice.near((0.66, 0.64, 0.6), 0.1), np.float32)
    colour = tile * (1 - grout[..., None]) + joint * grout[..., None]
    _fill(
        scene, colour, 0.012 * step(edge, 0.0, 0.06) + 0.002 * spots, Material(dice.between(0.08, 0.26), 60.0)
    )


def _marble(scene: Scene, dice: Dice) -> None:
    u, v, at = _axes(scene, dice)
    ground = dice.pick([(0.93, 0.92, 0.91), (0.2, 0.21, 0.23), (0.82, 0.78, 0.7), (0.55, 0.6, 0.6)])
    vein = dice.near((0.5, 0.5, 0.52), 0.1) if sum(ground) > 1.5 else dice.near((0.8, 0.8, 0.78), 0.1)
    mist = sample(cloud(1.9), u, v, 0.17, at)
    other = sample(cloud(1.6, 5), u, v, 0.22, at)
    lines = np.exp(-np.abs(mist - 0.5 + 0.2 * (other - 0.5)) * 34) + 0.6 * np.exp(-np.abs(other - 0.46) * 60)
    colour = mixed(dice.near(ground, 0.03), vein, 0.6 * lines * other + 0.3 * (mist - 0.4))
    _fill(scene, colour, 0.0, Material(dice.between(0.1, 0.24), 80.0))


def _concrete(scene: Scene, dice: Dice) -> None:
    u, v, at = _axes(scene, dice)
    base = dice.hsv((0.05, 0.62), (0.0, 0.12), (0.35, 0.75))
    rough = sample(cloud(0.6, 4), u, v, 0.8, at)
    stain = sample(cloud(1.9), u, v, 0.16, at)
    _fill(scene, mixed(base, dice.near(base, 0.2), 0.9 * stain + 0.6 * (rough - 0.5)), 0.006 * rough, MATTE)


def _card(scene: Scene, dice: Dice) -> None:
    u, v, at = _axes(scene, dice)
    base = dice.hsv((0, 1), (0.02, 0.42), (0.35, 0.95))
    hairs = sample(fibres(), u, v, 0.8, at)
    drift = sample(cloud(2.2), u, v, 0.1, at)
    _fill(scene, mixed(base, dice.near(base, 0.12), drift + 0.25 * (hairs - 0.3)), 0.001 * hairs, PAPER)


def _board(scene: Scene, dice: Dice) -> None:
    centre = (dice.between(-0.3, 0.3), dice.between(-0.3, 0.3))
    patch = scene.patch(centre, 1.0, dice.angle(), 2.0)
    edge = box(patch.u, patch.v, dice.between(0.8, 1.2), dice.between(0.55, 0.8), 0.12)
    grain = sample(cloud(1.2, 2), patch.u * 0.08, patch.v, 0.9, (dice.between(0, 1), 0.3))
    tone = dice.near((0.78, 0.6, 0.4), 0.1)
    patch.lay(
        edge,
        mixed(tone, dice.near((0.55, 0.38, 0.22), 0.05), 1.4 * (grain - 0.3)),
        dome(edge, 0.03, 0.05),
        PAPER,
    )


def _plate(scene: Scene, dice: Dice) -> None:
    centre = (dice.between(-0.3, 0.3), dice.between(-0.3, 0.3))
    patch = scene.patch(centre, dice.between(0.75, 1.0), 0.0, 1.2)
    radius = np.hypot(patch.u, patch.v)
    rim = ellipse(patch.u, patch.v, 1.0, 1.0)
    slope = 0.03 + 0.07 * step(radius, 0.6, 0.98)
    glaze = dice.hsv((0, 1), (0.0, 0.3), (0.75, 0.97))
    patch.lay(rim, glaze, slope, GLAZED)
    patch.tint(0.8 * line(radius - 0.93, 0.03), dice.hsv((0, 1), (0.2, 0.8), (0.3, 0.7)))


def _napkin(scene: Scene, dice: Dice) -> None:
    centre = (dice.between(-0.6, 0.6), dice.between(-0.6, 0.6))
    patch = scene.patch(centre, 1.0, dice.angle(), 1.6)
    side = dice.between(0.5, 0.8)
    wave = sample(cloud(2.2), patch.u, patch.v, 0.2, (dice.between(0, 1), 0.7))
    edge = box(patch.u + 0.05 * wave, patch.v - 0.05 * wave, side, side, 0.03)
    colour = dice.hsv((0, 1), (0.0, 0.36), (0.55, 0.95))
    trim = line(edge + 0.07, 0.02) * dice.pick([0.0, 0.7])
    patch.lay(edge, mixed(colour, dice.near((0.3, 0.3, 0.4), 0.3), trim), 0.012 + 0.05 * wave, MATTE)


def _crumbs(scene: Scene, dice: Dice) -> None:
    tone = dice.pick([(0.55, 0.38, 0.2), (0.9, 0.86, 0.75), (0.25, 0.2, 0.16), (0.4, 0.5, 0.25)])
    for _ in range(dice.count(3, 14)):
        centre = (dice.between(-1, 1) * scene.half[0], dice.between(-1, 1) * scene.half[1])
        patch = scene.patch(centre, dice.between(0.01, 0.028), dice.angle(), 1.6)
        edge = ellipse(patch.u, patch.v, 1.0, dice.between(0.5, 1.0))
        patch.lay(edge, dice.near(tone, 0.1), dome(edge, 0.8, 0.7), MATTE, on_top=True)


def _pencil(scene: Scene, dice: Dice) -> None:
    """A pencil or a stick near the border, so that an edge of something else is common to all classes."""
    side = dice.angle()
    out = dice.between(0.8, 1.05)
    middle = (math.cos(side) * out * scene.half[0], math.sin(side) * out * scene.half[1])
    turn = side + math.pi / 2 + dice.between(-0.5, 0.5)
    reach = dice.between(0.4, 0.9)
    start = (middle[0] - math.cos(turn) * reach, middle[1] - math.sin(turn) * reach)
    end = (middle[0] + math.cos(turn) * reach, middle[1] + math.sin(turn) * reach)
    scene.tube([start, end], dice.between(0.02, 0.035), dice.hsv((0, 1), (0.3, 0.9), (0.3, 0.9)))
