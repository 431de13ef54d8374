"""Reads of crawls: what they give, in how many queries, with a little and with much."""

from __future__ import annotations

import pytest

from tests.support.crawl_rows import add_candidates, add_crawl, add_found
from tests.support.rows import add_images
from webapp.crawls import selectors, selectors_rates, selectors_review
from webapp.crawls.homes import home_of
from webapp.crawls.models import CrawlItem, CrawlState, CrawlVerdict
from webapp.datasets.class_services import class_delete, classes_merge
from webapp.datasets.models import ImageState
from webapp.datasets.operations import class_operation_undo
from webapp.datasets.services import class_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def bottle(dataset):
    return class_create(dataset=dataset, name="bottle")


@pytest.fixture
def can(dataset):
    return class_create(dataset=dataset, name="can")


def test_candidates_are_counted_by_verdict_for_many_crawls_at_once(
    dataset, bottle, django_assert_num_queries
):
    first, second = add_crawl(bottle), add_crawl(bottle)
    add_found(first, 2)
    add_candidates(first, 3, CrawlVerdict.HTTP_ERROR)
    add_candidates(first, 1, CrawlVerdict.DUPLICATE)
    add_candidates(first, 4)
    with django_assert_num_queries(1):
        counts = selectors.crawl_counts([first, second])
    one = counts[first.pk]
    assert (one.total, one.saved, one.refused, one.duplicates, one.pending) == (10, 2, 3, 1, 4)
    assert counts[second.pk].total == 0


def test_what_was_decided_counts_photos_taken_as_the_class_of_the_crawl(
    bottle, can, django_assert_num_queries
):
    crawl, bare = add_crawl(bottle), add_crawl(bottle)
    add_found(crawl, 3, ImageState.ACCEPTED, bottle)
    add_found(crawl, 1, ImageState.ACCEPTED, can)
    add_found(crawl, 2, ImageState.QUARANTINED)
    add_found(crawl, 5)
    with django_assert_num_queries(1):
        found = selectors_rates.decisions([crawl, bare])
    assert (found[crawl.pk].accepted, found[crawl.pk].decided, found[crawl.pk].share) == (3, 6, 0.5)
    assert bare.pk not in found


def test_rates_are_summed_over_crawls_by_words_the_best_first(bottle, django_assert_num_queries):
    for _n in range(2):
        crawl = add_crawl(bottle, queries=["good", "bad"])
        add_found(crawl, 2, ImageState.ACCEPTED, bottle, query=0)
        add_found(crawl, 2, ImageState.QUARANTINED, query=1)
    add_found(add_crawl(bottle, queries=["unknown"]), 3)
    add_found(add_crawl(bottle, provider="urls", queries=["https://a.example/1"]), 1)
    with django_assert_num_queries(3):
        rates = selectors_rates.accept_rates(bottle)
    assert [(one.query, one.found, one.share) for one in rates] == [
        ("good", 4, 1.0), ("bad", 4, 0.0), ("unknown", 3, None), ("", 1, None),
    ]  # fmt: skip


def test_thin_classes_count_what_waits_and_what_is_fetched(dataset, bottle, can, django_assert_num_queries):
    add_images(dataset, 5, bottle)
    add_found(add_crawl(bottle), 3)
    add_crawl(can, CrawlState.RUNNING)
    with django_assert_num_queries(5):
        thin = selectors.thin_classes(dataset, 10)
    assert [(one.choice.key, one.waiting, one.lacking, one.is_crawled) for one in thin] == [
        ("can", 0, 10, True), ("bottle", 3, 2, False),
    ]  # fmt: skip
    assert selectors.thin_classes(dataset, 5)[0].choice.key == "can"


def test_items_are_paged_by_id_within_a_verdict(bottle):
    crawl = add_crawl(bottle)
    add_candidates(crawl, 5, CrawlVerdict.EMPTY)
    add_candidates(crawl, 5, CrawlVerdict.BROKEN)
    first = selectors.items_page(crawl, verdict="broken", size=3)
    rest = selectors.items_page(crawl, verdict="broken", after=first.next_after, size=3)
    assert [one.title for one in (*first.items, *rest.items)] == [f"Photo {n}" for n in range(5, 10)]
    assert rest.next_after is None


def test_the_strip_shows_what_a_trial_took_or_what_a_crawl_saved(bottle):
    trial, whole = add_crawl(bottle, CrawlState.TRYING), add_crawl(bottle, CrawlState.RUNNING)
    add_candidates(trial, 3, CrawlVerdict.CANDIDATE)
    add_candidates(whole, 3, CrawlVerdict.CANDIDATE)
    add_found(whole, 2)
    assert [one.title for one in selectors.newest_good(trial, 2)] == ["Photo 2", "Photo 1"]
    assert [one.verdict for one in selectors.newest_good(whole)] == ["saved", "saved"]


def test_each_query_of_a_trial_has_its_share_and_fit(bottle, django_assert_num_queries):
    crawl = add_crawl(bottle, CrawlState.TRIED, queries=["one", "two", "three"])
    add_candidates(crawl, 2, CrawlVerdict.CANDIDATE, query=0, fit=0.5)
    add_candidates(crawl, 2, CrawlVerdict.EMPTY, query=0, fit=None)
    add_candidates(crawl, 1, CrawlVerdict.CANDIDATE, query=1)
    with django_assert_num_queries(1):
        shares = selectors.query_shares(crawl)
    assert [(one.words, one.found, one.usable, one.fit, one.share) for one in shares] == [
        ("one", 4, 2, 0.5, 0.5), ("two", 1, 1, None, 1.0), ("three", 0, 0, None, 0.0),
    ]  # fmt: skip


def test_the_inbox_of_a_class_counts_leads_copies_and_the_last_that_came(bottle, django_assert_num_queries):
    crawl = add_crawl(bottle)
    items = add_found(crawl, 70)
    CrawlItem.objects.filter(pk__in=[items[0].pk, items[1].pk, items[2].pk]).update(group=1)
    CrawlItem.objects.filter(pk__in=[items[1].pk, items[2].pk]).update(is_lead=False)
    with django_assert_num_queries(4):
        inbox = selectors_review.inbox_of(bottle)
    assert (inbox.total, inbox.copies, inbox.below) == (68, 2, 8)
    assert inbox.newest == items[-1].pk
    assert [one.copies for one in inbox.shown[:2]] == [2, 0]


def test_an_empty_inbox_is_told_by_two_queries(bottle, django_assert_num_queries):
    with django_assert_num_queries(2):
        inbox = selectors_review.inbox_of(bottle)
    assert (inbox.shown, inbox.total, inbox.newest) == ([], 0, 0)


def test_a_decided_photo_waits_no_more_wherever_it_was_decided(dataset, bottle, can):
    crawl = add_crawl(bottle)
    add_found(crawl, 1, ImageState.ACCEPTED, can)
    add_found(crawl, 1, ImageState.QUARANTINED)
    add_found(crawl, 2)
    assert selectors.waiting_by_class(dataset) == {bottle.pk: 2}
    assert selectors.to_review_of(crawl) == 2
    assert [(one.label_class, one.n) for one in selectors_review.waiting_classes(dataset).classes] == [
        (bottle, 2)
    ]


def test_a_list_of_addresses_is_not_read_with_the_words_of_crawls(dataset, bottle):
    words = add_crawl(bottle, queries=["green bottle"])
    add_crawl(bottle, provider="urls", queries=["https://a.example/1"] * 3)
    assert selectors.queries_of(dataset.crawls.all()) == {words.pk: ["green bottle"]}


def test_photos_found_for_a_class_wait_for_the_one_it_was_merged_into(dataset, bottle, can, curator):
    crawl = add_crawl(bottle)
    add_found(crawl, 3)
    middle = class_create(dataset=dataset, name="middle")
    first = classes_merge(sources=[bottle], into=middle, actor=curator)
    second = classes_merge(sources=[middle], into=can, actor=curator)
    assert home_of(crawl) == can
    assert selectors.waiting_by_class(dataset) == {can.pk: 3}
    assert selectors.to_review(can).count() == 3
    assert selectors_review.of_class(can, set(dataset.images.values_list("pk", flat=True))) != set()
    for operation in (second, first):
        class_operation_undo(operation=operation, actor=curator)
    assert selectors.waiting_by_class(dataset) == {bottle.pk: 3}
    assert selectors.to_review(can).count() == 0


def test_photos_found_for_a_deleted_class_are_counted_apart(dataset, bottle, can, curator):
    crawl = add_crawl(bottle)
    add_found(crawl, 3)
    class_delete(label_class=bottle, to=None, actor=curator)
    waiting = selectors_review.waiting_classes(dataset)
    assert (waiting.classes, waiting.homeless) == ([], 3)
    assert home_of(crawl) is None


def test_photos_taken_before_a_merge_count_as_taken_after_it(bottle, can, curator):
    crawl = add_crawl(bottle)
    add_found(crawl, 3, ImageState.ACCEPTED, bottle)
    classes_merge(sources=[bottle], into=can, actor=curator)
    crawl.label_class.refresh_from_db()
    assert selectors_rates.decisions([crawl])[crawl.pk].accepted == 3
    assert [one.accepted for one in selectors_rates.accept_rates(can)] == [3]


def test_a_class_counts_as_crawled_while_a_crawl_for_one_that_was_merged_into_it_is_at_work(
    dataset, bottle, can, curator
):
    add_crawl(bottle, CrawlState.RUNNING)
    assert selectors.under_way([bottle]).working == 1
    classes_merge(sources=[bottle], into=can, actor=curator)
    assert [one.is_crawled for one in selectors.thin_classes(dataset)] == [True]


def test_a_photo_that_two_crawls_brought_waits_for_the_newer_one_alone(dataset, bottle, can):
    (item,) = add_found(add_crawl(bottle), 1)
    again = add_candidates(add_crawl(can), 1, CrawlVerdict.SAVED, image=item.image, sha256=item.sha256)
    assert selectors.waiting_by_class(dataset) == {can.pk: 1}
    assert list(selectors.to_review(bottle)) == []
    assert list(selectors.to_review(can)) == again
