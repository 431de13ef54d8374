"""The pretrained networks that recipes may start from, and their facts. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ml.pretrained import PRETRAINED


@dataclass(frozen=True)
class Backbone:
    """A pretrained network. `mean` and `std` normalise RGB in 0..1; `embedding` is the last layer's width.

    `side` is the side in pixels of the pictures it was trained on. Pictures of a run have a multiple of 32, which
    240 and 260 are not: at an odd side half way down the padding of a trunk for any side would be another one.
    """

    name: str
    title: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    embedding: int
    side: int = 224
    # Channels of each block's output; empty where blocks are not offered.
    blocks: tuple[int, ...] = ()
    # Blocks whose pooled output the probe reads besides the head.
    pooled: tuple[int, ...] = ()
    # Blocks whose channels' covariances a kernel may read besides: they tell textures, hence materials, apart.
    textured: tuple[int, ...] = ()

    @property
    def pooled_width(self) -> int:
        """Length of the multi-level vector: embedding first, then maxima and averages."""
        return 2 * self.embedding + 2 * sum(self.blocks[block] for block in self.pooled)

    @property
    def textured_width(self) -> int:
        """Length of the multi-level vector with the covariances after it."""
        channels = [self.blocks[block] for block in self.textured]
        return self.pooled_width + sum(one * (one + 1) // 2 for one in channels)


_LITE_SCALE = (0.5, 0.5, 0.5)
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


def _lite(number: int, side: int, blocks: tuple[int, ...]) -> Backbone:
    name = f"efficientnet_lite{number}"
    title = PRETRAINED[name].title
    return Backbone(name, title, _LITE_SCALE, _LITE_SCALE, 1280, side, blocks, (3, 4, 5, 6), (2, 3))


def _resnet(layers: int, embedding: int) -> Backbone:
    name = f"resnet{layers}"
    return Backbone(name, PRETRAINED[name].title, _IMAGENET_MEAN, _IMAGENET_STD, embedding)


REGISTRY: Mapping[str, Backbone] = MappingProxyType(
    {
        backbone.name: backbone
        for backbone in (
            _lite(0, 224, (16, 24, 40, 80, 112, 192, 320)),
            _lite(1, 240, (16, 24, 40, 80, 112, 192, 320)),
            _lite(2, 260, (16, 24, 48, 88, 120, 208, 352)),
            _resnet(18, 512),
            _resnet(34, 512),
            _resnet(50, 2048),
        )
    }
)


def backbone(name: str) -> Backbone:
    """The backbone of that name; KeyError with the names that exist."""
    if name not in REGISTRY:
        raise KeyError(f"no backbone {name!r}; there are {', '.join(REGISTRY)}")
    return REGISTRY[name]
