"""Towels and scouring pads must be closer to each other than other classes are: measured, not claimed."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.drawn.classes import CLASSES, HARD_PAIR, DrawnClass
from ml.drawn.dice import Dice
from ml.drawn.places import Place
from ml.drawn.scene import Light, Scene, render

PLAIN = Light(azimuth=-2.3, elevation=0.8, lamp=(1, 1, 1), sky=(0.4, 0.4, 0.4), strength=0.9)


def looks(drawn: DrawnClass, index: int) -> NDArray[np.float64]:
    """Mean colour, spread of colour and strength of texture of the thing itself, on a bare grey table."""
    dice = Dice(17, CLASSES.index(drawn), index)
    scene = Scene(128, 128, dice)
    drawn.draw(scene, dice, Place(0.0, 0.0, 0.9, 0.3))
    picture = render(scene, PLAIN)
    thing = cv2.resize(scene.height, scene.size, interpolation=cv2.INTER_AREA) > 0.02
    pixels = picture[thing]
    fine = picture.mean(axis=2) - cv2.GaussianBlur(picture.mean(axis=2), (0, 0), 2)
    return np.concatenate([pixels.mean(axis=0), pixels.std(axis=0), [fine[thing].std(), thing.mean()]])


def test_the_hard_pair_is_the_closest_of_all_pairs_of_classes() -> None:
    samples = {c.name: np.stack([looks(c, i) for i in range(16)]) for c in CLASSES}
    spread = np.sqrt(np.mean([s.var(axis=0) for s in samples.values()], axis=0))
    middles = {name: sample.mean(axis=0) / spread for name, sample in samples.items()}
    apart = {
        frozenset(pair): float(np.linalg.norm(middles[pair[0]] - middles[pair[1]]))
        for pair in itertools.combinations(middles, 2)
    }
    hard = apart.pop(frozenset(HARD_PAIR))
    assert hard < 0.5 * float(np.median(list(apart.values())))
    assert hard < min(apart.values())


def test_the_hard_pair_is_not_one_and_the_same() -> None:
    towel, pad = (next(c for c in CLASSES if c.name == name) for name in HARD_PAIR)
    assert not np.allclose(looks(towel, 1), looks(pad, 1), atol=0.02)
