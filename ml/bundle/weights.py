"""A bundle's weights as plain tensors, with the spec they were trained by: what training can be continued from.

The ONNX graph has its normalisation folded in and cannot be trained; these files can. Never imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError, listed_files, verify
from ml.durable import write_atomic
from ml.manifest import Manifest
from ml.specs import SpecError, TrainSpec

WEIGHTS_FILE = "weights.safetensors"
RECIPE_FILE = "recipe.json"
RECIPE_VERSION = 1

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class BundleWeights:
    """The trained tensors by their name in the recipe's network, its spec and the classes in the order of output."""

    spec: TrainSpec
    classes: tuple[str, ...]
    tensors: Tensors


def write_weights(folder: Path, tensors: Tensors) -> None:
    """Write weights.safetensors durably."""
    plain = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_atomic(folder / WEIGHTS_FILE, save(plain, {"format": "np"}))


def write_recipe(folder: Path, spec: TrainSpec, manifest: Manifest, code_version: str) -> None:
    """Write recipe.json: what made the bundle, so that it can be made again or gone on with."""
    content = {
        "version": RECIPE_VERSION,
        "spec": spec.to_json(),
        "manifest": manifest.digest,
        "code_version": code_version,
        "classes": [info.key for info in manifest.classes],
    }
    write_atomic(folder / RECIPE_FILE, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())


def read_weights(folder: Path) -> BundleWeights:
    """What `folder` was trained by and to, every hash checked.

    BundleCorruptError where a file is damaged, BundleIncompatibleError where the bundle has no weights (version 1)
    or ones that this program does not know.
    """
    verify(folder)
    if not {WEIGHTS_FILE, RECIPE_FILE} <= set(listed_files(folder)):
        raise BundleIncompatibleError(
            f"{folder} holds no weights to go on from; train it again with this program"
        )
    try:
        recipe = json.loads((folder / RECIPE_FILE).read_bytes())
        if recipe["version"] != RECIPE_VERSION:
            raise BundleIncompatibleError(f"{folder / RECIPE_FILE} is of version {recipe['version']!r}")
        spec = TrainSpec.from_json(recipe["spec"])
        tensors = load((folder / WEIGHTS_FILE).read_bytes())
    except (SpecError, KeyError, TypeError) as error:
        raise BundleIncompatibleError(f"{folder / RECIPE_FILE} cannot be used: {error}") from error
    except (ValueError, SafetensorError) as error:
        raise BundleCorruptError(f"{folder} has weights that cannot be read: {error}") from error
    return BundleWeights(spec, tuple(recipe["classes"]), tensors)
