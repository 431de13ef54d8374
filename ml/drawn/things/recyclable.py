"""Recyclables: computer mice, scissors, hats, glass marbles."""

from __future__ import annotations

import math

import numpy as np

from ml.drawn.dice import Colour, Dice, Plane
from ml.drawn.fields import cloud, sample
from ml.drawn.places import Place, spread
from ml.drawn.scene import GLAZED, MATTE, PLASTIC, STEEL, Material, Patch, Scene
from ml.drawn.shapes import (
    bezier,
    box,
    capsule,
    dome,
    ellipse,
    line,
    polygon,
    ring,
    step,
    superellipse,
    turned,
)
from ml.drawn.surfaces import mixed


def mouse(scene: Scene, dice: Dice, place: Place) -> None:
    """A computer mouse with or without its cord."""
    place = Place(place.x, place.y, place.scale * 0.82, place.angle)
    if dice.chance(0.6):
        bend = dice.between(-1.5, 1.5)
        cord = [
            place.point(0, -0.9),
            place.point(0, -1.8),
            place.point(bend, -2.0),
            place.point(bend * 1.7, -3.6),
        ]
        scene.tube(bezier(cord), 0.045 * place.scale, dice.near((0.14, 0.14, 0.15), 0.08), PLASTIC)
    patch = scene.patch(place.at, place.scale, place.angle, 1.2)
    if patch.empty:
        return
    waist, wide = dice.between(-0.08, 0.1), dice.between(0.54, 0.68)
    u, v = patch.u / (1 - waist * np.cos(patch.v * 3)), patch.v
    edge = superellipse(u, v, wide, 1.0, dice.between(2.2, 3.0))
    inside = np.clip(edge / wide + 1, 0, 1)
    height = 0.5 * np.maximum(1 - inside**3, 0) ** 0.55 * (1 + 0.18 * np.sin(v * 1.5 + 0.4)) + 0.02
    body = dice.pick(
        [(0.12, 0.12, 0.13), (0.9, 0.9, 0.89), (0.45, 0.46, 0.48), dice.hsv((0, 1), (0.4, 0.8), (0.4, 0.85))],
        [4, 3, 2, 2],
    )
    side = dice.pick([body, (0.1, 0.1, 0.11), (0.65, 0.66, 0.68)])
    shell = mixed(dice.near(body, 0.02), dice.near(side, 0.02), step(np.abs(u) / wide, 0.72, 0.78))
    split = dice.between(-0.25, 0.05)
    seams = np.maximum(line(u, 0.035) * (v < split), line(v - split - 0.3 * u**2, 0.035))
    if dice.chance(0.2):
        seams = line(u, 0.035) * (v < split)
    patch.lay(
        edge,
        shell * (1 - 0.6 * seams[..., None]),
        height - 0.03 * seams,
        dice.pick([PLASTIC, Material(0.12, 22.0), GLAZED]),
    )
    _mouse_details(patch, u, v, dice)


def _mouse_details(patch: Patch, u: Plane, v: Plane, dice: Dice) -> None:
    """The wheel, and now and then a button behind it or a ring that glows."""
    wheel = box(u, v + 0.55, 0.085, 0.2, 0.06)
    patch.lay(wheel - 0.035, (0.06, 0.06, 0.06), 0.44, MATTE)
    tread = 0.02 * np.sin(v * 70)
    rubber = dice.pick([(0.2, 0.2, 0.2), (0.5, 0.5, 0.52), dice.hsv((0, 1), (0.6, 0.9), (0.5, 0.9))])
    patch.lay(wheel, rubber, 0.46 + dome(wheel, 0.08, 0.12) + tread, MATTE)
    if dice.chance(0.35):
        patch.lay(box(u, v + 0.16, 0.045, 0.07, 0.03), (0.3, 0.3, 0.32), 0.54, PLASTIC)
    if dice.chance(0.3):
        patch.glow(
            0.7 * line(np.hypot(u, (v - 0.55) * 1.2) - 0.12, 0.05), dice.hsv((0, 1), (0.6, 1.0), (0.8, 1.0))
        )


def scissors(scene: Scene, dice: Dice, place: Place) -> None:
    """Two blades round a screw, with plastic or bare metal rings."""
    opening = dice.between(0.04, 0.45)
    grip = dice.pick(
        [dice.hsv((0, 1), (0.6, 0.95), (0.35, 0.9)), (0.1, 0.1, 0.11), (0.75, 0.75, 0.77)], [6, 3, 1]
    )
    material = STEEL if grip[0] == 0.75 else PLASTIC
    blade = dice.between(0.85, 1.1)
    for side in (-1, 1):
        _blade(scene, dice, place, side, opening, blade)
        _handle(scene, dice, place, side, opening, grip, material)
    patch = scene.patch(place.at, place.scale, place.angle, 0.3)
    if not patch.empty:
        screw = np.hypot(patch.u, patch.v) - 0.07
        patch.lay(
            screw, (0.75, 0.75, 0.76), 0.16 + dome(screw, 0.04, 0.05) - 0.04 * line(patch.u, 0.02), STEEL
        )


def _blade(scene: Scene, dice: Dice, place: Place, side: int, opening: float, length: float) -> None:
    patch = scene.patch(place.at, place.scale, place.angle + side * opening, 1.25)
    if patch.empty:
        return
    u, v = patch.u * side, patch.v
    shape = polygon(
        u, v, [(-0.11, 0.12), (0.1, 0.12), (0.12, -0.15), (0.03, -length), (-0.01, -length), (-0.07, -0.2)]
    )
    brushed = sample(cloud(0.8, 2), u * 1.0, v * 0.04, 1.0, (dice.between(0, 1), 0.0))
    ground = step(u, -0.02, 0.0)  # the hollow-ground half is brighter
    steel = mixed((0.7, 0.71, 0.73), (0.86, 0.87, 0.88), 0.7 * ground + brushed - 0.5)
    patch.lay(shape, steel, 0.07 + 0.03 * side + dome(shape, 0.05, 0.04) - 0.02 * ground, STEEL)


def _handle(
    scene: Scene, dice: Dice, place: Place, side: int, opening: float, grip: Colour, material: Material
) -> None:
    patch = scene.patch(place.at, place.scale, place.angle + side * opening, 1.5)
    if patch.empty:
        return
    u, v = patch.u * side, patch.v  # the handle swings to the far side of its blade
    arm = capsule(u, v, (-0.02, 0.05), (-0.2, 0.45), 0.1, 0.1)
    tilt_u, tilt_v = turned(u + 0.3, v - 0.78, dice.between(0.15, 0.3))
    loop = ring(tilt_u, tilt_v, dice.between(0.2, 0.25), dice.between(0.3, 0.42), 0.15)
    edge = np.minimum(arm, loop)
    patch.lay(edge, dice.near(grip, 0.02), 0.04 + dome(edge, 0.075, 0.13), material)
    if material is PLASTIC:
        patch.tint(0.35 * line(loop + 0.075, 0.03), (0.05, 0.05, 0.05))


def hat(scene: Scene, dice: Dice, place: Place) -> None:
    """A straw hat, a cap, a bucket hat or a woolly hat, seen from above."""
    style = dice.pick([_straw_hat, _cap, _bucket_hat, _beanie], [4, 4, 2, 2])
    style(scene, dice, place)


def _cloth_colour(dice: Dice) -> Colour:
    return dice.pick(
        [
            dice.hsv((0, 1), (0.3, 0.85), (0.25, 0.85)),
            (0.14, 0.15, 0.18),
            (0.88, 0.85, 0.8),
            (0.62, 0.53, 0.38),
        ]
    )


def _straw_hat(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.15)
    if patch.empty:
        return
    oval = dice.between(1.0, 1.15)
    radius, angle = np.hypot(patch.u * oval, patch.v), np.arctan2(patch.v, patch.u * oval)
    crown = dice.between(0.42, 0.52)
    plait = np.sin(radius * 105) * 0.5 + 0.5
    strand = np.sin(angle * 120 + np.floor(radius * 16.7) * 1.7) * 0.5 + 0.5
    straw = dice.near(dice.pick([(0.87, 0.74, 0.48), (0.93, 0.86, 0.7), (0.66, 0.5, 0.3)]), 0.05)
    colour = mixed(
        straw, (straw[0] * 0.62, straw[1] * 0.56, straw[2] * 0.46), 0.55 * plait * strand + 0.2 * (1 - plait)
    )
    wave = 0.035 * np.sin(angle * 2 + dice.angle()) + 0.02 * np.sin(angle * 3 + dice.angle())
    inside = np.clip(radius / crown, 0, 1)
    pinch = dice.between(0.03, 0.12) * line(patch.u, 0.16) * (1 - step(np.abs(patch.v), 0.1, 0.36))
    top = 0.46 * (1 - step(inside, 0.72, 1.0)) + 0.05 * (1 - inside**2) - pinch
    patch.lay(radius - 1, colour, 0.06 + wave * radius + top + 0.008 * plait, MATTE)
    ribbon = _cloth_colour(dice)
    outer = crown + 0.015
    inner = crown - dice.between(0.09, 0.14)
    band = np.maximum(radius - outer, inner - radius)
    sheen = 0.5 + 0.5 * np.sin(radius * 90)
    climb = 0.08 + 0.42 * (1 - step(radius, crown - 0.15, outer))
    patch.lay(band, mixed(ribbon, (ribbon[0] * 0.8, ribbon[1] * 0.8, ribbon[2] * 0.8), sheen), climb, PLASTIC)
    if dice.chance(0.6):
        _bow(scene, dice, place, crown, ribbon)


def _bow(scene: Scene, dice: Dice, place: Place, out: float, ribbon: Colour) -> None:
    """Two loops, a knot and two tails beside the crown of a hat."""
    patch = scene.patch(place.point(out + 0.04, 0), place.scale * 0.2, place.angle, 2.0)
    if patch.empty:
        return
    for side in (-1, 1):
        tail_u, tail_v = turned(patch.u - 0.6, patch.v - side * 0.5, side * dice.between(0.3, 0.7))
        tail = box(tail_u, tail_v, 0.75, 0.2, 0.03)
        patch.lay(tail, ribbon, 0.5 + dome(tail, 0.1, 0.06), PLASTIC)
    for side in (-1, 1):
        loop_u, loop_v = turned(patch.u, patch.v - side * 0.55, side * dice.between(-0.3, 0.2))
        loop = ellipse(loop_u, loop_v, 0.34, 0.58)
        patch.lay(loop, ribbon, 0.7 + dome(loop, 0.3, 0.3) - 0.12 * line(loop_u, 0.12), PLASTIC)
    knot = box(patch.u, patch.v, 0.2, 0.16, 0.1)
    patch.lay(knot, ribbon, 0.95 + dome(knot, 0.12, 0.15), PLASTIC)


def _cap(scene: Scene, dice: Dice, place: Place) -> None:
    place = Place(*place.point(0, 0.2), place.scale, place.angle)
    patch = scene.patch(place.at, place.scale, place.angle, 1.35)
    if patch.empty:
        return
    first = _cloth_colour(dice)
    second = dice.pick([first, _cloth_colour(dice)])
    visor = np.maximum(ellipse(patch.u, patch.v + 0.45, 0.6, 0.75), patch.v + 0.2)
    stitches = 0.25 * line((visor + 0.08) % 0.12 - 0.06, 0.02)
    bent = 0.16 - 0.3 * patch.u**2
    patch.lay(visor, mixed(second, (0.05, 0.05, 0.06), stitches), np.maximum(bent, 0.03), MATTE)
    radius, angle = np.hypot(patch.u / 0.66, patch.v / 0.7), np.arctan2(patch.v, patch.u)
    seams = line(np.sin(angle * 3 + math.pi / 2), 0.05 / np.maximum(radius, 0.2)) * (radius > 0.06)
    weave = np.sin(patch.u * 95) * np.sin(patch.v * 95)
    panel = mixed(first, (first[0] * 0.7, first[1] * 0.7, first[2] * 0.7), 0.6 * seams + 0.2 * weave)
    height = 0.5 * np.sqrt(np.maximum(1 - np.clip(radius, 0, 1) ** 2.4, 0)) - 0.012 * seams + 0.02
    patch.lay((radius - 1) * 0.66, panel, height, MATTE)
    knob = np.hypot(patch.u, patch.v) - 0.055
    patch.lay(knob, second, 0.52 + dome(knob, 0.05, 0.05), MATTE)
    if dice.chance(0.6):
        badge = ellipse(patch.u, patch.v + 0.42, 0.14, 0.1)
        patch.lay(badge, dice.hsv((0, 1), (0.3, 0.9), (0.5, 1.0)), 0.012, MATTE, on_top=True)


def _bucket_hat(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale * 0.9, place.angle, 1.2)
    if patch.empty:
        return
    oval = dice.between(1.0, 1.15)
    radius, angle = np.hypot(patch.u * oval, patch.v), np.arctan2(patch.v, patch.u * oval)
    colour = _cloth_colour(dice)
    dark = (colour[0] * 0.7, colour[1] * 0.7, colour[2] * 0.7)
    rows = line((radius * 14) % 1 - 0.5, 0.14) * (radius > 0.58)
    weave = np.sin(patch.u * 90) * np.sin(patch.v * 90)
    slump = 0.05 * np.sin(angle * 3 + dice.angle()) + 0.04 * np.sin(angle * 5 + dice.angle())
    height = (
        0.5 - 0.32 * step(radius, 0.5, 0.62) - 0.14 * step(radius, 0.6, 1.0) + slump * step(radius, 0.3, 1.0)
    )
    patch.lay(radius - 1 - slump * 0.6, mixed(colour, dark, 0.7 * rows + 0.25 * weave), height, MATTE)


def _beanie(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale * 0.85, place.angle, 1.3)
    if patch.empty:
        return
    colour, stripe = _cloth_colour(dice), _cloth_colour(dice)
    edge = np.maximum(superellipse(patch.u, patch.v + 0.1, 0.78, 0.95, 2.4), patch.v - 0.62)
    cuff = patch.v > 0.3
    ribs = np.sin(patch.u * (46 - 8 * patch.v)) * 0.5 + 0.5
    knots = np.sin(patch.v * 60 + 2.5 * ribs) * 0.5 + 0.5
    bands = step(np.sin(patch.v * 9 + dice.angle()), 0.3, 0.4) * (~cuff) * dice.pick([0.0, 1.0])
    wool = mixed(colour, stripe, bands) * (0.72 + 0.28 * (ribs * knots))[..., None]
    height = dome(edge, 0.45, 0.4) + 0.06 * cuff + 0.025 * ribs + 0.015 * knots
    patch.lay(edge, wool, height, MATTE)
    if dice.chance(0.7):
        ball = scene.patch(place.point(0, -0.9), place.scale * 0.26, 0.0, 1.5)
        fluff = sample(cloud(0.9, 4), ball.u, ball.v, 0.35, (dice.between(0, 1), 0.0))
        edge = np.hypot(ball.u, ball.v) - 0.85 - 0.5 * (fluff - 0.5)
        ball.lay(
            edge, mixed(stripe, (0.95, 0.93, 0.9), fluff), 0.3 + dome(edge, 0.9, 0.9) + 0.35 * fluff, MATTE
        )


def marble(scene: Scene, dice: Dice, place: Place) -> None:
    """Glass balls: clear with a coloured ribbon, or solid with a swirl."""
    n = dice.pick([1, 2, 3, 5, 7], [2, 2, 3, 3, 2])
    for spot in spread(dice, place, n, 0.55):
        size = spot.scale * (
            0.5 if n == 1 else dice.between(0.26, 0.38) if n < 5 else dice.between(0.2, 0.28)
        )
        _ball(scene, dice, Place(spot.x, spot.y, size, spot.angle))


def _ball(scene: Scene, dice: Dice, place: Place) -> None:
    patch = scene.patch(place.at, place.scale, place.angle, 1.15)
    if patch.empty:
        return
    radius = np.hypot(patch.u, patch.v)
    depth = np.sqrt(np.maximum(1 - np.clip(radius, 0, 1) ** 2, 0))
    bent_u, bent_v = patch.u / (0.55 + depth), patch.v / (0.55 + depth)
    swirl_u, _ = turned(bent_u, bent_v, 0.0)
    ribbon = swirl_u + 0.35 * np.sin(bent_v * dice.between(1.5, 3.5) + dice.angle())
    glass = dice.hsv((0.25, 0.7), (0.08, 0.75), (0.35, 0.85))
    vane = dice.hsv((0, 1), (0.6, 1.0), (0.55, 1.0))
    other = dice.hsv((0, 1), (0.5, 1.0), (0.6, 1.0))
    clear = dice.chance(0.6)
    share = line(ribbon, 0.26) if clear else step(np.sin(ribbon * 7), -0.2, 0.3)
    colour = mixed(glass, vane, share)
    colour = mixed(colour, other, 0.8 * line(ribbon - 0.16, 0.12))
    rim = 1 - 0.5 * step(radius, 0.72, 1.0)
    patch.lay(
        (radius - 1),
        colour * rim[..., None],
        1.0 + depth - 0.35,
        Material(0.55, 180.0),
        0.93 if clear else 1.0,
    )
    gathered = np.exp(-(((patch.u - 0.35) ** 2 + (patch.v - 0.4) ** 2) * 7)) * patch.cover(radius - 0.97)
    patch.glow(0.5 * gathered, (min(1.0, glass[0] + 0.3), min(1.0, glass[1] + 0.3), min(1.0, glass[2] + 0.3)))
