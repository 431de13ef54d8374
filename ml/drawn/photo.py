"""One drawn photo: a table, a thing, a lamp, and a camera with its faults."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from ml.drawn.dice import Dice, Plane
from ml.drawn.places import Place
from ml.drawn.scene import Light, Scene, render
from ml.drawn.shapes import step, turned
from ml.drawn.surfaces import lay_table

Thing = Callable[[Scene, Dice, Place], None]

# Long side to short side, as phones and cropped pictures have them.
SHAPES = ((4, 3), (3, 4), (1, 1), (3, 2), (16, 9))


def draw_photo(thing: Thing, dice: Dice, size: int) -> tuple[Image.Image, int]:
    """One RGB picture with its long side `size` px, and the JPEG quality it is to be stored with."""
    across, down = dice.pick(SHAPES, [5, 3, 3, 2, 1])
    longest = max(across, down)
    scene = Scene(round(size * across / longest), round(size * down / longest), dice)
    lay_table(scene, dice)
    thing(scene, dice, _place(scene, dice))
    picture = render(scene, _light(dice), _gobo(scene, dice))
    return Image.fromarray(_camera(picture, dice)), dice.count(58, 94)


def jpeg_bytes(picture: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _place(scene: Scene, dice: Dice) -> Place:
    scale = dice.between(0.58, 1.0)
    stray = 0.22
    if dice.chance(0.15):  # so close or so far off that a part is cut
        scale, stray = dice.between(0.8, 1.25), 0.6
    x, y = dice.normal(0, stray) * scene.half[0], dice.normal(0, stray) * scene.half[1]
    return Place(max(-0.75, min(0.75, x)), max(-0.75, min(0.75, y)), scale, dice.angle())


def _light(dice: Dice) -> Light:
    warm = dice.between(-1, 1)  # candle to overcast
    lamp = (1.0 + 0.12 * warm, 1.0, 1.0 - 0.2 * warm)
    sky = (0.95 - 0.06 * warm, 0.98, 1.04 + 0.05 * warm)
    hard = dice.between(0.0, 1.0)
    exposure = dice.between(0.8, 1.2)
    ambient = (0.62 - 0.3 * hard) * exposure
    return Light(
        azimuth=dice.angle(),
        elevation=dice.between(0.5, 1.1),
        lamp=lamp,
        sky=(sky[0] * ambient, sky[1] * ambient, sky[2] * ambient),
        strength=(0.5 + 0.5 * hard) * exposure * 1.15,
    )


def _gobo(scene: Scene, dice: Dice) -> Plane | None:
    """Sunlight through blinds or past a window frame, in one photo of four."""
    if dice.chance(0.75):
        return None
    u, v = turned(scene.x, scene.y, dice.angle())
    if dice.chance(0.5):
        width = dice.between(0.2, 0.5)
        return 0.35 + 0.65 * step(np.sin(v * math.pi / width + dice.angle()), -0.3, 0.2)
    edge = dice.between(-0.5, 0.5)
    frame = step(np.abs(u - edge), 0.05, 0.1) * step(np.abs(v + edge), 0.05, 0.1)
    return 0.4 + 0.6 * frame * step(v, -0.95, -0.8)


def _camera(picture: Plane, dice: Dice) -> Plane:
    """Vignette, focus, shake, white balance, contrast and sensor noise; returns (rows, columns, 3) uint8."""
    rows, columns = picture.shape[:2]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    picture = picture * (1 - dice.between(0, 0.22) * (x * x + y * y) / 2)[..., None]
    if dice.chance(0.25):
        picture = cv2.GaussianBlur(picture, (0, 0), dice.between(0.5, 1.5))
    if dice.chance(0.12):
        length, turn = dice.count(3, 7), dice.angle()
        kernel = np.zeros((length, length), np.float32)
        middle = length // 2
        end = (round(middle + math.cos(turn) * middle), round(middle + math.sin(turn) * middle))
        cv2.line(kernel, (length - 1 - end[0], length - 1 - end[1]), end, 1.0, 1)
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    balance = np.array([dice.between(0.93, 1.07), 1.0, dice.between(0.93, 1.07)], np.float32)
    contrast = dice.between(0.88, 1.12)
    picture = ((picture - 0.5) * contrast + 0.5) * balance * dice.between(0.92, 1.08)
    grain = dice.noise((rows, columns, 1)) * 0.7 + dice.noise((rows, columns, 3)) * 0.5
    picture = picture + grain * dice.between(0.004, 0.035)
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), np.uint8)
