"""Optimizers with one learning rate for the body and another for the last layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import nn

from ml.specs import TrainSpec


class HeadedNetwork(Protocol):
    """A torch module whose last layer learns at a rate of its own."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All parameters."""
        ...

    def head_parameters(self) -> list[nn.Parameter]:
        """The last layer's parameters."""
        ...


def optimizer(spec: TrainSpec, network: HeadedNetwork) -> torch.optim.Optimizer:
    """The spec's optimizer for what may learn in `network`: first group the body, second the head.

    `highest_lr` of a group is the rate that a schedule takes its share of.
    """
    head = network.head_parameters()
    own = {id(parameter) for parameter in head}
    body = [
        parameter
        for parameter in network.parameters()
        if id(parameter) not in own and parameter.requires_grad
    ]
    groups = [
        {"params": body, "lr": spec.lr, "highest_lr": spec.lr},
        {"params": head, "lr": spec.head_lr, "highest_lr": spec.head_lr},
    ]
    if spec.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)
    if spec.optimizer == "adam":
        return torch.optim.Adam(groups, lr=spec.lr, weight_decay=spec.weight_decay)
    return torch.optim.AdamW(groups, lr=spec.lr, weight_decay=spec.weight_decay)
