"""A table top as a height field with a colour and a material at every point, lit by one lamp and the sky.

Coordinates on the table: (0, 0) is the middle of the picture, 1 is half its short side, for heights too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ml.drawn.dice import Colour, Dice, Plane


@dataclass(frozen=True)
class Material:
    gloss: float = 0.08  # share of light that is mirrored straight on
    shine: float = 30.0  # sharpness of the highlight
    metal: float = 0.0  # 1: the mirrored light takes the colour of the thing


MATTE = Material(0.02, 12.0)
PAPER = Material(0.04, 16.0)
PLASTIC = Material(0.22, 60.0)
GLAZED = Material(0.3, 90.0)
STEEL = Material(0.75, 70.0, 1.0)


@dataclass(frozen=True)
class Light:
    azimuth: float  # where the lamp stands, radians in the picture
    elevation: float  # radians above the table
    lamp: Colour
    sky: Colour
    strength: float


class Patch:
    """The part of the scene round one object, with coordinates u, v in the object's own size."""

    def __init__(
        self, scene: Scene, centre: tuple[float, float], scale: float, angle: float, reach: float
    ) -> None:
        rows, columns = scene.window(centre, scale * reach)
        self.scene, self.scale = scene, scale
        self.rows, self.columns = rows, columns
        x, y = scene.x[rows, columns] - centre[0], scene.y[rows, columns] - centre[1]
        c, s = math.cos(angle) / scale, math.sin(angle) / scale
        self.u: Plane = x * c + y * s
        self.v: Plane = y * c - x * s

    @property
    def empty(self) -> bool:
        return self.u.size == 0

    @property
    def ground(self) -> Plane:
        """Height of what lies there already, in the object's size."""
        return self.scene.height[self.rows, self.columns] / self.scale

    def cover(self, distance: Plane) -> Plane:
        return np.clip(0.5 - distance * (self.scale / self.scene.pixel), 0, 1)

    def lay(
        self,
        distance: Plane,
        colour: Colour | Plane,
        height: Plane | float,
        material: Material = MATTE,
        opacity: float = 1.0,
        on_top: bool = False,
    ) -> None:
        """Put a part where `distance` is negative.

        `colour` is one sRGB colour or a plane of them (…, 3); `height` is above the table, or with `on_top`
        above what lies there.
        """
        if self.empty:
            return
        covered = self.cover(distance) * opacity
        here = (self.rows, self.columns)
        scene = self.scene
        raised = np.asarray(height * self.scale, np.float32)
        if on_top:
            raised = raised + scene.height[here]
        scene.height[here] += covered * (raised - scene.height[here])
        scene.colour[here] += covered[..., None] * (linear(colour) - scene.colour[here])
        scene.gloss[here] += covered * (material.gloss - scene.gloss[here])
        scene.shine[here] += covered * (material.shine - scene.shine[here])
        scene.metal[here] += covered * (material.metal - scene.metal[here])

    def tint(self, amount: Plane, colour: Colour) -> None:
        """Stain what lies there; the amount is 0 to 1."""
        if not self.empty:
            plane = self.scene.colour[self.rows, self.columns]
            plane += np.clip(amount, 0, 1)[..., None] * (linear(colour) - plane)

    def carve(self, depth: Plane) -> None:
        """Lower what lies there by `depth` (in the object's size)."""
        if not self.empty:
            self.scene.height[self.rows, self.columns] -= np.asarray(depth * self.scale, np.float32)

    def glow(self, amount: Plane, colour: Colour) -> None:
        """Light that shines through, added after the lamp's."""
        if not self.empty:
            self.scene.emitted[self.rows, self.columns] += amount[..., None] * linear(colour)


class Scene:
    """Height, colour and material planes of one picture, drawn larger than it will be by `oversample`."""

    def __init__(self, width: int, height: int, dice: Dice, oversample: float = 1.25) -> None:
        self.size = (width, height)
        columns, rows = round(width * oversample), round(height * oversample)
        short = min(columns, rows)
        self.pixel = 2.0 / short
        self._centre = ((columns - 1) / 2, (rows - 1) / 2)
        self.half = (columns / short, rows / short)
        self._lean = (dice.between(-0.14, 0.14), dice.between(-0.2, 0.2))
        p = (np.arange(columns, dtype=np.float32) - self._centre[0])[None, :] * self.pixel
        q = (np.arange(rows, dtype=np.float32) - self._centre[1])[:, None] * self.pixel
        depth = 1 + self._lean[0] * p + self._lean[1] * q
        self.x: Plane = p / depth
        self.y: Plane = q / depth
        self.height = np.zeros((rows, columns), np.float32)
        self.colour = np.full((rows, columns, 3), 0.5, np.float32)
        self.emitted = np.zeros((rows, columns, 3), np.float32)
        self.gloss = np.full((rows, columns), 0.05, np.float32)
        self.shine = np.full((rows, columns), 20.0, np.float32)
        self.metal = np.zeros((rows, columns), np.float32)

    def to_pixel(self, x: float, y: float) -> tuple[float, float]:
        """Column and row of a point on the table."""
        depth = (1 - self._lean[0] * x - self._lean[1] * y) * self.pixel
        return x / depth + self._centre[0], y / depth + self._centre[1]

    def window(self, centre: tuple[float, float], reach: float) -> tuple[slice, slice]:
        """The smallest rows and columns that hold the square of half side `reach` round `centre`."""
        corners = [
            self.to_pixel(centre[0] + i * reach, centre[1] + j * reach) for i in (-1, 1) for j in (-1, 1)
        ]
        rows, columns = self.height.shape
        left, right = min(c for c, _ in corners), max(c for c, _ in corners)
        top, bottom = min(r for _, r in corners), max(r for _, r in corners)
        return (
            slice(min(rows, max(0, math.floor(top))), max(0, min(rows, math.ceil(bottom) + 1))),
            slice(min(columns, max(0, math.floor(left))), max(0, min(columns, math.ceil(right) + 1))),
        )

    def patch(
        self, centre: tuple[float, float], scale: float, angle: float = 0.0, reach: float = 1.5
    ) -> Patch:
        return Patch(self, centre, scale, angle, reach)

    def whole(self) -> Patch:
        return Patch(self, (0.0, 0.0), 1.0, 0.0, 4.0)

    def tube(
        self,
        points: Sequence[tuple[float, float]],
        radius: float,
        colour: Colour,
        material: Material = PLASTIC,
        lift: float = 0.0,
    ) -> None:
        """A round cord along points on the table."""
        path = np.array([self.to_pixel(*p) for p in points], np.float64)
        thickness = max(1, round(2 * radius / self.pixel))
        mask = np.zeros(self.height.shape, np.uint8)
        cv2.polylines(mask, [np.round(path * 16).astype(np.int32)], False, 255, thickness, cv2.LINE_AA, 4)
        left, top, width, height = cv2.boundingRect(mask)
        if not width:
            return
        here = (slice(top, top + height), slice(left, left + width))
        inside = cv2.distanceTransform((mask[here] > 127).astype(np.uint8), cv2.DIST_L2, 3)
        t = np.clip(inside * self.pixel / max(radius, self.pixel), 0, 1)
        covered = mask[here].astype(np.float32) / 255
        raised = lift + radius * (1 + np.sqrt(np.maximum(1 - (1 - t) ** 2, 0)))
        self.height[here] += covered * (np.asarray(raised, np.float32) - self.height[here])
        self.colour[here] += covered[..., None] * (linear(colour) - self.colour[here])
        for plane, value in (
            (self.gloss, material.gloss),
            (self.shine, material.shine),
            (self.metal, material.metal),
        ):
            plane[here] += covered * (value - plane[here])


def linear(colour: Colour | Plane) -> Plane:
    """sRGB to light, by a square: close enough, and undone by a root at the end."""
    return np.square(np.asarray(colour, np.float32))


def render(scene: Scene, light: Light, gobo: Plane | None = None) -> Plane:
    """The lit picture, sRGB 0 to 1, (height, width, 3), at the scene's final size."""
    slope_x = cv2.Sobel(scene.height, cv2.CV_32F, 1, 0, ksize=3) / (8 * scene.pixel)
    slope_y = cv2.Sobel(scene.height, cv2.CV_32F, 0, 1, ksize=3) / (8 * scene.pixel)
    nz = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    nx, ny = -slope_x * nz, -slope_y * nz
    flat = math.cos(light.elevation)
    lx, ly, lz = math.cos(light.azimuth) * flat, math.sin(light.azimuth) * flat, math.sin(light.elevation)
    seen = _lamp_seen(scene, light)
    if gobo is not None:
        seen = seen * gobo
    lamp = np.maximum(nx * lx + ny * ly + nz * lz, 0) * seen * light.strength
    sky = (0.62 + 0.38 * nz) * _openness(scene)
    length = math.sqrt(lx * lx + ly * ly + (lz + 1) ** 2)
    halfway = np.maximum(nx * (lx / length) + ny * (ly / length) + nz * ((lz + 1) / length), 0)
    highlight = scene.gloss * halfway**scene.shine * seen * light.strength * 2.2
    mirrored = _room(nx, ny, nz) * scene.gloss * sky
    diffuse = 1 - 0.8 * scene.metal * scene.gloss
    lamp_colour, sky_colour = np.array(light.lamp, np.float32), np.array(light.sky, np.float32)
    metal = scene.metal[..., None]
    sheen = metal * scene.colour * 1.7 + (1 - metal)
    lit = scene.colour * (lamp * diffuse)[..., None] * lamp_colour
    lit += scene.colour * (sky * diffuse)[..., None] * sky_colour
    lit += sheen * (highlight[..., None] * lamp_colour + mirrored[..., None] * sky_colour)
    lit += scene.emitted * (0.35 + 0.65 * seen)[..., None]
    small = cv2.resize(lit, scene.size, interpolation=cv2.INTER_AREA)
    return np.sqrt(np.maximum(_shoulder(np.asarray(small)), 0))


def _shoulder(lit: Plane) -> Plane:
    """Bright light bends softly into white instead of clipping."""
    return np.asarray(np.where(lit < 0.7, lit, 0.7 + 0.3 * (1 - np.exp(-(lit - 0.7) / 0.3))))


def _room(nx: Plane, ny: Plane, nz: Plane) -> Plane:
    """What a mirror facing (nx, ny, nz) sees: a dim room with a bright window and a lighter ceiling."""
    rx, ry = 2 * nz * nx, 2 * nz * ny
    window = np.clip(6 * (0.34 - np.abs(rx + 0.42)), 0, 1) * np.clip(6 * (0.3 - np.abs(ry + 0.4)), 0, 1)
    bar = np.clip(np.abs(rx + 0.42) * 30, 0.25, 1)
    ceiling = 0.3 * np.clip(-ry, 0, 1) + 0.22 * np.clip(0.5 - np.hypot(rx, ry), 0, 1)
    return np.asarray(0.16 + ceiling + 1.5 * window * bar)


def _lamp_seen(scene: Scene, light: Light, steps: int = 18) -> Plane:
    """1 where the lamp is seen, 0 in full shadow: marched over the height field at half size."""
    rows, columns = scene.height.shape
    field = cv2.resize(scene.height, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    pixel = scene.pixel * 2
    climb = math.tan(light.elevation)
    farthest = min(1.4, float(field.max()) / climb)
    pad = math.ceil(farthest / pixel) + 2
    wide = cv2.copyMakeBorder(field, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    hidden: Plane = np.zeros(field.shape, np.float32)
    for i in range(1, steps + 1):
        reach = farthest * (i / steps) ** 1.5
        dx = round(math.cos(light.azimuth) * reach / pixel) + pad
        dy = round(math.sin(light.azimuth) * reach / pixel) + pad
        other = wide[dy : dy + field.shape[0], dx : dx + field.shape[1]]
        hidden = np.maximum(hidden, (other - field - reach * climb - 0.012) / (0.02 + 0.16 * reach))
    hidden = np.asarray(cv2.GaussianBlur(np.clip(hidden, 0, 1), (0, 0), 0.8))
    return 1 - np.asarray(cv2.resize(hidden, (columns, rows), interpolation=cv2.INTER_LINEAR))


def _openness(scene: Scene) -> Plane:
    """How much of the sky a point sees: less in corners, beside walls and in folds."""
    rows, columns = scene.height.shape
    field = cv2.resize(scene.height, (columns // 4, rows // 4), interpolation=cv2.INTER_AREA)
    closed = np.zeros(field.shape, np.float32)
    for reach, weight in ((0.04, 2.6), (0.12, 1.5)):
        around = cv2.GaussianBlur(field, (0, 0), reach / (scene.pixel * 4))
        closed += weight * np.maximum(around - field, 0)
    closed = np.asarray(cv2.resize(closed, (columns, rows), interpolation=cv2.INTER_LINEAR))
    return 1 / (1 + 3 * closed)
