import pytest
import torch
from torch import nn

from ml.training.averaging import averaged


def test_the_average_follows_with_a_decay_that_rises_to_its_value():
    network = nn.Linear(1, 1, bias=False)
    average = averaged(network, 0.5)
    values, expected = [1.0, 2.0, 5.0, 3.0, 8.0, 0.0, 4.0, 9.0, 1.0], None
    for count, value in enumerate(values):
        with torch.no_grad():
            network.weight.fill_(value)
        average.update_parameters(network)
        decay = min(0.5, (1 + count) / (10 + count))
        expected = value if expected is None else decay * expected + (1 - decay) * value
        assert average.module.weight.item() == pytest.approx(expected)


def test_running_statistics_are_averaged_too():
    network = nn.BatchNorm1d(1)
    average = averaged(network, 0.9)
    for value in (0.0, 10.0):
        network.running_mean.fill_(value)
        average.update_parameters(network)
    # The second update has the decay 2 / 11.
    assert average.module.running_mean.item() == pytest.approx(10 * 9 / 11)


def test_training_the_network_does_not_change_the_average_by_itself():
    network = nn.Linear(1, 1)
    average = averaged(network, 0.9)
    before = average.module.weight.clone()
    with torch.no_grad():
        network.weight.add_(1)
    assert torch.equal(average.module.weight, before)
