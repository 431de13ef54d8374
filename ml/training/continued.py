"""A bundle's network in torch again, to be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ml.backbones.networks import ImageNetwork, KernelClassifier, LiteTail, StartedLite, WholeLite, lite
from ml.backbones.registry import backbone
from ml.bundle.predict import BundleIncompatibleError
from ml.bundle.weights import BundleWeights, read_weights
from ml.specs import PROBE_OPTIMIZERS
from ml.store import Store


def plain_tensors(network: nn.Module) -> dict[str, NDArray[Any]]:
    """A network's weights and running means by name, on the CPU, as weights.safetensors holds them."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def _tail_network(given: BundleWeights, classes: int) -> nn.Module:
    spec = given.spec
    tail = LiteTail(lite(spec.backbone, None), spec.frozen_blocks, classes)
    network = lite(spec.backbone, None)
    if spec.start == "plain":
        return WholeLite(network, spec.frozen_blocks, tail)
    try:
        features, components = given.tensors["kernel.components"].shape
        centres = len(given.tensors["kernel.centres"])
    except KeyError as error:
        raise BundleIncompatibleError(f"the weights lack {error}") from error
    kernel = KernelClassifier(features, components, centres, classes)
    return StartedLite(network, spec.frozen_blocks, tail, backbone(spec.backbone), kernel)


def network_from_bundle(folder: Path, store: Store) -> tuple[nn.Module, BundleWeights]:
    """The trained network with what is known of it: a `WholeLite` or `StartedLite` for partial_finetune, an
    `ImageNetwork` for finetune and scratch, each strictly as it was when the bundle was written.

    Raises what `read_weights` raises, and BundleIncompatibleError for a bundle of no torch network or of another shape.
    """
    given = read_weights(folder)
    spec, classes = given.spec, len(given.classes)
    if spec.recipe in PROBE_OPTIMIZERS:
        raise BundleIncompatibleError(f"{folder} is a probe: it has no network of its own to train on")
    if spec.recipe == "partial_finetune":
        network: nn.Module = _tail_network(given, classes)
    else:
        network = ImageNetwork(store, spec.backbone, classes, pretrained=False)
    try:
        network.load_state_dict(
            {name: torch.from_numpy(np.array(value)) for name, value in given.tensors.items()}
        )
    except RuntimeError as error:
        raise BundleIncompatibleError(f"{folder} has the weights of another network: {error}") from error
    return network, given
