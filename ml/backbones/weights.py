"""Pretrained weights on this machine, their bytes checked; and how to fetch them. Torch only where it fetches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ml.backbones.registry import backbone
from ml.pretrained import how_to_get, promised_digits, weights_file
from ml.store import Store


class WeightsMissingError(Exception):
    """The weights are not on this machine; the message says how to get them."""


class WeightsCorruptError(Exception):
    """The file's bytes are not those its name promises, or not those of this network."""


@dataclass(frozen=True)
class Weights:
    """A weights file and the sha256 of its bytes."""

    backbone: str
    path: Path
    sha256: str


def find_weights(store: Store, name: str) -> Weights:
    """The weights of backbone `name`: the store's own file first, then what is installed or cached.

    Raises WeightsMissingError where there is none, WeightsCorruptError where the hash is not the promised
    one.
    """
    backbone(name)
    path = weights_file(store, name)
    if path is None:
        raise WeightsMissingError(how_to_get(store, name))
    digest, promised = _sha256(path), promised_digits(path)
    if not digest.startswith(promised):
        raise WeightsCorruptError(f"{path} is damaged: its sha256 does not begin with {promised}")
    return Weights(name, path, digest)


def backbone_available(store: Store, name: str) -> str | None:
    """None where the weights are on this machine, else the sentence to show a person."""
    try:
        find_weights(store, name)
    except (WeightsMissingError, WeightsCorruptError) as error:
        return str(error)
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
