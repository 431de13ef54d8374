import pytest
import torch

from ml.backbones.networks import LiteTail, WholeLite, lite
from ml.specs import FREEZABLE


@pytest.mark.parametrize("name", FREEZABLE)
@pytest.mark.parametrize("frozen", [1, 5, 6])
def test_frozen_part_and_tail_together_are_the_whole_network(name, frozen):
    torch.manual_seed(0)
    network = lite(name, None).eval()
    whole = WholeLite(network, frozen, LiteTail(network, frozen, 3)).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        logits, embedding = whole(images)
        expected = network.forward_head(network.forward_features(images), pre_logits=True)
    assert logits.shape == (2, 3)
    assert torch.allclose(embedding, expected, atol=1e-5)
