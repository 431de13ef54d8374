"""Whatever people do to classes and labels, in whatever order: histories join up, nothing is lost, undo undoes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.support.rows import add_images, add_snapshot, freeze
from webapp.datasets.class_services import class_delete, class_edit, class_split, classes_merge
from webapp.datasets.errors import DatasetError
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import ClassOperation, LabelClass, LabelEvent
from webapp.datasets.operations import class_operation_undo
from webapp.datasets.selectors import class_choices
from webapp.datasets.services import category_for_bin, class_create, class_get_or_create
from webapp.datasets.undoing import operation_undo
from webapp.snapshots.services import snapshot_restore_labels

pytestmark = pytest.mark.django_db

PHOTOS = 6
place = st.integers(0, 7)
photos = st.sets(st.integers(0, PHOTOS - 1), min_size=1)
ACTS = st.one_of(
    st.tuples(st.just("label"), photos, place),
    st.tuples(st.just("unlabel"), photos, place),
    st.tuples(st.just("quarantine"), photos, place),
    st.tuples(st.just("merge"), st.sets(place, min_size=1, max_size=2), place),
    st.tuples(st.just("delete"), place, st.one_of(st.none(), place)),
    st.tuples(st.just("split"), photos, place),
    st.tuples(st.just("rename"), place, st.sampled_from(["Cup", "杯子", "50% off"])),
    st.tuples(st.just("bin"), place, st.sampled_from(["kitchen", "other"])),
    st.tuples(st.just("folder"), place, place),
    st.tuples(st.just("restore"), place, place),
    st.tuples(st.just("undo"), place, place),
)


class World:
    """A data set with three classes and a frozen snapshot, and everything done to it so far."""

    def __init__(self, dataset, curator):
        self.dataset, self.curator = dataset, curator
        first = [class_create(dataset=dataset, name=name) for name in ("towel", "cloth", "sponge")]
        self.images = [add_images(dataset, 1, first[i % 3])[0].pk for i in range(PHOTOS)]
        self.snapshot = add_snapshot(dataset)
        freeze(self.snapshot)
        self.frozen = self.of_snapshot()
        self.done: list[tuple[str, object]] = []
        self.splits = 0

    def of_snapshot(self):
        return (
            list(self.snapshot.classes.values_list("key", "position", "name_en")),
            list(self.snapshot.items.values_list("sha256", "label__key", "split")),
        )

    def nth(self, at):
        """One of the open classes."""
        rows = list(self.dataset.classes.filter(is_retired=False))
        return rows[at % len(rows)] if rows else None

    def ids(self, chosen):
        return [self.images[at] for at in chosen]

    def seen(self):
        """All that an undo must restore."""
        return (
            list(self.dataset.images.order_by("pk").values_list("pk", "label", "state", "state_reason")),
            list(
                self.dataset.classes.order_by("pk").values_list(
                    "pk", "key", "name_en", "name_zh", "category", "is_retired", "merged_into"
                )
            ),
        )

    def act(self, kind, what, other):
        getattr(self, kind)(what, other)

    def keep(self, outcome):
        if outcome.changed:
            self.done.append(("photos", outcome.operation))

    def label(self, chosen, at):
        row = self.nth(at)
        if row is not None:
            self.keep(images_label(dataset=self.dataset, ids=self.ids(chosen), label=row, actor=self.curator))

    def unlabel(self, chosen, _at):
        self.keep(images_label(dataset=self.dataset, ids=self.ids(chosen), label=None, actor=self.curator))

    def quarantine(self, chosen, at):
        state = "quarantined" if at % 2 else "accepted"
        ids = self.ids(chosen)
        self.keep(
            images_set_state(dataset=self.dataset, ids=ids, state=state, actor=self.curator, reason="x")
        )

    def merge(self, sources, at):
        rows = {row for one in sources if (row := self.nth(one)) is not None}
        if rows:
            made = classes_merge(
                sources=sorted(rows, key=lambda r: r.pk), into=self.nth(at), actor=self.curator
            )
            self.done.append(("classes", made.operation))

    def delete(self, at, to):
        row = self.nth(at)
        if row is not None:
            made = class_delete(label_class=row, to=None if to is None else self.nth(to), actor=self.curator)
            self.done.append(("classes", made.operation))

    def split(self, chosen, _at):
        self.splits += 1
        name = f"split {self.splits}"
        class_split(dataset=self.dataset, ids=self.ids(chosen), name=name, actor=self.curator)
        self.done.append(("classes", self.dataset.class_operations.first().operation))

    def edited(self, row, **values):
        before = self.dataset.class_operations.count()
        class_edit(label_class=row, actor=self.curator, **values)
        if self.dataset.class_operations.count() > before:
            self.done.append(("classes", self.dataset.class_operations.first().operation))

    def rename(self, at, name):
        row = self.nth(at)
        if row is not None:
            self.edited(row, name_en=name, name_zh=row.name_zh)

    def bin(self, at, of_bin):
        row = self.nth(at)
        if row is not None:
            self.edited(row, category=category_for_bin(dataset=self.dataset, bin=of_bin))

    def folder(self, at, _other):
        """An import brings a folder with the key of a class that may be closed by now."""
        rows = list(self.dataset.classes.order_by("pk"))
        found, _created = class_get_or_create(dataset=self.dataset, name=rows[at % len(rows)].key)
        assert not found.is_retired

    def restore(self, _at, _other):
        made = snapshot_restore_labels(snapshot=self.snapshot, actor=self.curator)
        self.done.append(("classes", made.operation))
        frozen = dict(self.snapshot.items.values_list("sha256", "label__key"))
        now = dict(self.dataset.images.values_list("sha256", "label__key"))
        assert {sha: now[sha] for sha in frozen} == frozen

    def undo(self, at, _other):
        if self.done:
            self.take_back(*self.done[-1 - at % len(self.done)])

    def take_back(self, kind, operation):
        if kind == "photos":
            operation_undo(dataset=self.dataset, operation=operation, actor=self.curator)
        else:
            first = ClassOperation.objects.get(operation=operation)
            made, _kept = class_operation_undo(operation=first, actor=self.curator)
            self.done.append(("classes", made.operation))


def check(world):
    dataset = world.dataset
    assert dataset.images.count() == PHOTOS
    assert not dataset.images.filter(label__is_retired=True).exists(), "a photo in a closed class"
    assert world.of_snapshot() == world.frozen, "a frozen snapshot changed"
    assert not ClassOperation.objects.filter(finished_at=None).exists()
    for image in dataset.images.all():
        events = list(LabelEvent.objects.filter(image=image).order_by("id"))
        for before, after in pairwise(events):
            assert (before.new_label_id, before.new_state) == (after.old_label_id, after.old_state)
        if events:
            assert (events[-1].new_label_id, events[-1].new_state) == (image.label_id, image.state)
    into = dict(LabelClass.objects.values_list("pk", "merged_into"))
    for start in into:
        seen, here = set(), start
        while here is not None:
            assert here not in seen, "classes merged in a ring"
            seen.add(here)
            here = into[here]
    shown = sum(one.n for one in class_choices(dataset))
    assert shown == dataset.images.filter(state="accepted", label__isnull=False).count()


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=st.lists(ACTS, min_size=1, max_size=8))
def test_histories_join_up_nothing_is_lost_and_the_last_act_can_be_taken_back(dataset, curator, acts):
    with transaction.atomic():
        world = World(dataset, curator)
        for kind, what, other in acts:
            before, count = world.seen(), len(world.done)
            try:
                world.act(kind, what, other)
            except DatasetError as error:
                note(f"{kind} refused: {error}")
                assert world.seen() == before, "what was refused changed something"
            check(world)
            if kind != "undo" and len(world.done) > count:
                after = world.seen()
                world.take_back(*world.done[-1])
                check(world)
                taken = [
                    row for row in world.seen()[1] if not (kind == "split" and row[1].startswith("split"))
                ]
                assert world.seen()[0] == before[0], f"undoing {kind} left photos changed"
                assert taken == [r for r in before[1] if not (kind == "split" and r[1].startswith("split"))]
                if kind in ("merge", "delete", "rename", "bin"):
                    world.take_back(*world.done[-1])
                    assert world.seen() == after, f"doing {kind} again by undoing its undoing"
                    check(world)
        transaction.set_rollback(True)
