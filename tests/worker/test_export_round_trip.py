"""What is exported and imported into an empty data set is the same data set: the real writer, the real importer."""

from __future__ import annotations

import json
import shutil
import zipfile
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.support.photos import jpeg
from tests.support.rows import add_snapshot, freeze, image_row
from tests.webapp.datasets.test_class_acts_property import ACTS, World
from webapp.core.store import site_store
from webapp.datasets.class_services import category_edit, class_delete, class_edit, classes_merge
from webapp.datasets.errors import DatasetError
from webapp.datasets.models import Dataset, Image, LabelClass
from webapp.datasets.services import category_create, category_for_bin, class_create, dataset_create
from webapp.exports.content import Content
from webapp.exports.models import ExportFormat
from webapp.exports.writing import write_export
from webapp.ingest.local import batch_add_source, read_path
from webapp.ingest.models import Verdict
from webapp.ingest.services import batch_close, batch_open
from webapp.jobs.models import JobState
from worker.runner import run_job

pytestmark = pytest.mark.django_db(transaction=True)

PHOTO_FIELDS = (
    "sha256", "label__key", "state", "state_reason", "label_origin", "source", "author", "licence", "page_url",
    "original_name", "taken_at", "is_reference", "width", "height", "size",
)  # fmt: skip
CLASS_FIELDS = (
    "key", "name_en", "name_zh", "category__key", "colour", "advice_en", "advice_zh", "is_retired", "merged_into__key",
)  # fmt: skip


def seen(dataset: Dataset) -> dict[str, object]:
    """Everything that must come back."""
    return {
        "photos": {
            (*row[:-1], json.dumps(row[-1], sort_keys=True))
            for row in dataset.images.values_list(*PHOTO_FIELDS, "provenance")
        },
        "classes": list(dataset.classes.values_list(*CLASS_FIELDS)),
        "categories": list(dataset.categories.values_list("key", "name_en", "name_zh", "bin", "colour")),
    }


def exported(dataset: Dataset, path: Path, format: str = "imagefolder", snapshot=None) -> Path:
    write_export(content=Content(dataset, snapshot), format=format, path=path, store=site_store())
    return path


def imported_into_new(path: Path) -> Dataset:
    dataset = dataset_create(name=f"Back {uuid4().hex[:8]}")
    batch = batch_open(dataset=dataset, created_by=None, author="nobody", licence="none")
    batch_add_source(batch=batch, source=read_path(path))
    job = batch_close(batch=batch)
    assert run_job(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    good = (Verdict.SAVED, Verdict.EXPANDED, Verdict.IGNORED)
    assert list(batch.items.exclude(verdict__in=good).values_list("name", "verdict")) == []
    assert not list(site_store().spool.glob("described-*")), "the description went with the import"
    return dataset


def photo(dataset: Dataset, seed: int, name: str, **fields) -> Image:
    """A real photo in the store with a row of its own."""
    blob = site_store().put_blob(BytesIO(jpeg(seed)))
    row = image_row(dataset, seed, **{
        "sha256": blob.sha256, "size": blob.size, "width": 160, "height": 120, "original_name": name, **fields,
    })  # fmt: skip
    row.save()
    return row


NAMES = st.one_of(
    st.sampled_from(
        [
            "glass/1.jpg",
            "paper/1.jpg",
            "1.JPG",
            "照片 一.jpeg",
            "../../etc/passwd",
            "CON.jpg",
            "a\nb.jpg",
            "=cmd|x.jpg",
            "'quoted'.jpg",
            "photo.zip",
            ".hidden.jpg",
            "Thumbs.db",
            "e\u0301.jpg",
            "no suffix",
            "x.png",
            'a,b;"c".jpg',
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
)
FACTS = st.fixed_dictionaries({
    "original_name": NAMES,
    "author": st.sampled_from(["", "Ann", "=Ann", "李雷, 韩梅梅"]),
    "licence": st.sampled_from(["", "CC0", "CC BY 4.0"]),
    "page_url": st.sampled_from(["", "https://example.org/a?b=c,d"]),
    "provenance": st.sampled_from([
        {},
        {
            "provider": "baidu", "query": "=薯条", "url": "https://example.org/1.jpg", "title": "'薯条', \"炸\"",
            "licence_url": "https://creativecommons.org/licenses/by/4.0/", "fetched_at": "2026-11-28T10:00:00+00:00",
        },
    ]),
    "source": st.sampled_from(["upload", "crawl", "feedback"]),
    "label_origin": st.sampled_from(["folder", "person", "model"]),
    "taken_at": st.sampled_from(["", "2024:05:06 07:08:09"]),
})  # fmt: skip


class StoredWorld(World):
    """As the other one, with photos that really lie in the store."""

    def __init__(self, dataset, facts):
        self.dataset, self.curator = dataset, None
        first = [class_create(dataset=dataset, name=name) for name in ("毛巾", "plastic_bottle", "a/b: c?")]
        category_create(dataset=dataset, name="织物")
        self.images = [
            photo(
                dataset, seed, label=first[seed % 3], state="accepted", name=fact.pop("original_name"), **fact
            ).pk
            for seed, fact in enumerate(facts)
        ]
        self.snapshot = add_snapshot(dataset)
        freeze(self.snapshot)
        self.frozen = self.of_snapshot()
        self.done, self.splits = [], 0


@settings(
    max_examples=10,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    facts=st.lists(FACTS, min_size=6, max_size=6),
    acts=st.lists(ACTS, max_size=8),
    format=st.sampled_from(ExportFormat.values),
    as_zip=st.booleans(),
)
def test_whatever_was_done_to_a_data_set_it_comes_back_the_same(tmp_path, facts, acts, format, as_zip):
    world = StoredWorld(dataset_create(name=f"World {uuid4().hex[:8]}"), facts)
    for kind, what, other in acts:
        try:
            world.act(kind, what, other)
        except DatasetError as error:
            note(f"{kind} refused: {error}")
    path = tmp_path / f"{uuid4().hex}{'.zip' if as_zip else ''}"
    back = imported_into_new(exported(world.dataset, path, format))
    assert seen(back) == seen(world.dataset)
    frozen = exported(world.dataset, tmp_path / f"{uuid4().hex}.zip", format, world.snapshot)
    of_snapshot = imported_into_new(frozen)
    assert set(of_snapshot.images.values_list("sha256", "label__key")) == {
        (sha, key) for sha, key, _split in world.frozen[1]
    }


@pytest.fixture
def kerbside(dataset) -> Dataset:
    """Two bins, a class without one, a closed and a merged one; an inbox and a quarantine."""
    recyclable = category_for_bin(dataset=dataset, bin="recyclable")
    mouse = class_create(dataset=dataset, name="鼠标", category=recyclable)
    cup = class_create(dataset=dataset, name="cup")
    class_edit(label_class=cup, colour="#123456", advice_en="Rinse it.", advice_zh="先冲洗。", name_zh="杯子")
    textiles = category_create(dataset=dataset, name="织物")
    category_edit(category=textiles, name_en="Textiles", name_zh="布料", colour="#abcdef")
    towel = class_create(dataset=dataset, name="towel", category=textiles)
    old = class_create(dataset=dataset, name="mug")
    gone = class_create(dataset=dataset, name="gone")
    photo(
        dataset,
        1,
        "mouse/1.jpg",
        label=mouse,
        state="accepted",
        label_origin="person",
        author="Ann",
        licence="CC0",
    )
    photo(dataset, 2, "other/1.jpg", label=mouse, state="accepted", is_reference=True, label_origin="model")
    photo(dataset, 3, "mug.jpg", label=old, state="accepted", label_origin="folder")
    photo(dataset, 4, "loose.jpg", state="inbox", source="crawl", page_url="https://example.org/x")
    photo(
        dataset, 5, "bad.jpg", label=cup, state="quarantined", state_reason="too dark", label_origin="folder"
    )
    photo(dataset, 6, "towel.jpg", label=towel, state="accepted", label_origin="person")
    classes_merge(sources=[old], into=cup, actor=None)
    class_delete(label_class=gone, to=None, actor=None)
    return dataset


@pytest.mark.parametrize("name", ["out.zip", "out"])
@pytest.mark.parametrize("format", ExportFormat.values)
def test_every_format_comes_back_whole(tmp_path, kerbside, format, name):
    assert seen(imported_into_new(exported(kerbside, tmp_path / name, format))) == seen(kerbside)


def test_a_csv_with_its_photos_beside_comes_back_whole(tmp_path, kerbside):
    path = exported(kerbside, tmp_path / "table.csv", "csv")
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith("table")) == [
        "table-photos", "table.csv", "table.sortyard.json",
    ]  # fmt: skip
    assert seen(imported_into_new(path)) == seen(kerbside)


def test_class_folders_alone_say_class_and_category_again(tmp_path, kerbside):
    folder = exported(kerbside, tmp_path / "out")
    (folder / "sortyard.json").unlink()
    (folder / "labels.csv").unlink()
    back = dataset_create(name="Plain")
    category_for_bin(dataset=back, bin="recyclable")
    batch = batch_open(dataset=back, created_by=None)
    batch_add_source(batch=batch, source=read_path(folder))
    assert run_job(batch_close(batch=batch).pk)
    found = set(back.images.values_list("label__category__key", "label__key", "state"))
    assert found == {
        ("可回收物", "鼠标", "accepted"),
        (None, "cup", "accepted"),
        (None, "织物_towel", "accepted"),  # a category that the data set does not know is part of the name
        (None, None, "inbox"),
    }
    assert back.images.filter(state="inbox").count() == 2, "the inbox, and what was in quarantine"


def test_what_is_there_already_wins_over_a_description(tmp_path, kerbside):
    path = exported(kerbside, tmp_path / "out.zip")
    other = dataset_create(name="Other")
    mine = class_create(dataset=other, name="cup")
    class_edit(label_class=mine, name_en="My cup", advice_en="Mine")
    batch = batch_open(dataset=other, created_by=None)
    batch_add_source(batch=batch, source=read_path(path))
    assert run_job(batch_close(batch=batch).pk)
    mine.refresh_from_db()
    assert (mine.name_en, mine.advice_en, mine.is_retired) == ("My cup", "Mine", False)
    assert mine.images.count() == 2


def test_a_forged_description_writes_nothing_that_the_tables_do_not_take(tmp_path, kerbside):
    folder = exported(kerbside, tmp_path / "out")
    card = json.loads((folder / "sortyard.json").read_text())
    for one in card["classes"]:
        one |= {
            "colour": "red; background: url(x)",
            "merged_into": one["key"],
            "closed": True,
            "advice_en": 7,
        }
    card["categories"][0]["bin"] = "compost"
    (folder / "sortyard.json").write_text(json.dumps(card))
    table = folder / "labels.csv"
    text = table.read_text(encoding="utf-8-sig").replace("https://example.org/x", "javascript:alert(1)")
    table.write_text(text.replace(",accepted,", ",published,"), encoding="utf-8")
    back = imported_into_new(folder)
    assert set(back.images.values_list("page_url", flat=True)) == {""}
    assert set(back.images.values_list("state", flat=True)) == {"accepted", "inbox", "quarantined"}
    assert set(back.classes.values_list("colour", flat=True)) == {""}
    assert set(back.categories.values_list("bin", flat=True)) == {""}
    assert not back.images.filter(label__is_retired=True).exists()


def test_a_snapshot_keeps_its_names_and_splits_after_merges_and_renames(tmp_path, kerbside):
    snapshot = add_snapshot(kerbside)
    freeze(snapshot)
    mouse = LabelClass.objects.get(dataset=kerbside, key="鼠标")
    frozen = dict(snapshot.items.values_list("sha256", "split"))
    class_edit(label_class=mouse, name_zh="滑鼠", name_en="Pointing device")
    classes_merge(sources=[mouse], into=LabelClass.objects.get(dataset=kerbside, key="cup"), actor=None)
    with zipfile.ZipFile(exported(kerbside, tmp_path / "out.zip", snapshot=snapshot)) as archive:
        names = [name for name in archive.namelist() if "/" in name]
        card = json.loads(archive.read("sortyard.json"))
        rows = archive.read("labels.csv").decode("utf-8-sig").splitlines()
    assert sorted(name.split("/")[:2] for name in names) == [
        ["test", "cup"], ["test", "towel"], ["test", "鼠标"], ["val", "鼠标"],
    ]  # fmt: skip
    assert {one["key"]: one["name_zh"] for one in card["classes"]}["鼠标"] == "鼠标"
    assert {line.split(",")[3] for line in rows[1:]} == set(frozen.values())


def test_real_photos_go_out_and_come_back_by_command_line(tmp_path, trashnet, monkeypatch, capsys):
    source = tmp_path / "source"
    for folder in sorted(path for path in trashnet.rglob("*") if path.is_dir() and any(path.glob("*.jpg")))[
        :6
    ]:
        (source / folder.name).mkdir(parents=True)
        for one in sorted(folder.glob("*.jpg"))[:8]:
            shutil.copy(one, source / folder.name / one.name)
    here = dataset_create(name="Real")
    batch = batch_open(dataset=here, created_by=None, author="TrashNet", licence="MIT")
    batch_add_source(batch=batch, source=read_path(source))
    assert run_job(batch_close(batch=batch).pk)
    call_command("export_images", "real", str(tmp_path / "real.zip"), "--format", "imagefolder")
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["images"]) == ("imagefolder", here.images.count())
    assert told["bytes"] == (tmp_path / "real.zip").stat().st_size
    assert {"seconds", "path", "sha256"} <= set(told)
    assert seen(imported_into_new(tmp_path / "real.zip")) == seen(here)
