"""Rows that the demo site needs and no command makes; runs inside `manage.py shell` on the site's own data."""

from __future__ import annotations

import json
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from ml.specs import make_spec
from tests.support.demo_crawls import crawl_places
from tests.support.demo_crawls import crawled as crawled
from tests.support.rows import add_job
from webapp.accounts.models import Role, User
from webapp.cleaning.models import SuspectKind
from webapp.cleaning.selectors import group_page
from webapp.cleaning.services import group_keep_best
from webapp.cleaning.suspects import Doubt, check_save, suspect_keep
from webapp.core.management.commands.demo import DESCRIPTION, NAME
from webapp.datasets.class_services import class_edit, class_move
from webapp.datasets.filters import ImageFilter
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import Bin, Dataset, ImageState
from webapp.datasets.operations import class_operation_undo
from webapp.datasets.services import category_for_bin, class_create, dataset_create, dataset_use_preset55
from webapp.guessing.services import fit_request
from webapp.jobs.models import JobKind, JobState
from webapp.mapping.services import map_request
from webapp.preparing import services as preparing
from webapp.preparing.rules import Limits
from webapp.reviewing.selectors import free_photos
from webapp.reviewing.services import order_request, photos_give
from webapp.runs.models import EpochMetric, Run
from webapp.snapshots.models import Snapshot, SnapshotItem, Split
from webapp.snapshots.services import snapshot_request

LOST = (
    "The worker was lost 3 times without getting further, so it is not tried again. "
    "Look at the log: running out of memory is the usual reason."
)
BEGINNING = """\
08:41:02 reading 484 photos of snapshot 1
08:41:03 backbone efficientnet_lite0, 3.4 M parameters, 2 blocks thawed
08:41:19 epoch 1 of 8: train loss 1.912, validation accuracy 61.2 %
08:41:34 epoch 2 of 8: train loss 1.140, validation accuracy 74.5 %
"""
LOG = BEGINNING + "08:41:35 the process was ended by signal 9\n"


def drawn_dataset() -> None:
    """The demo's data set without its photos, with the four bins that its folders name."""
    dataset = dataset_create(name=NAME, description=DESCRIPTION, is_drawn=True)
    for one in Bin:
        category_for_bin(dataset=dataset, bin=one)


def datasets() -> None:
    """An empty data set, one with a taxonomy and no photo, and one that has just begun."""
    admin = User.objects.get(username="admin")
    dataset_create(name="Canteen trays", created_by=admin)
    taxonomy = dataset_create(
        name="生活垃圾分类：五十五类",
        description="上海市生活垃圾分类目录，四类五十五种。",
        created_by=admin,
    )
    dataset_use_preset55(dataset=taxonomy)
    Dataset.objects.filter(slug="kerbside-trial").update(is_drawn=True)
    begun = dataset_create(name="Workshop offcuts", description="Begun this morning.", created_by=admin)
    for name in ("aluminium", "copper", "plywood"):
        class_create(dataset=begun, name=name)


def history(slug: str) -> None:
    """A photo whose label was changed twice, three in quarantine: what a day's work leaves behind."""
    dataset, admin = Dataset.objects.get(slug=slug), User.objects.get(username="admin")
    photos = list(dataset.images.filter(state=ImageState.ACCEPTED).order_by("-id").values_list("pk", "label"))
    photo, own = photos[0]
    other = dataset.classes.exclude(pk=own).first()
    assert other is not None
    images_label(dataset=dataset, ids=[photo], label=other, actor=admin)
    images_label(dataset=dataset, ids=[photo], label=dataset.classes.get(pk=own), actor=admin)
    class_edit(label_class=other, actor=admin, colour="#7a4fbf")
    class_move(label_class=other, step=1, actor=admin)
    class_operation_undo(operation=dataset.class_operations.latest("id"), actor=admin)
    for (pk, _label), reason in zip(photos[4:7], ("blurred", "several objects", ""), strict=True):
        images_set_state(dataset=dataset, ids=[pk], state=ImageState.QUARANTINED, actor=admin, reason=reason)


def cleaned(slug: str) -> None:
    """One group of near-duplicates is decided; the others wait."""
    dataset, admin = Dataset.objects.get(slug=slug), User.objects.get(username="admin")
    plain = [row for row in group_page(dataset, show="all").rows if not row.is_conflict]
    group_keep_best(group=plain[-1].group, seen=plain[-1].seen, actor=admin)


def doubted(slug: str) -> None:
    """What a check of labels may find: five labels in doubt, one of them decided, and two odd photos."""
    dataset, admin = Dataset.objects.get(slug=slug), User.objects.get(username="admin")
    photos = list(
        dataset.images.filter(state=ImageState.ACCEPTED, label__isnull=False).order_by("id")[::9][:7]
    )
    classes = list(dataset.classes.filter(is_retired=False))
    doubts = []
    for place, photo in enumerate(photos):
        other = next(one for one in classes[place:] + classes if one.pk != photo.label_id)
        kind = SuspectKind.ODD if place > 4 else SuspectKind.LABEL
        score = 4.2 + place if place > 4 else 0.98 - place / 10
        suggested = None if place > 4 else other.pk
        doubts.append(Doubt(photo.pk, kind, score, photo.label_id, suggested))
    check_save(dataset=dataset, suspicion={one.image: min(one.score, 1.0) for one in doubts}, doubts=doubts)
    first = dataset.suspects.get(image=photos[4])
    suspect_keep(suspect=first, seen=first.image.version, actor=admin)


def guessed(slug: str) -> None:
    """The inbox is to be sorted: the job is the site's own to do."""
    fit_request(dataset=Dataset.objects.get(slug=slug), created_by=User.objects.get(username="admin"))


def ordered(slug: str) -> None:
    """The inbox is to be put in order: the job is the site's own to do."""
    order_request(dataset=Dataset.objects.get(slug=slug), created_by=User.objects.get(username="admin"))


def given(slug: str) -> None:
    """The most uncertain photos are shared out between two people, and one of them was put aside."""
    dataset, admin = Dataset.objects.get(slug=slug), User.objects.get(username="admin")
    mei, _is_new = User.objects.get_or_create(username="mei", defaults={"role": Role.ANNOTATOR})
    order = ImageFilter(state=ImageState.INBOX, sort="uncertain")
    ids = list(free_photos(dataset, order).values_list("pk", flat=True)[:12])
    photos_give(dataset=dataset, ids=ids, people=[admin, mei], given_by=admin, sort="uncertain")
    images_set_state(
        dataset=dataset, ids=ids[:1], state=ImageState.QUARANTINED, actor=admin, reason="blurred"
    )


def mapped(slug: str) -> None:
    """A map of all photos: the job is the site's own to do."""
    map_request(dataset=Dataset.objects.get(slug=slug), created_by=User.objects.get(username="admin"))


def prepared(slug: str) -> None:
    """Every step of preparation, and the snapshot that the last one is about. The jobs are the site's own to do."""
    dataset, admin = Dataset.objects.get(slug=slug), User.objects.get(username="admin")
    sharpness = list(dataset.images.order_by("sharpness").values_list("sharpness", flat=True)[:4])
    preparing.sizes_start(dataset=dataset, created_by=admin)
    preparing.rules_start(dataset=dataset, limits=Limits(short_side=40, blur=sharpness[-1]), created_by=admin)
    preparing.flips_start(dataset=dataset, created_by=admin)
    preparing.balance_start(dataset=dataset, cap=24, seed=0, flips=True, created_by=admin)
    preparing.statistics_start(dataset=dataset, created_by=admin)
    snapshot_request(
        dataset=dataset, created_by=admin, rule="paper", val=0.05, test=0.05, cap=24, enhanced=True
    )


def enhanced(slug: str) -> None:
    snapshot = Snapshot.objects.filter(dataset__slug=slug, enhanced=True).latest("number")
    preparing.enhance_start(snapshot=snapshot, created_by=User.objects.get(username="admin"))


def failed_run(slug: str) -> None:
    """A run that was given up after its worker was lost too often."""
    snapshot = Snapshot.objects.filter(dataset__slug=slug, state="ready").earliest("number")
    job = add_job(
        snapshot.dataset, JobKind.TRAIN, JobState.FAILED, error=LOST, log_tail=LOG, progress=0.27, losses=3
    )
    _epochs(_run(snapshot, job.pk, "partial_finetune"), 2)


def live_run(slug: str) -> None:
    """A run that stands still in the middle of its work, and one that waits for it.

    Its owner is another machine's worker with a lease of an hour, so nobody takes it over meanwhile.
    """
    snapshot = Snapshot.objects.filter(dataset__slug=slug, state="ready").earliest("number")
    dataset = snapshot.dataset
    job = add_job(
        dataset, JobKind.TRAIN, JobState.RUNNING, progress=0.45, phase="train", eta_seconds=95.0,
        heartbeat_at=timezone.now(), message="epoch 5 of 8", log_tail=BEGINNING, attempt=1,
    )  # fmt: skip
    run = _run(snapshot, job.pk, "partial_finetune")
    _epochs(run, 4)
    add_job(dataset, JobKind.SNAPSHOT, JobState.QUEUED, after=job)
    begun = timezone.now() - timedelta(seconds=12)
    add_job(
        dataset, JobKind.IMPORT, JobState.RUNNING, progress=0.62, message="311 of 502 files", started_at=begun
    )


def _epochs(run: Run, count: int) -> None:
    for epoch in range(1, count + 1):
        EpochMetric.objects.create(
            run=run, epoch=epoch, epochs=8, train_loss=0.1 + 2 / epoch, train_accuracy=1 - 0.45 / epoch,
            val_loss=0.25 + 2 / epoch, val_accuracy=0.94 - 0.4 / epoch, lr=1e-3, seconds=15.0,
        )  # fmt: skip


def _run(snapshot: Snapshot, job: int, recipe: str) -> Run:
    number = 1 + max(Run.objects.filter(dataset=snapshot.dataset).values_list("number", flat=True), default=0)
    return Run.objects.create(
        dataset=snapshot.dataset,
        number=number,
        snapshot=snapshot,
        job_id=job,
        recipe=recipe,
        spec=make_spec(recipe, {}, 0).to_json(),
        created_by=User.objects.get(username="admin"),
    )


def cookies() -> None:
    """Prints session cookies, as JSON by name, of the admin and of a person who may only look."""
    User.objects.get_or_create(username="viewer", defaults={"role": Role.VIEWER})
    found = {}
    for name in ("admin", "viewer"):
        client = Client()
        client.force_login(
            User.objects.get(username=name), backend="django.contrib.auth.backends.ModelBackend"
        )
        found[name] = client.cookies["sessionid"].value
    print(json.dumps(found))


def places(slug: str) -> None:
    """Prints where things are, as JSON: numbers and keys that the addresses of pages contain."""
    dataset = Dataset.objects.get(slug=slug)
    runs = dict(dataset.runs.order_by("-number").values_list("job__state", "number"))
    photo = dataset.images.filter(events__undoes=None).order_by("-events__id").first()
    labelled = dataset.images.filter(state=ImageState.ACCEPTED, events__old_label__isnull=False).first()
    best = dataset.runs.filter(job__state=JobState.SUCCEEDED).order_by("number")
    failed = dataset.jobs.filter(state=JobState.FAILED).latest("id")
    tested = SnapshotItem.objects.filter(snapshot=best[0].snapshot, split=Split.TEST).first()
    current = dataset.published_models.filter(is_current=True).first()
    assert photo is not None
    assert tested is not None
    assert current is not None
    numbers = list(best.values_list("number", flat=True))
    # The one to look at closely: fine-tuned where there is time for it.
    tuned = best.filter(recipe="partial_finetune").values_list("number", flat=True).last() or numbers[-1]
    print(
        json.dumps(
            {
                "demo": slug,
                "map_key": dataset.classes.filter(is_retired=False).first().key,
                "taxonomy": Dataset.objects.get(name__startswith="生活").slug,
                "class": dataset.classes.filter(is_retired=False, category__isnull=False).first().pk,
                "category": dataset.categories.first().pk,
                "image": (labelled or photo).pk,
                "batch": dataset.batches.latest("id").pk,
                "run": numbers[0],
                "last": tuned,
                "live": runs.get(JobState.RUNNING, tuned),
                "failed": runs[JobState.FAILED],
                "job": failed.pk,
                "import": dataset.jobs.filter(kind=JobKind.IMPORT, state=JobState.SUCCEEDED).latest("id").pk,
                "model": current.pk,
                "tested": tested.image_id,
                "enhanced": dataset.snapshots.filter(enhanced=True).latest("number").number,
                **crawl_places(dataset),
                **{f"prepare_{step}": pk for pk, step in dataset.preparations.values_list("pk", "step")},
            }
        )
    )
