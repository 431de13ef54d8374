"""What a person decides about: groups of near-duplicates, and photos whose label or look is in doubt."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.datasets.models import Dataset, Image, ImageState, LabelClass

# What is compared and asked about; a photo in quarantine is out of the data set already.
ACTIVE = (ImageState.INBOX, ImageState.ACCEPTED)


class GroupState(models.TextChoices):
    OPEN = "open", _("Open")
    DECIDED = "decided", _("Decided")


class Decision(models.TextChoices):
    KEPT_BEST = "kept_best", _("The best was kept, the others are in quarantine")
    KEPT_ALL = "kept_all", _("All were kept: no duplicates")


class DuplicateGroup(models.Model):
    """Photos that look alike. A decided group stays: it is the memory that two photos are not asked about again.

    Whether its labels differ is not stored: labels change in many places, and a stored flag would be late.
    See `selectors.open_groups`.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="duplicate_groups")
    state = models.CharField(max_length=16, choices=GroupState.choices, default=GroupState.OPEN)
    best = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="+")
    best_is_chosen = models.BooleanField(
        default=False, help_text="by a person, so that no later look moves it"
    )
    # Grows with each change; who decides names the version that was seen.
    version = models.PositiveIntegerField(default=1)
    pairs = models.JSONField(default=list, help_text="[[image, image, cosine or null, bits, mirrored], …]")
    decision = models.CharField(max_length=16, choices=Decision.choices, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    # The last thing a person did to it; groups that were decided by one click share it.
    last_act = models.UUIDField(null=True, blank=True)
    acts = models.JSONField(default=list, help_text="what can be undone, the last one first to go")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["dataset", "state", "-id"], name="duplicates_by_state"),
            models.Index(fields=["dataset", "-decided_at", "-id"], name="duplicates_by_decision"),
            models.Index(fields=["last_act"], name="duplicates_by_act"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state=GroupState.OPEN, decision="", decided_at__isnull=True)
                | models.Q(state=GroupState.DECIDED, decision__in=Decision.values, decided_at__isnull=False),
                name="duplicates_decided_or_open",
            ),
        ]

    def __str__(self) -> str:
        return f"duplicates {self.pk}"


class DuplicateMember(models.Model):
    group = models.ForeignKey(DuplicateGroup, on_delete=models.CASCADE, related_name="members")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="duplicate_members")
    # Repeats the group's state, so that the database itself can hold an image to one open group.
    is_open = models.BooleanField(default=True)
    similarity = models.FloatField(null=True, blank=True, help_text="cosine of the embeddings with the best")
    bits = models.PositiveSmallIntegerField(help_text="in which the hashes of it and the best differ")
    is_mirrored = models.BooleanField(default=False, help_text="the mirrored hash was the nearer one")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["group", "image"], name="image_once_per_duplicate_group"),
            models.UniqueConstraint(
                fields=["image"], condition=models.Q(is_open=True), name="image_in_one_open_duplicate_group"
            ),
            models.CheckConstraint(condition=models.Q(bits__lte=64), name="duplicate_bits_of_64"),
            models.CheckConstraint(
                condition=models.Q(similarity__isnull=True)
                | models.Q(similarity__gte=-1.01, similarity__lte=1.01),
                name="duplicate_similarity_is_a_cosine",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.image_id} of {self.group_id}"


class SuspectKind(models.TextChoices):
    LABEL = "label", _("Label in doubt")
    ODD = "odd", _("Unlike the others")


class Verdict(models.TextChoices):
    ACCEPTED = "accepted", _("The suggested class was taken")
    KEPT = "kept", _("The label was confirmed")
    OUT = "out", _("Put into quarantine")


class Suspect(models.Model):
    """A photo that the last check of labels doubts: it carries a wrong label, or is unlike all others.

    A decided one stays: it is the memory that the photo is not asked about again while it keeps its label.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="suspects")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="suspects")
    kind = models.CharField(max_length=8, choices=SuspectKind.choices)
    score = models.FloatField(help_text="label: 0 to 1, how little it fits; odd: modified z-score")
    # The label that was checked; once the photo has another one, the doubt is void.
    given = models.ForeignKey(LabelClass, null=True, on_delete=models.CASCADE, related_name="+")
    suggested = models.ForeignKey(LabelClass, null=True, on_delete=models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=12, choices=Verdict.choices, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    # The act on the photo that the verdict was, if it was one.
    operation = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering = ["-score", "-id"]
        indexes = [
            models.Index(fields=["dataset", "kind", "verdict", "-score", "-id"], name="suspects_by_score"),
            models.Index(fields=["dataset", "kind", "-decided_at", "-id"], name="suspects_by_decision"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["image", "kind"], name="image_suspect_once_of_a_kind"),
            models.CheckConstraint(
                condition=models.Q(verdict="", decided_at__isnull=True)
                | models.Q(verdict__in=Verdict.values, decided_at__isnull=False),
                name="suspect_decided_or_open",
            ),
        ]

    def __str__(self) -> str:
        return f"suspect {self.pk}"


class ComparedImage(models.Model):
    """An image that was compared with all others: the next look compares only those that stand not here.

    And those with `again`: a pair of theirs found no place, since one of the two stands in another group that waits.
    """

    image = models.OneToOneField(Image, primary_key=True, on_delete=models.CASCADE, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="+")
    again = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"compared {self.image_id}"
