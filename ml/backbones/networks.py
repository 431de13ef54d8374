"""The torch networks behind the backbones, with their pretrained weights loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ml.backbones.registry import Backbone, backbone
from ml.backbones.weights import WeightsCorruptError, find_weights
from ml.store import Store


def lite(name: str, weights: Path | None) -> Any:
    """timm's `tf_<name>` with the tensors of `weights` loaded by position; None leaves it random.

    The file's tensors stand in timm's order under other names. Raises WeightsCorruptError where their number or a
    shape differs.
    """
    import timm

    network = timm.create_model(f"tf_{name}", pretrained=False)
    if weights is None:
        return network
    given = _tensors(weights)
    wanted = network.state_dict()
    if len(given) != len(wanted):
        raise WeightsCorruptError(f"{weights} holds {len(given)} tensors, {len(wanted)} are needed")
    for (theirs, tensor), (ours, place) in zip(given.items(), wanted.items(), strict=True):
        if tensor.shape != place.shape:
            raise WeightsCorruptError(
                f"{weights}: {theirs} has shape {tuple(tensor.shape)}, {ours} {tuple(place.shape)}"
            )
    network.load_state_dict(dict(zip(wanted, given.values(), strict=True)))
    return network


def resnet(name: str, weights: Path | None) -> Any:
    """torchvision's network of that name with `weights` loaded by key; None leaves it random.

    Raises WeightsCorruptError where the keys or shapes are not this network's.
    """
    import torchvision

    network = torchvision.models.get_model(name, weights=None)
    if weights is not None:
        try:
            network.load_state_dict(_tensors(weights))
        except RuntimeError as error:
            raise WeightsCorruptError(
                f"{weights} holds the weights of another network than {name}"
            ) from error
    return network


def _tensors(weights: Path) -> dict[str, Tensor]:
    """The tensors in a file, by name. WeightsCorruptError where it is no file of tensors."""
    try:
        given = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged byte leads to: KeyError, UnpicklingError, EOFError …
        raise WeightsCorruptError(f"{weights} cannot be read as weights; fetch or copy it again") from error
    if not isinstance(given, dict) or not all(isinstance(value, Tensor) for value in given.values()):
        raise WeightsCorruptError(f"{weights} holds no tensors by name; fetch or copy it again")
    return given


class LiteTrunk(nn.Module):  # type: ignore[misc]
    """A Lite network without its classifier, giving every block's output and the head's (before pooling)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(n, 3, s, s) -> the outputs of blocks 0–6 and (n, 1280, s/32, s/32)."""
        x = self.network.bn1(self.network.conv_stem(image))
        outputs = []
        for block in self.network.blocks:
            x = block(x)
            outputs.append(x)
        outputs.append(self.network.bn2(self.network.conv_head(x)))
        return tuple(outputs)


class LiteTail(nn.Module):  # type: ignore[misc]
    """A Lite network from block `frozen_blocks` on, and a linear classifier: what `partial_finetune` trains."""

    def __init__(self, network: Any, frozen_blocks: int, classes: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*list(network.blocks)[frozen_blocks:])
        self.conv_head = network.conv_head
        self.bn2 = network.bn2
        self.classifier = nn.Linear(network.num_features, classes)

    def embed(self, x: Tensor) -> Tensor:
        """Mid-level feature map (n, c, h, w) -> embedding (n, 1280)."""
        return self.bn2(self.conv_head(self.blocks(x))).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Mid-level feature map -> logits (n, classes)."""
        return self.classifier(self.embed(x))

    def head_parameters(self) -> list[nn.Parameter]:
        """The last layer's parameters, which have a learning rate of their own."""
        return list(self.classifier.parameters())


class WholeLite(nn.Module):  # type: ignore[misc]
    """The frozen first blocks and a trained tail as one network on pictures."""

    def __init__(self, network: Any, frozen_blocks: int, tail: LiteTail) -> None:
        super().__init__()
        self.conv_stem = network.conv_stem
        self.bn1 = network.bn1
        self.frozen = nn.Sequential(*list(network.blocks)[:frozen_blocks])
        self.tail = tail

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, s, s) -> logits (n, classes), embedding (n, 1280)."""
        embedding = self.tail.embed(self.frozen(self.bn1(self.conv_stem(image))))
        return self.tail.classifier(embedding), embedding


class KernelClassifier(nn.Module):  # type: ignore[misc]
    """The classifier of `ml.training.kernel` on pooled features, as constants."""

    def __init__(self, features: int, components: int, centres: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("components", torch.zeros(features, components))
        self.register_buffer("shift", torch.zeros(components))
        self.register_buffer("centres", torch.zeros(centres, components))
        self.register_buffer("coefficients", torch.zeros(centres, classes))
        self.register_buffer("bias", torch.zeros(classes))
        self.register_buffer("gamma", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Pooled features (n, d) -> logits (n, classes)."""
        seen = (features.sign() * features.abs().sqrt()) @ self.components + self.shift
        squares = (seen * seen).sum(1, keepdim=True) + (self.centres * self.centres).sum(1)
        nearness = torch.exp(self.gamma * (2 * seen @ self.centres.T - squares))
        return nearness @ self.coefficients + self.bias


def covariances(x: Tensor) -> Tensor:
    """Of a map's channels over its positions: (n, c, h, w) -> (n, c (c + 1) / 2), the upper triangle row by row."""
    flat = x.flatten(2)
    centred = flat - flat.mean(2, keepdim=True)
    matrix = centred @ centred.transpose(1, 2) / flat.shape[2]
    rows, columns = torch.triu_indices(x.shape[1], x.shape[1])
    return matrix.flatten(1).index_select(1, (rows * x.shape[1] + columns).to(x.device))


class StartedLite(nn.Module):  # type: ignore[misc]
    """A kernel classifier on the pretrained network, and a tail trained on what it does not know, as one network on
    pictures: the logits of both are added. The frozen first blocks are shared.
    """

    def __init__(
        self,
        network: Any,
        frozen_blocks: int,
        tail: LiteTail,
        info: Backbone,
        kernel: KernelClassifier,
    ) -> None:
        """`network` as it was before the tail was trained (the tail's blocks must be others), of which `info` says what
        the kernel classifier reads; by its width, with textures or without.
        """
        super().__init__()
        self.conv_stem = network.conv_stem
        self.bn1 = network.bn1
        self.blocks = network.blocks
        self.conv_head = network.conv_head
        self.bn2 = network.bn2
        self.tail = tail
        self.kernel = kernel
        self._frozen_blocks = frozen_blocks
        self._pooled = info.pooled
        self._textured = info.textured if len(kernel.components) == info.textured_width else ()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, s, s) -> logits (n, classes), the tail's embedding (n, 1280)."""
        x = self.bn1(self.conv_stem(image))
        maps, textures, middle = [], [], x
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place + 1 == self._frozen_blocks:
                middle = x
            if place in self._pooled:
                maps.append(x)
            if place in self._textured:
                textures.append(covariances(x))
        maps = [self.bn2(self.conv_head(x)), *maps]
        pooled = [*(one.mean((2, 3)) for one in maps), *(one.amax((2, 3)) for one in maps)]
        features = torch.cat([*pooled, *textures], 1)
        embedding = self.tail.embed(middle)
        return self.kernel(features) + self.tail.classifier(embedding), embedding


class ImageNetwork(nn.Module):  # type: ignore[misc]
    """A whole network on pictures that gives logits and, when exported, its embedding."""

    def __init__(self, store: Store, name: str, classes: int, *, pretrained: bool) -> None:
        """Raises WeightsMissingError where `pretrained` is asked and the weights are absent: never a silent
        random start.
        """
        super().__init__()
        weights = find_weights(store, name).path if pretrained else None
        info = backbone(name)
        self.body = (
            LiteBody(lite(name, weights)) if info.blocks else _without_classifier(resnet(name, weights))
        )
        self.classifier = nn.Linear(info.embedding, classes)
        if pretrained:  # the paper's choice for a replaced last layer; from scratch keeps torch's default
            nn.init.xavier_uniform_(self.classifier.weight)
            nn.init.zeros_(self.classifier.bias)

    def embed(self, image: Tensor) -> Tensor:
        """(n, 3, s, s) -> embedding (n, width)."""
        return self.body(image)

    def forward(self, image: Tensor) -> Tensor:
        """(n, 3, s, s) -> logits (n, classes)."""
        return self.classifier(self.embed(image))

    def head_parameters(self) -> list[nn.Parameter]:
        """The last layer's parameters, which have a learning rate of their own."""
        return list(self.classifier.parameters())


class WithEmbedding(nn.Module):  # type: ignore[misc]
    """For export: logits and embedding of an `ImageNetwork` in one pass."""

    def __init__(self, network: ImageNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, s, s) -> logits, embedding."""
        embedding = self.network.embed(image)
        return self.network.classifier(embedding), embedding


class LiteBody(nn.Module):  # type: ignore[misc]
    """A Lite network without its classifier, pooled."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.trunk = LiteTrunk(network)

    def forward(self, image: Tensor) -> Tensor:
        """(n, 3, s, s) -> (n, 1280)."""
        return self.trunk(image)[-1].mean((2, 3))


class Mean(nn.Module):  # type: ignore[misc]
    """The average of each feature map: torchvision's pooling, which would be exported as a strided copy."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c, 1, 1)."""
        return x.mean((2, 3), keepdim=True)


def _without_classifier(network: Any) -> Any:
    network.avgpool = Mean()
    network.fc = nn.Identity()
    return network
