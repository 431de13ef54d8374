"""Every address × every role, against a table. An address that stands in no row fails the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.support.crawl_rows import add_candidates, add_crawl
from tests.support.rows import add_images, add_job, add_snapshot
from webapp.accounts.access import PUBLIC, access_of
from webapp.cleaning.models import DuplicateGroup, Suspect
from webapp.datasets.models import Category, ClassOperation, LabelClass
from webapp.exports.models import Export
from webapp.ingest.models import UploadBatch
from webapp.preparing.models import Preparation
from webapp.publishing.models import Bundle, PublishedModel
from webapp.runs.models import Run
from webapp.snapshots.plans import SnapshotPlan

pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "viewer", "annotator", "curator", "admin")

# The least role that may reach an address. Writes are for those who may change what they change.
LEAST_ROLE = {
    **dict.fromkeys(
        ("publishing:home", "publishing:model", "accounts:sign_in", "accounts:link", "accounts:sign_out",
         "set_language", "javascript_catalog"),
        PUBLIC,
    ),
    **dict.fromkeys(
        ("accounts:account", "datasets:list", "datasets:overview", "datasets:work", "datasets:classes",
         "datasets:images", "datasets:inbox", "datasets:ids", "datasets:page", "datasets:counts", "datasets:image",
         "datasets:thumb", "datasets:view", "jobs:queue", "jobs:indicator", "jobs:detail", "jobs:row", "jobs:live",
         "ingest:batch", "ingest:csv", "snapshots:list", "snapshots:detail", "snapshots:row", "snapshots:live",
         "snapshots:manifest", "runs:list", "runs:detail", "runs:live", "runs:log", "evaluations:matrix",
         "evaluations:cell", "evaluations:mistakes", "evaluations:try", "publishing:models", "publishing:card",
         "publishing:download", "datasets:class_history", "snapshots:compare",
         "cleaning:groups", "cleaning:work", "cleaning:suspects", "cleaning:suspects_work",
         "guessing:page", "guessing:work", "guessing:alike_work", "mapping:page", "mapping:work", "mapping:points",
         "mapping:within", "mapping:counts", "exports:list", "exports:detail", "snapshots:report",
         "preparing:home", "preparing:rules", "preparing:counts",
         "preparing:samples", "preparing:within", "preparing:detail", "preparing:live", "preparing:enhanced",
         "preparing:flip", "crawls:list", "crawls:detail", "crawls:thumb", "crawls:review", "crawls:work",
         "crawls:sources", "crawls:credits", "crawls:credits_csv"),
        "viewer",
    ),
    **dict.fromkeys(("datasets:label", "datasets:state", "datasets:undo"), "annotator"),
    **dict.fromkeys(
        ("cleaning:look", "cleaning:decide", "cleaning:undo", "cleaning:keep_best_of_all", "cleaning:check",
         "cleaning:suspect_decide", "cleaning:suspect_undo", "guessing:fit", "guessing:accept",
         "guessing:undo", "guessing:alike", "mapping:draw"),
        "annotator",
    ),
    **dict.fromkeys(("crawls:decide", "crawls:undo", "crawls:rank"), "annotator"),
    **dict.fromkeys(
        ("crawls:turn", "accounts:people", "accounts:people_add", "accounts:people_change", "accounts:people_link"),
        "admin",
    ),
    "reviewing:order_work": "viewer",
    **dict.fromkeys(("reviewing:mine", "reviewing:order"), "annotator"),
    **dict.fromkeys(
        ("reviewing:page", "reviewing:give", "reviewing:take_back", "reviewing:hand_over"), "curator"
    ),
    **dict.fromkeys(("evaluations:relabel", "evaluations:relabel_undo"), "annotator"),
    **dict.fromkeys(
        ("datasets:create", "datasets:train", "datasets:class_add", "datasets:class_edit", "datasets:bins",
         "datasets:class_merge", "datasets:class_preset", "datasets:class_undo", "datasets:class_delete",
         "datasets:class_move", "datasets:category_edit", "datasets:split", "datasets:reference",
         "datasets:original", "jobs:cancel", "ingest:upload", "ingest:open", "ingest:add", "ingest:close",
         "ingest:part", "ingest:arrived", "ingest:discard", "ingest:read_list",
         "snapshots:create", "snapshots:restore", "snapshots:note", "runs:new", "runs:cancel", "runs:again",
         "publishing:publish", "publishing:make_current", "exports:create", "exports:download",
         "snapshots:preview", "snapshots:look", "preparing:start", "preparing:undo", "preparing:make",
         "preparing:download", "crawls:new", "crawls:fill", "crawls:go_on", "crawls:discard", "crawls:check"),
        "curator",
    ),
}  # fmt: skip


def routes(resolver: URLResolver, space: str = "") -> Iterator[tuple[str, URLPattern]]:
    for part in resolver.url_patterns:
        if isinstance(part, URLResolver):
            yield from routes(part, f"{part.namespace}:" if part.namespace else space)
        else:
            yield f"{space}{part.name}", part


ALL_ROUTES = dict(routes(get_resolver()))


@pytest.fixture
def world(dataset):
    """One row of everything that an address can name; values for the address's parts."""
    label = LabelClass.objects.create(dataset=dataset, key="glass")
    category = Category.objects.create(dataset=dataset, key="recyclable", bin="recyclable")
    operation = ClassOperation.objects.create(dataset=dataset, kind="edit")
    image = add_images(dataset, 1, label)[0]
    snapshot = add_snapshot(dataset)
    job = add_job(dataset, "train", "succeeded")
    run = Run.objects.create(
        dataset=dataset, number=1, snapshot=snapshot, job=job, recipe="linear_probe", spec={}
    )
    bundle = Bundle.objects.create(run=run, digest="0" * 64, size=1, labels=[])
    model = PublishedModel.objects.create(dataset=dataset, bundle=bundle)
    batch = UploadBatch.objects.create(dataset=dataset)
    export = Export.objects.create(dataset=dataset)
    group = DuplicateGroup.objects.create(dataset=dataset, best=image)
    suspect = Suspect.objects.create(dataset=dataset, image=image, kind="label", score=0.9)
    preparation = Preparation.objects.create(dataset=dataset, step="sizes", job=job)
    crawl = add_crawl(label, "finished")
    (item,) = add_candidates(crawl, 1, "candidate", sha256=image.sha256)
    return {
        "slug": dataset.slug,
        "number": 1,
        "sha256": image.sha256,
        "token": "nonsense",
        "transform": "hflip",
        "key": "openverse",
        "pk": {
            "datasets:image": image.pk,
            "datasets:class_edit": label.pk,
            "datasets:class_delete": label.pk,
            "datasets:class_move": label.pk,
            "datasets:class_undo": operation.pk,
            "datasets:category_edit": category.pk,
            "ingest": batch.pk,
            "jobs": job.pk,
            "publishing": model.pk,
            "cleaning": group.pk,
            "guessing": image.pk,
            "cleaning:suspect_decide": suspect.pk,
            "cleaning:suspect_undo": suspect.pk,
            "exports": export.pk,
            "snapshots:report": add_job(dataset, "preview", payload={"plan": SnapshotPlan().as_json()}).pk,
            "preparing": preparation.pk,
            "crawls": label.pk,
            "crawls:thumb": item.pk,
            "accounts": dataset.created_by_id,
        },
    }


def address(name: str, world: dict) -> str:
    pattern = ALL_ROUTES[name].pattern
    keys = set(pattern.converters) | set(getattr(getattr(pattern, "regex", None), "groupindex", {}))
    parent = (
        {"slug"}
        if name.split(":")[0]
        in (
            "ingest",
            "snapshots",
            "runs",
            "evaluations",
            "cleaning",
            "guessing",
            "mapping",
            "exports",
            "preparing",
            "crawls",
            "reviewing",
        )
        else set()
    )
    parent |= {"slug"} if name.startswith("publishing:") and name not in ("publishing:home",) else set()
    parent |= {"number"} if name.startswith("evaluations:") else set()
    values = {}
    for key in keys | parent:
        values[key] = (
            world[key] if key != "pk" else world["pk"].get(name, world["pk"].get(name.split(":")[0]))
        )
    return reverse(name, kwargs=values)


def test_every_address_stands_in_the_table():
    assert set(ALL_ROUTES) == set(LEAST_ROLE)


@pytest.mark.parametrize("name", sorted(ALL_ROUTES))
def test_each_view_declares_what_the_table_says(name):
    assert access_of(ALL_ROUTES[name].callback) == LEAST_ROLE[name]


@pytest.mark.parametrize("name", sorted(name for name, least in LEAST_ROLE.items() if least != PUBLIC))
def test_an_address_opens_for_its_role_and_those_above_and_for_nobody_else(
    name, world, viewer, annotator, curator, admin, client_of
):
    people = {"viewer": viewer, "annotator": annotator, "curator": curator, "admin": admin}
    target = address(name, world)
    for method in ("get", "post"):
        answer = getattr(Client(), method)(target)
        assert answer.status_code == 302, (name, method, "anonymous")
        assert answer["Location"].startswith("/sign-in/")
        for role in ROLES[1:]:
            client = client_of(people[role])
            client.raise_request_exception = False
            status = getattr(client, method)(target).status_code
            assert status < 500, (name, method, role, status)
            refused = status == 403
            assert refused == (ROLES.index(role) < ROLES.index(LEAST_ROLE[name])), (
                name,
                method,
                role,
                status,
            )


@pytest.mark.parametrize("name", sorted(name for name, least in LEAST_ROLE.items() if least == PUBLIC))
def test_a_public_address_asks_nobody_to_sign_in(name, world):
    answer = Client().get(address(name, world))
    assert answer.status_code != 403
    assert not answer.headers.get("Location", "").startswith("/sign-in/?")


@pytest.mark.parametrize(
    "name", [name for name, least in LEAST_ROLE.items() if least in ("annotator", "curator")]
)
def test_no_state_changes_by_get(name, world, admin, client_of):
    """A form's page may be read; everything else refuses GET or only sends the reader elsewhere."""
    pages = {"datasets:create", "datasets:bins", "ingest:upload", "snapshots:create", "runs:new", "datasets:class_edit",
             "datasets:class_add", "datasets:original", "datasets:class_merge", "datasets:class_delete",
             "datasets:category_edit", "exports:download", "snapshots:preview", "preparing:download"}  # fmt: skip
    client = client_of(admin)
    client.raise_request_exception = False
    pages |= {"crawls:new", "crawls:fill"}
    pages |= {"ingest:arrived", "crawls:check"}  # readings for who may send
    pages |= {"reviewing:page", "reviewing:mine"}
    status = client.get(address(name, world)).status_code
    assert status == 405 or name in pages, (name, status)


def test_a_post_without_the_csrf_token_is_refused(admin, dataset):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(reverse("datasets:train", args=[dataset.slug])).status_code == 403


def test_every_answer_carries_a_policy_without_inline_script(client):
    policy = client.get("/sign-in/")["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "style-src 'self';" in policy + ";"
