"""A training run: a snapshot, a recipe's spec, a seed; and what each epoch measured."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from webapp.datasets.models import Dataset
from webapp.jobs.models import Job
from webapp.snapshots.models import Snapshot


def new_folder_name() -> str:
    return uuid.uuid4().hex


class Run(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField()
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="runs")
    # The job holds state, progress, error and log: a run's state is its job's.
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="run")
    folder = models.CharField(max_length=32, unique=True, default=new_folder_name)
    recipe = models.CharField(max_length=32)
    spec = models.JSONField()
    seed = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=500, blank=True, default="")
    device = models.CharField(max_length=64, blank=True, default="")
    best_epoch = models.PositiveIntegerField(null=True, blank=True)
    val_accuracy = models.FloatField(null=True, blank=True)
    val_n = models.PositiveIntegerField(null=True, blank=True)
    test_accuracy = models.FloatField(null=True, blank=True)
    test_n = models.PositiveIntegerField(null=True, blank=True)
    test_low = models.FloatField(null=True, blank=True)
    test_high = models.FloatField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    steps = models.JSONField(default=list, blank=True, help_text="thinned [[epoch, step, loss], …]")
    log_sha256 = models.CharField(max_length=64, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="run_number_once_per_dataset")
        ]

    def __str__(self) -> str:
        return f"{self.dataset} · {self.number}"


class EpochMetric(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="epochs")
    epoch = models.PositiveIntegerField()
    epochs = models.PositiveIntegerField()
    train_loss = models.FloatField(null=True)
    train_accuracy = models.FloatField(null=True)
    val_loss = models.FloatField(null=True)
    val_accuracy = models.FloatField(null=True)
    lr = models.FloatField(null=True)
    seconds = models.FloatField(null=True)

    class Meta:
        ordering = ["epoch"]
        constraints = [models.UniqueConstraint(fields=["run", "epoch"], name="epoch_once_per_run")]
