"""The gallery's pages and what its scripts ask for."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from tests.webapp.datasets.rows import make_images
from webapp.datasets.labelling import images_label, images_set_state
from webapp.datasets.models import ImageState, LabelEvent
from webapp.datasets.services import class_create, dataset_create, dataset_use_preset55
from webapp.ingest.models import UploadBatch, UploadItem

pytestmark = pytest.mark.django_db

# Session, user, data set, counts, classes, tiles; rail, switcher, queue indicator.
PAGE_QUERIES = 10


def url(name, dataset, *args):
    return reverse(f"datasets:{name}", args=[dataset.slug, *args])


def shown(response):
    return [row.pk for row, _choice in response.context["tiles"]]


@pytest.fixture
def glass(dataset):
    return class_create(dataset=dataset, name="glass")


@pytest.fixture
def browser(client_of, annotator):
    return client_of(annotator)


def test_images_shows_the_accepted_ones_newest_first_and_the_inbox_those_that_wait(dataset, glass, browser):
    accepted = make_images(dataset, 3, label=glass)
    waiting = make_images(dataset, 2, state=ImageState.INBOX, start=3)
    make_images(dataset, 1, state=ImageState.QUARANTINED, start=5)
    assert shown(browser.get(url("images", dataset))) == [i.pk for i in reversed(accepted)]
    assert shown(browser.get(url("inbox", dataset))) == [i.pk for i in reversed(waiting)]


def test_the_page_takes_as_many_queries_with_a_hundred_photos_as_with_one(
    dataset, browser, django_assert_num_queries
):
    dataset_use_preset55(dataset=dataset)
    classes = list(dataset.classes.all())
    make_images(dataset, 1, label=classes[0])
    browser.get(url("images", dataset))
    with django_assert_num_queries(PAGE_QUERIES):
        browser.get(url("images", dataset))
    for n, one in enumerate(classes):
        make_images(dataset, 2, label=one, start=10 + 2 * n)
    with django_assert_num_queries(PAGE_QUERIES):
        browser.get(url("images", dataset))


def test_filters_live_in_the_url(dataset, glass, browser):
    metal = class_create(dataset=dataset, name="metal")
    one = make_images(dataset, 1, label=glass)[0]
    two = make_images(dataset, 1, label=metal, start=1)[0]
    bare = make_images(dataset, 1, start=2)[0]
    page = url("images", dataset)
    assert shown(browser.get(page, {"class": ["glass", "metal"]})) == [two.pk, one.pk]
    assert shown(browser.get(page, {"class": "metal"})) == [two.pk]
    assert shown(browser.get(page, {"unlabelled": "1"})) == [bare.pk]
    assert shown(browser.get(page, {"q": "1.jpg"})) == [two.pk]
    assert shown(browser.get(page, {"source": "crawl"})) == []
    assert shown(browser.get(page, {"sort": "oldest"})) == [one.pk, two.pk, bare.pk]
    assert shown(browser.get(page, {"state": "any", "batch": "7"})) == []
    assert shown(browser.get(page, {"state": "nonsense", "sort": "nonsense", "batch": "x"})) == [
        bare.pk,
        two.pk,
        one.pk,
    ]


def test_the_split_filter_reads_the_latest_ready_snapshot(dataset, glass, browser):
    from webapp.snapshots.models import Snapshot, SnapshotClass, SnapshotItem

    train, test = make_images(dataset, 2, label=glass)
    for number, state in ((1, "ready"), (2, "building")):
        snapshot = Snapshot.objects.create(dataset=dataset, number=number, state=state, digest="0" * 64)
        label = SnapshotClass.objects.create(snapshot=snapshot, key="glass", position=0)
        for image, split in ((train, "train"), (test, "test")):
            SnapshotItem.objects.create(
                snapshot=snapshot, image=image, sha256=image.sha256, label=label, split=split, group=0
            )
    assert shown(browser.get(url("images", dataset), {"split": "test"})) == [test.pk]


def test_with_55_classes_nine_chips_stand_on_the_page_and_the_rest_in_a_list(dataset, browser):
    dataset_use_preset55(dataset=dataset)
    make_images(dataset, 1, label=dataset.classes.first())
    bar = browser.get(url("images", dataset)).context["bar"]
    assert len(bar.chips) == 9
    assert sorted(chip.digit for chip in bar.chips) == list(range(1, 10))
    assert len(bar.all_chips) == 55
    chosen = browser.get(url("images", dataset), {"class": "鼠标"}).context["bar"]
    assert "鼠标" in [chip.choice.key for chip in chosen.chips if chip.on]


def test_a_chip_counts_what_the_other_filters_let_pass(dataset, glass, browser):
    make_images(dataset, 3, label=glass)
    make_images(dataset, 2, label=glass, state=ImageState.INBOX, start=3)
    bar = browser.get(url("images", dataset)).context["bar"]
    assert [chip.count for chip in bar.chips] == [3]
    assert browser.get(url("inbox", dataset)).context["bar"].chips[0].count == 2
    searched = browser.get(url("images", dataset), {"q": "1.jpg"}).context["bar"]
    assert (searched.chips[0].count, searched.total) == (1, 1)


def test_without_scripts_the_next_page_begins_after_the_last_tile(dataset, browser, monkeypatch):
    monkeypatch.setattr("webapp.datasets.views_gallery.FIRST_PAGE", 2)
    images = make_images(dataset, 3)
    first = browser.get(url("images", dataset))
    assert shown(first) == [images[2].pk, images[1].pk]
    assert shown(browser.get(first.context["next_url"])) == [images[0].pk]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({}, "No photos yet"),
        ({"q": "x"}, "No photo passes"),
        ({"state": "quarantined"}, "Nothing is in quarantine"),
    ],
)
def test_an_empty_gallery_says_what_to_do(dataset, browser, query, words):
    assert words in browser.get(url("images", dataset), query).content.decode()


def test_a_name_with_markup_is_shown_as_text(dataset, browser):
    (image,) = make_images(dataset, 1)
    type(image).objects.filter(pk=image.pk).update(original_name="<script>alert(1)</script>.jpg")
    for page in (url("images", dataset), url("image", dataset, image.pk)):
        html = browser.get(page).content.decode()
        assert "<script>alert" not in html
        assert "alert(1)" in html


def test_the_index_names_every_photo_of_the_filter_in_parts(dataset, glass, browser, monkeypatch):
    monkeypatch.setattr("webapp.datasets.selectors_gallery.INDEX_CHUNK", 4)
    images = make_images(dataset, 10, label=glass)
    make_images(dataset, 2, state=ImageState.INBOX, start=10)
    for n, image in enumerate(images):
        type(image).objects.filter(pk=image.pk).update(sharpness=n * 7 % 5)  # with ties
    orders = {
        "newest": [i.pk for i in reversed(images)],
        "oldest": [i.pk for i in images],
        "blurred": [images[n].pk for n in sorted(range(10), key=lambda n: (n * 7 % 5, n))],
    }
    for sort, expected in orders.items():
        found, after = [], ""
        while after is not None:
            answer = browser.get(
                url("ids", dataset), {"state": "accepted", "sort": sort, "after": after}
            ).json()
            pk = 0
            for step in answer["steps"]:
                pk += step
                found.append(pk)
            after = answer["after"]
        assert found == expected


def test_rows_come_by_id_and_only_those_of_the_data_set(
    dataset, glass, browser, curator, django_assert_num_queries
):
    mine = make_images(dataset, 3, label=glass)
    foreign = make_images(dataset_create(name="Other", created_by=curator), 1)[0]
    ids = ",".join(str(i.pk) for i in [*mine, foreign]) + ",nonsense,,-3"
    with django_assert_num_queries(5):
        rows = browser.get(url("page", dataset), {"ids": ids}).json()["rows"]
    assert {row["id"] for row in rows} == {i.pk for i in mine}
    assert rows[0]["label"] == "glass"
    assert rows[0]["version"] == 1


def test_counts_follow_labels(dataset, glass, browser, annotator):
    image = make_images(dataset, 1, state=ImageState.INBOX)[0]
    images_label(dataset=dataset, ids=[image.pk], label=glass, actor=annotator)
    counts = browser.get(url("counts", dataset), {"state": "accepted"}).json()
    assert counts == {
        "states": {"inbox": 0, "accepted": 1, "quarantined": 0},
        "classes": {"glass": 1},
        "unlabelled": 0,
    }


def test_a_photos_page_tells_its_history_and_the_drawer_is_its_inner_part(dataset, glass, browser, annotator):
    (image,) = make_images(dataset, 1)
    images_label(dataset=dataset, ids=[image.pk], label=glass, actor=annotator)
    images_set_state(dataset=dataset, ids=[image.pk], state="quarantined", actor=annotator, reason="blurred")
    page = browser.get(url("image", dataset, image.pk)).content.decode()
    assert page.index("blurred") < page.index("<b>glass</b>")  # newest first
    drawer = browser.get(url("image", dataset, image.pk), headers={"X-Fragment": "drawer"}).content.decode()
    assert "<html" in page
    assert "<html" not in drawer
    assert "blurred" in drawer


def test_a_photo_of_another_data_set_is_not_found(dataset, browser, curator):
    foreign = make_images(dataset_create(name="Other", created_by=curator), 1)[0]
    assert browser.get(url("image", dataset, foreign.pk)).status_code == 404


def test_a_viewer_sees_the_photos_but_no_means_to_change_them(dataset, glass, client_of, viewer):
    (image,) = make_images(dataset, 1, label=glass)
    browser = client_of(viewer)
    page = browser.get(url("images", dataset))
    assert page.context["data"]["mayLabel"] is False
    assert "Quarantine the chosen" not in page.content.decode()
    for name in ("label", "state", "undo"):
        assert browser.post(url(name, dataset), {"ids": image.pk}).status_code == 403


def test_the_gallery_labels_and_undoes_by_json(dataset, glass, browser):
    first, second = make_images(dataset, 2, state=ImageState.INBOX)
    body = {"ids": [first.pk, second.pk], "label": "glass", "versions": {first.pk: 1, second.pk: 9}}
    answer = browser.post(url("label", dataset), body, content_type="application/json").json()
    assert answer["changed"] == [first.pk]
    assert answer["stale"] == [second.pk]
    assert "someone else" in answer["stale_message"]
    now = {row["id"]: row for row in answer["rows"]}
    assert (now[first.pk]["label"], now[first.pk]["state"], now[first.pk]["version"]) == (
        "glass",
        "accepted",
        2,
    )
    assert now[second.pk]["label"] is None
    undone = browser.post(
        url("undo", dataset), {"operation": answer["operation"]}, content_type="application/json"
    ).json()
    assert undone["changed"] == [first.pk]
    first.refresh_from_db()
    assert (first.label, first.state) == (None, "inbox")


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[]",
        json.dumps({"ids": "12", "label": ""}),
        json.dumps({"ids": [1], "label": "no such class"}),
        json.dumps({"ids": [1], "label": ["glass"]}),
        json.dumps({"ids": ["x"], "label": ""}),
        json.dumps({"ids": list(range(10_001)), "label": ""}),
        json.dumps({"ids": [1], "label": "", "versions": {"x": 1}}),
    ],
)
def test_a_request_that_is_not_understood_is_refused_with_a_sentence(dataset, glass, browser, body):
    response = browser.post(url("label", dataset), body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["error"]
    assert not LabelEvent.objects.exists()


def test_a_form_without_scripts_labels_and_comes_back_with_a_message(dataset, glass, browser):
    first, second = make_images(dataset, 2)
    back = url("images", dataset) + "?sort=oldest"
    sent = {"ids": [first.pk, second.pk], "label": "glass", "next": back}
    response = browser.post(url("label", dataset), sent, follow=True)
    assert response.redirect_chain == [(back, 302)]
    assert "2 photos labelled." in response.content.decode()


def test_a_form_never_leads_to_another_site(dataset, glass, browser):
    (image,) = make_images(dataset, 1)
    sent = {"ids": image.pk, "label": "glass", "next": "https://evil.example/"}
    assert browser.post(url("label", dataset), sent)["Location"] == url("images", dataset)


def test_quarantine_by_form_keeps_the_reason(dataset, browser):
    (image,) = make_images(dataset, 1)
    browser.post(url("state", dataset), {"ids": image.pk, "state": "quarantined", "reason": "two objects"})
    image.refresh_from_db()
    assert (image.state, image.state_reason) == ("quarantined", "two objects")
    assert browser.post(url("state", dataset), {"ids": image.pk, "state": "gone"}).status_code == 400


def test_a_class_made_without_a_bin_takes_no_other_classes_digit(dataset, browser):
    dataset_use_preset55(dataset=dataset)
    kept = dataset.classes.exclude(key__in=[c.key for c in dataset.classes.all()[3:]])
    for label_class in kept:
        make_images(dataset, 2, label=label_class, start=label_class.pk * 10)
    dataset.classes.exclude(pk__in=kept.values("pk")).update(is_retired=True)
    before = browser.get(url("images", dataset)).context["bar"].digits
    assert sorted(before.values()) == [1, 2, 3]
    class_create(dataset=dataset, name="in passing")
    assert browser.get(url("images", dataset)).context["bar"].digits == {**before, "in passing": 4}


def test_a_photos_details_name_its_upload_by_the_number_that_the_uploads_page_has(
    dataset, browser, annotator
):
    other = dataset_create(name="Other", created_by=annotator)
    batches = [UploadBatch.objects.create(dataset=one) for one in (other, other, dataset)]
    for batch in batches:
        UploadItem.objects.create(batch=batch, name="a.jpg")
    (image,) = make_images(dataset, 1)
    dataset.images.update(batch=batches[-1])
    page = browser.get(url("image", dataset, image.pk)).content.decode()
    assert ">upload 1</a>" in page
