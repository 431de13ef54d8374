import pytest
import torch

from ml.training.history import Tally, best_epoch, has_stalled


def line(epoch: int, accuracy: float | None, loss: float | None = 1.0) -> dict:
    return {"epoch": epoch, "val_accuracy": accuracy, "val_loss": loss}


def test_the_best_epoch_has_the_highest_accuracy_then_the_lowest_loss():
    assert best_epoch([line(1, 0.8), line(2, 0.9, 0.5), line(3, 0.9, 0.4), line(4, 0.85)]) == 3


def test_without_validation_the_last_epoch_is_taken_and_nothing_stalls():
    history = [line(1, None, None), line(2, None, None)]
    assert best_epoch(history) == 2
    assert not has_stalled(history, 1)


@pytest.mark.parametrize(("patience", "stalls_after"), [(0, None), (1, 3), (2, 4), (3, None)])
def test_training_stalls_after_so_many_epochs_without_a_better_validation(patience, stalls_after):
    accuracies = [0.5, 0.8, 0.7, 0.79, 0.9, 0.85]
    history, stalled = [], None
    for epoch, accuracy in enumerate(accuracies, 1):
        history.append(line(epoch, accuracy))
        if stalled is None and has_stalled(history, patience):
            stalled = epoch
    assert stalled == stalls_after


def test_a_tally_weighs_losses_by_photos_and_reads_only_what_is_new():
    tally = Tally(batch=4)
    tally.add(torch.tensor(1.0), torch.tensor(3))
    tally.add(torch.tensor(4.0), torch.tensor(0))
    assert tally.read() == 2.5
    assert (tally.loss, tally.right, tally.seen) == (20.0, 3, 8)
    tally.add(torch.tensor(0.5), torch.tensor(1))
    assert tally.read() == 0.5
    assert (tally.right, tally.seen) == (4, 12)


def test_a_team_counts_what_all_have_counted():
    tally = Tally(4, whole=lambda mine: mine + 1)
    tally.add(torch.tensor(1.0), torch.tensor(2))
    assert tally.read() == 2.0
    assert tally.right == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run_with_advice(value):
    tally = Tally(batch=4)
    tally.add(torch.tensor(value), torch.tensor(0))
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        tally.read()
