"""A CSV of labels beside the photos, in their ZIP, or alone: each row is used or told why not."""

import pytest

from tests.support.photos import jpeg, zip_of
from webapp.datasets.models import Image, ImageState, LabelEvent
from webapp.ingest.models import Verdict
from webapp.ingest.verdicts import sentence

pytestmark = pytest.mark.django_db(transaction=True)


def labels():
    return {i.original_name: i.label and i.label.key for i in Image.objects.select_related("label")}


def told(batch):
    rows = batch.items.filter(verdict__in=(Verdict.ROW_NOT_USED, Verdict.LABELLED)).order_by("id")
    return {item.name: item.detail for item in rows}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
def test_the_list_names_the_classes_whatever_the_folders_say(imported, encoding):
    text = "文件名,标签,大类\nset/1.jpg,鼠标,可回收物\n2.jpg,毛巾,其他垃圾\n"
    batch = imported(
        {"labels.csv": text.encode(encoding), "set/1.jpg": jpeg(1), "2.jpg": jpeg(2), "glass/3.jpg": jpeg(3)}
    )
    assert labels() == {"set/1.jpg": "鼠标", "2.jpg": "毛巾", "glass/3.jpg": "glass"}
    assert Image.objects.get(original_name="2.jpg").label.category.key == "其他垃圾"
    item = batch.items.get(name="labels.csv")
    assert (item.verdict, item.detail) == (Verdict.LABELS, "rows:2")
    assert told(batch) == {}


def test_each_row_that_can_not_be_used_has_a_line_with_a_sentence(imported):
    text = "path,label\n,glass\n1.jpg,\nno.jpg,glass\n2.jpg,glass\n2.jpg,paper\n3.jpg,glass\n3.jpg,glass\nb/4.jpg,x\n"
    batch = imported(
        {
            "labels.csv": text.encode(),
            **{f"{n}.jpg": jpeg(n) for n in (1, 2, 3)},
            "c/b/4.jpg": jpeg(4),
            "d/b/4.jpg": jpeg(5),
        }
    )
    assert list(told(batch)) == sorted(told(batch))  # as the lines stand in the list
    assert told(batch) == {
        "labels.csv:2 ": "row_no_file",
        "labels.csv:3 1.jpg": "row_no_label",
        "labels.csv:4 no.jpg": "row_unknown",
        "labels.csv:5 2.jpg": "row_two_labels",
        "labels.csv:6 2.jpg": "row_two_labels",
        "labels.csv:9 b/4.jpg": "row_several",
    }
    assert labels() == {"1.jpg": None, "2.jpg": None, "3.jpg": "glass", "c/b/4.jpg": "b", "d/b/4.jpg": "b"}
    for item in batch.items.filter(verdict=Verdict.ROW_NOT_USED):
        assert len(sentence(item.verdict, item.detail)) > 40


def test_a_list_alone_labels_the_photos_that_are_here_and_changes_no_label_that_is_there(imported, curator):
    imported({"loose/../1.jpg": jpeg(1), "2.jpg": jpeg(2), "glass/3.jpg": jpeg(3)})
    Image.objects.filter(original_name="loose/../1.jpg").update(
        original_name="1.jpg", label=None, state="inbox"
    )
    two = Image.objects.get(original_name="2.jpg")
    text = f"path,label\n1.jpg,paper\n{two.sha256},metal\nglass/3.jpg,paper\n"
    batch = imported({"labels.csv": text.encode()})
    assert labels() == {"1.jpg": "paper", "2.jpg": "metal", "glass/3.jpg": "glass"}
    assert Image.objects.get(pk=two.pk).state == ImageState.ACCEPTED
    assert LabelEvent.objects.filter(image=two, actor=curator, new_label__key="metal").exists()
    assert told(batch) == {
        "labels.csv:2 1.jpg": "label:paper",
        f"labels.csv:3 {two.sha256}": "label:metal",
        "labels.csv:4 glass/3.jpg": "label_stays:glass",
    }
    assert batch.items.get(name="labels.csv:4 glass/3.jpg").image.original_name == "glass/3.jpg"


def test_a_list_in_a_zip_labels_the_photos_of_the_zip(imported):
    archive = zip_of({"images/1.jpg": jpeg(1), "labels.csv": b"path,label\nimages/1.jpg,glass\n"})
    imported({"all.zip": archive})
    assert labels() == {"all.zip/images/1.jpg": "glass"}


@pytest.mark.parametrize(
    ("content", "verdict", "detail"),
    [
        (b"name,price\n1,2\n", Verdict.IGNORED, "list_columns"),
        (b"path,label\n", Verdict.BAD_LIST, "list_no_rows"),
        ("path,label\ncafé.jpg,x\n".encode("latin-1"), Verdict.BAD_LIST, "list_encoding"),
        (b"", Verdict.EMPTY, ""),
    ],
)
def test_a_list_that_can_not_be_read_costs_only_itself(imported, content, verdict, detail):
    batch = imported({"labels.csv": content, "glass/1.jpg": jpeg(1)})
    item = batch.items.get(name="labels.csv")
    assert (item.verdict, item.detail) == (verdict, detail)
    assert labels() == {"glass/1.jpg": "glass"}


def test_an_import_that_was_lost_in_the_middle_of_a_list_tells_no_row_twice(imported):
    from webapp.jobs.models import JobState
    from worker.context import JobContext
    from worker.handlers.import_photos import handle

    batch = imported({"labels.csv": b"path,label\nno.jpg,glass\n1.jpg,glass\n", "1.jpg": jpeg(1)})
    before = batch.items.count()
    batch.items.filter(name="labels.csv").update(verdict=Verdict.PENDING)
    batch.job.state = JobState.RUNNING
    batch.job.lease_owner, batch.job.lease_until = "host/1/1", batch.job.created_at
    batch.job.save()
    handle(JobContext(batch.job))
    # The photo has its row by now, so that the second look finds it in the data set.
    assert set(told(batch)) == {"labels.csv:2 no.jpg", "labels.csv:3 1.jpg"}
    assert batch.items.count() == before + 1
