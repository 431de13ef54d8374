import numpy as np
import torch

from ml.backbones.networks import LiteTail, lite
from ml.training.trust import FACTORS, choose_trust, scale_head

LABELS = np.tile(np.arange(3), 40).astype(np.int64)
RIGHT = np.eye(3, dtype=np.float32)[LABELS]


def test_a_correction_that_is_right_is_believed_wholly():
    assert choose_trust(np.zeros_like(RIGHT), 2 * RIGHT, LABELS) == 1.0


def test_a_correction_that_is_wrong_is_not_believed():
    assert choose_trust(2 * RIGHT, -3 * RIGHT, LABELS) == 0.0


def test_a_correction_that_is_too_sure_is_believed_in_part():
    """Right three times in four: it should say 3/4 and leave 1/8 to each other class, for which its 20 is log(6)."""
    said = np.where(np.arange(len(LABELS)) % 4 == 0, (LABELS + 1) % 3, LABELS)
    correction = 20 * np.eye(3, dtype=np.float32)[said]
    found = choose_trust(np.zeros_like(RIGHT), correction, LABELS)
    assert found == min(FACTORS, key=lambda one: abs(one - np.log(6) / 20)) == 0.1


def test_a_scaled_head_says_as_much_less():
    torch.manual_seed(0)
    tail = LiteTail(lite("efficientnet_lite0", None), 6, 3).eval()
    maps = torch.randn(2, 192, 4, 4)
    with torch.inference_mode():
        before = tail(maps)
    scale_head(tail, 0.25)
    with torch.inference_mode():
        assert torch.allclose(tail(maps), 0.25 * before, atol=1e-5)
