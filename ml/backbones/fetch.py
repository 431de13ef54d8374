"""Fetching pretrained weights from torchvision's server, with torchvision's own loader. Imports torch."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from http.client import HTTPException

import torchvision
from torch.hub import load_state_dict_from_url

from ml.backbones.weights import (
    Weights,
    WeightsCorruptError,
    WeightsMissingError,
    backbone_available,
    find_weights,
)
from ml.durable import make_folder
from ml.pretrained import PRETRAINED, how_to_get
from ml.store import Store

# A server that says nothing for so long will not say anything.
_PATIENCE_SECONDS = 60.0


class FetchError(Exception):
    """The weights could not be fetched; the message says why and what to do."""


def fetch_weights(store: Store, name: str) -> Weights:
    """The weights of backbone `name`, fetched into the store's own folder unless they are on this machine.

    What is fetched appears under its name only when it is whole and its sha256 begins as its name promises.
    Raises FetchError, also for weights that come as a package; KeyError for an unknown backbone.
    """
    if backbone_available(store, name) is None:
        return find_weights(store, name)
    wanted = PRETRAINED[name]
    if wanted.package:
        raise FetchError(how_to_get(store, name))
    make_folder(store.weights)
    (store.weights / wanted.file).unlink(missing_ok=True)  # if it is there it is damaged
    try:
        # The loader tells its progress on stdout too, where only results belong.
        with _silence_of_at_most(_PATIENCE_SECONDS), redirect_stdout(sys.stderr):
            load_state_dict_from_url(
                source(name), model_dir=str(store.weights), check_hash=True, weights_only=True
            )
        return find_weights(store, name)
    except (OSError, HTTPException, RuntimeError, WeightsMissingError, WeightsCorruptError) as error:
        raise FetchError(
            f"The weights of {wanted.title} could not be fetched ({_reason(error)}): try again later, or fetch "
            f"{source(name)} on another machine and put the file into {store.weights}."
        ) from error


def source(name: str) -> str:
    """The address of a ResNet's first ImageNet weights, as torchvision has it."""
    return str(torchvision.models.get_model_weights(name).IMAGENET1K_V1.url)


def _reason(error: Exception) -> str:
    """The last cause in words: urllib wraps what the socket said."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(getattr(reason, "strerror", None) or reason)


@contextmanager
def _silence_of_at_most(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
