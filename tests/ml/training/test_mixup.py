import numpy as np
import pytest
import torch
from torch.nn import functional

from ml.training.mixup import Mix, draw_mix

CPU = torch.device("cpu")


@pytest.mark.parametrize("shape", [(6, 3, 8, 8), (6, 112, 4, 4), (6, 20)])
def test_any_batch_is_blended_with_the_partners_in_the_drawn_share(shape):
    x = torch.randn(shape)
    mix = draw_mix(0.4, 6, CPU, seed=1, epoch=2, step=3)
    for place, blend in enumerate(mix.inputs(x)):
        expected = mix.share * x[place] + (1 - mix.share) * x[mix.partner[place]]
        assert torch.allclose(blend, expected)


def test_the_loss_is_that_against_the_blended_answer():
    # Cross-entropy is linear in the answer: blending losses is the loss against the blended one-hot vectors.
    logits, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    mix = Mix(0.7, torch.tensor([4, 3, 0, 1, 2]))
    own = functional.cross_entropy(logits, y, reduction="none")
    partners = functional.cross_entropy(logits, y[mix.partner], reduction="none")
    answers = functional.one_hot(y, 3).float()
    blended = mix.share * answers + (1 - mix.share) * answers[mix.partner]
    expected = functional.cross_entropy(logits, blended, reduction="none")
    assert torch.allclose(mix.losses(own, partners), expected)


def test_a_photo_is_never_less_than_half_itself_and_the_draw_is_betas():
    shares = [draw_mix(0.4, 2, CPU, 0, 1, step).share for step in range(2000)]
    assert min(shares) >= 0.5
    # Beta(0.4, 0.4) has the variance 0.25 / 1.8 around one half, mirrored or not.
    assert np.mean((np.array(shares) - 0.5) ** 2) == pytest.approx(0.25 / 1.8, rel=0.05)


def test_the_draw_is_decided_by_seed_epoch_and_step():
    def drawn(*numbers):
        mix = draw_mix(0.4, 16, CPU, *numbers)
        return mix.share, mix.partner.tolist()

    assert drawn(1, 2, 3) == drawn(1, 2, 3)
    others = [drawn(0, 2, 3), drawn(1, 3, 3), drawn(1, 2, 4)]
    assert all(other != drawn(1, 2, 3) for other in others)


def test_without_mixup_nothing_is_drawn():
    assert draw_mix(0.0, 4, CPU, 0, 1, 0) is None
