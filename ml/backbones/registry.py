"""The pretrained networks that recipes may start from, and their facts. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Backbone:
    """A pretrained network. `mean` and `std` normalise RGB in 0..1; `embedding` is the last layer's width."""

    name: str
    title: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    embedding: int
    # Channels of each block's output; empty where blocks are not offered.
    blocks: tuple[int, ...] = ()
    # Blocks whose pooled output the probe reads besides the head.
    pooled: tuple[int, ...] = ()

    @property
    def pooled_width(self) -> int:
        """Length of the multi-level vector: embedding first, then maxima and averages."""
        return 2 * self.embedding + 2 * sum(self.blocks[block] for block in self.pooled)


REGISTRY: Mapping[str, Backbone] = MappingProxyType(
    {
        backbone.name: backbone
        for backbone in (
            Backbone(
                "efficientnet_lite0",
                "EfficientNet-Lite0",
                mean=(0.5, 0.5, 0.5),
                std=(0.5, 0.5, 0.5),
                embedding=1280,
                blocks=(16, 24, 40, 80, 112, 192, 320),
                pooled=(3, 4, 5, 6),
            ),
            Backbone(
                "resnet18",
                "ResNet-18",
                mean=(0.485, 0.456, 0.406),
                std=(0.229, 0.224, 0.225),
                embedding=512,
            ),
        )
    }
)


def backbone(name: str) -> Backbone:
    """The backbone of that name; KeyError with the names that exist."""
    if name not in REGISTRY:
        raise KeyError(f"no backbone {name!r}; there are {', '.join(REGISTRY)}")
    return REGISTRY[name]
