"""Writes: a finished bundle recorded, a run published, an earlier model made current, an answer kept."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import User
from webapp.core.store import site_store
from webapp.jobs.models import JobState
from webapp.publishing.classify import Answer, BrokenModel, ClassifyError, is_running, warm
from webapp.publishing.models import Bundle, ClassifyRequest, PublishedModel
from webapp.runs.models import Run


class PublishError(Exception):
    """It cannot be published; the sentence says why and what to do."""

    def __init__(self, sentence: str | Promise) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def bundle_record(*, run: Run, digest: str, size: int, labels: Any) -> Bundle:
    """Note the finished bundle of a run. A repeat of the run's last step replaces the note."""
    bundle, _created = Bundle.objects.update_or_create(
        run=run, defaults={"digest": digest, "size": size, "labels": labels}
    )
    return bundle


def run_publish(*, run: Run, published_by: User | None) -> PublishedModel:
    """Point the public page of the run's data set at this run's model. Raises PublishError.

    A model that was published before is made current again instead of being listed twice.
    """
    if run.job.state != JobState.SUCCEEDED:
        raise PublishError(
            _("Only a run that has finished can be published. Wait for it, or start it again.")
        )
    bundle = Bundle.objects.filter(run=run).first()
    if bundle is None:
        raise PublishError(_("This run has left no model. Train again, then publish that run."))
    earlier = PublishedModel.objects.filter(bundle=bundle).first()
    model = earlier or PublishedModel(dataset=run.dataset, bundle=bundle)
    return _switch(model, published_by)


def model_make_current(*, model: PublishedModel, published_by: User | None) -> PublishedModel:
    """Go back (or forward) to a model that was published before. Raises PublishError."""
    return _switch(model, published_by)


def request_record(*, model: PublishedModel, answer: Answer) -> ClassifyRequest:
    """Keep an answer that the public page gave. The photo is not part of it."""
    return ClassifyRequest.objects.create(
        model=model, answer=answer.as_json(), milliseconds=answer.milliseconds
    )


def _switch(model: PublishedModel, published_by: User | None) -> PublishedModel:
    _check_usable(model.bundle)
    if model.pk and model.is_current:
        return model
    model.is_current = True
    model.published_by = published_by
    model.published_at = timezone.now()
    try:
        with transaction.atomic():
            PublishedModel.objects.filter(dataset=model.dataset, is_current=True).update(is_current=False)
            if model.pk:
                model.save(update_fields=["is_current", "published_by", "published_at"])
            else:
                model.save()
    except IntegrityError as error:
        # The constraint allows one current model: another person's click came between our two statements.
        raise PublishError(
            _("Somebody else published at the same moment. Look at the list and try again.")
        ) from error
    return model


def _check_usable(bundle: Bundle) -> None:
    """The files are there, and a living worker has loaded them, so that no visitor finds it broken."""
    if not (site_store().bundle_dir(bundle.digest) / "model.onnx").is_file():
        raise PublishError(_("The files of this model are gone. Train again, then publish that run."))
    if not is_running():
        return
    try:
        warm(bundle.digest)
    except BrokenModel as error:
        raise PublishError(
            _("The files of this model are damaged. Train again, then publish that run.")
        ) from error
    except ClassifyError:
        # Busy or slow just now: the first visitor's photo will load it.
        return
