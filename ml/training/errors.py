"""What can end a training run besides success, as plain sentences."""

from __future__ import annotations


class TrainingProblemError(Exception):
    """The input cannot be trained on; the message says why and what to do. Exit code 2."""


class RunLockedError(TrainingProblemError):
    """Another trainer lives in this run folder."""


class RunMismatchError(TrainingProblemError):
    """The run folder belongs to another spec or another data set version."""


class StopRequestedError(Exception):
    """SIGTERM arrived; the run stopped after the step it was in. Exit code 143."""
