"""How far a network that corrects another model's answers is to be believed.

It learns on photos whose labels it comes to know by heart, so its logits are too sure elsewhere; one factor, found on
the validation photos, makes up for that. 0 leaves the other model's answers as they are.
"""

from __future__ import annotations

import numpy as np
import torch

from ml.backbones.embed import Matrix
from ml.backbones.networks import LiteTail
from ml.evaluation.metrics import Labels, log_loss
from ml.training.logistic import softmax

FACTORS = tuple(float(one) for one in np.linspace(0, 1, 21).round(2))


def choose_trust(start: Matrix, correction: Matrix, labels: Labels) -> float:
    """The factor f of FACTORS with the least log loss of softmax(start + f * correction), both (n, c)."""
    losses = [log_loss(softmax(start + np.float32(one) * correction), labels) for one in FACTORS]
    return FACTORS[int(np.argmin(losses))]


def scale_head(tail: LiteTail, trust: float) -> None:
    """Make the tail's logits `trust` times what they are."""
    with torch.no_grad():
        tail.classifier.weight.mul_(trust)
        tail.classifier.bias.mul_(trust)
