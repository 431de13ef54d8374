"""A data set's models in the studio: publish, go back, download, read the card."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.access import allow
from webapp.accounts.models import Role, User
from webapp.datasets.selectors import dataset_for
from webapp.publishing.bundles import bundle_archive, card_text
from webapp.publishing.card import render_card
from webapp.publishing.models import PublishedModel
from webapp.publishing.selectors import models_of
from webapp.publishing.services import PublishError, model_make_current, run_publish
from webapp.runs.models import Run


@allow(Role.VIEWER)
@require_safe
def models(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(_user(request), slug)
    context = {
        "dataset": dataset,
        "section": "models",
        "models": models_of(dataset),
        "public_url": request.build_absolute_uri(reverse("publishing:model", args=[dataset.slug])),
        "may_publish": _user(request).may(Role.CURATOR),
    }
    return render(request, "publishing/models.html", context)


@allow(Role.CURATOR)
@require_POST
def publish(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    dataset = dataset_for(_user(request), slug)
    run = get_object_or_404(Run.objects.select_related("dataset", "job"), dataset=dataset, number=number)
    try:
        run_publish(run=run, published_by=_user(request))
    except PublishError as error:
        messages.error(request, str(error.sentence))
        return redirect("runs:detail", slug=dataset.slug, number=number)
    messages.success(
        request, _("Run %(number)s is published: the public page uses it now.") % {"number": number}
    )
    return redirect("publishing:models", slug=dataset.slug)


@allow(Role.CURATOR)
@require_POST
def make_current(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    model = _model_for(request, slug, pk)
    try:
        model_make_current(model=model, published_by=_user(request))
    except PublishError as error:
        messages.error(request, str(error.sentence))
    else:
        number = model.bundle.run.number
        messages.success(
            request, _("The public page uses the model of run %(number)s now.") % {"number": number}
        )
    return redirect("publishing:models", slug=slug)


@allow(Role.VIEWER)
@require_safe
def card(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    model = _model_for(request, slug, pk)
    text = card_text(model.bundle)
    if text is None:
        raise Http404(_("The files of this model are gone."))
    context = {"dataset": model.dataset, "section": "models", "model": model, "card": render_card(text)}
    return render(request, "publishing/card.html", context)


@allow(Role.VIEWER)
@require_safe
def download(request: HttpRequest, slug: str, pk: int) -> HttpResponseBase:
    model = _model_for(request, slug, pk)
    archive = bundle_archive(model.bundle)
    if archive is None:
        raise Http404(_("The files of this model are gone."))
    name = f"{model.dataset.slug}-run-{model.bundle.run.number}.zip"
    return FileResponse(archive, as_attachment=True, filename=name, content_type="application/zip")


def _model_for(request: HttpRequest, slug: str, pk: int) -> PublishedModel:
    found: PublishedModel = get_object_or_404(models_of(dataset_for(_user(request), slug)), pk=pk)
    return found


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
