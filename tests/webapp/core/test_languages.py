"""The site in Chinese: whole pages, what workers and the trainer say, and the switch."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format

from ml.images import errors as decode_errors
from ml.specs import RECIPES, SETTINGS, SpecError, make_spec
from scripts import messages
from tests.support.crawl_rows import add_candidates, add_crawl, add_found, add_rank
from tests.support.rows import add_images, add_job, add_look, add_worker
from tests.webapp.cleaning.rows import add_group
from tests.webapp.runs import world
from webapp.accounts.models import Role, User
from webapp.cleaning.selectors import group_row
from webapp.cleaning.services import group_keep_best
from webapp.core.spoken import PROGRESS, spoken
from webapp.crawls.models import CrawlState, CrawlVerdict, LicenceFilter, SourceState
from webapp.datasets.models import Bin, ImageState, LabelOrigin, Source
from webapp.datasets.services import class_create, dataset_create
from webapp.exports.models import Export
from webapp.ingest.models import BatchState, UploadBatch, UploadItem, Verdict
from webapp.jobs.listing import job_row
from webapp.jobs.models import JobKind, JobState
from webapp.preparing.models import Preparation
from webapp.publishing.models import Bundle, PublishedModel
from webapp.snapshots.models import SnapshotState, Split, SplitRule

ROOT = Path(__file__).resolve().parents[3]
CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN,zh;q=0.9,en;q=0.5"}
HAN = re.compile(r"[\u4e00-\u9fff]")
# Three words of ours in a row; names of files, formats and commands are shorter or stand in <code> and <pre>.
ENGLISH = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:[ ,.;:]+[A-Za-z][A-Za-z'’-]*){2,}")
# What is written alike in every language.
ALIKE = re.compile(
    r"JPEG, PNG,? WebP|CC BY 4\.0|“celery [^”]*”|“(?:python -m|manage\.py) [^”]*”|EfficientNet-Lite0|ResNet-18"
)
NOTE = "from the validation photos, which also chose the epoch (1,204 photos)"
# Values of the tables, which have names to be shown by.
KINDS = (
    Bin,
    ImageState,
    Source,
    LabelOrigin,
    Split,
    SplitRule,
    SnapshotState,
    JobKind,
    JobState,
    Verdict,
    Role,
    CrawlState,
    CrawlVerdict,
    LicenceFilter,
)
RAW = {value for kind in KINDS for value in kind.values} | set(RECIPES)
NOT_SHOWN = {"script", "style", "code", "pre", "kbd"}
SAID = ("aria-label", "title", "placeholder", "alt", "data-undrawn")


class Words(HTMLParser):
    """What a page shows or says: text, and the attributes that are read out; not scripts, code or logs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.lang = ""
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.lang = values.get("lang", "")
        # The switch names the other language in that language.
        if tag in NOT_SHOWN or (tag != "html" and values.get("lang") == "en"):
            self._hidden.append(tag)
        if not self._hidden:
            self.found += [values[name] for name in SAID if values.get(name)]

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.append(" ".join(data.split()))


def words_of(html: str) -> Words:
    words = Words()
    words.feed(html)
    return words


def english_in(words: list[str]) -> list[str]:
    return [text for text in words if ENGLISH.search(ALIKE.sub("", text))]


@pytest.fixture
def place(curator):
    """A data set with Chinese names in which every page has something to show: addresses by name."""
    dataset = dataset_create(name="生活垃圾", description="厨房与客厅", created_by=curator)
    snapshot = world.make_snapshot(dataset, per_split=3)
    for label in dataset.classes.all():
        label.name_zh = {"bottle": "瓶子", "can": "易拉罐", "peel": "果皮"}[label.key]
        label.save(update_fields=["name_zh"])
    snapshot.classes.filter(key="bottle").update(name_zh="瓶子")
    run = world.make_run(
        snapshot, epochs=2, best_epoch=2, test_accuracy=0.8, test_n=9, test_low=0.6, test_high=0.9,
        val_accuracy=0.8, val_n=9, seconds=200,
    )  # fmt: skip
    evaluation = world.make_evaluation(run, [("test", "bottle", "can", 2)])
    evaluation.calibration["note"] = f"{NOTE}; not enough photos, or not enough right answers, to promise 97%"
    evaluation.save(update_fields=["calibration"])
    live = world.make_run(
        snapshot, number=2, state=JobState.RUNNING, epochs=1,
        job={"message": "Epoch 2 of 8, validation 81.2% so far", "phase": "train", "progress": 0.2, "eta_seconds": 90},
    )  # fmt: skip
    world.make_run(
        snapshot,
        number=3,
        state=JobState.FAILED,
        job={"error": "The class 'peel' has no photo in the training split"},
    )
    world.make_snapshot(dataset, number=2, state="building")
    add_images(dataset, 3, state=ImageState.INBOX)
    add_images(dataset, 1, state=ImageState.QUARANTINED)
    failed = add_job(dataset, JobKind.IMPORT, JobState.FAILED, error="Training broke off: ValueError: –")
    waiting = add_job(dataset, JobKind.TRAIN, after=live.job)
    add_worker("prep")
    batch = UploadBatch.objects.create(dataset=dataset, created_by=curator, state=BatchState.FINISHED)
    for verdict in Verdict.values:
        UploadItem.objects.create(batch=batch, name=f"{verdict}.jpg", verdict=verdict)
    bundle = Bundle.objects.create(run=run, digest="0" * 64, size=1000, labels=[])
    PublishedModel.objects.create(dataset=dataset, bundle=bundle)
    first, second = dataset.classes.all()[:2]
    add_group(dataset, first, second)
    group = add_group(dataset, first, first)
    decided = group_keep_best(group=group, seen=group_row(group).seen, actor=curator)
    add_job(dataset, JobKind.DUPLICATES, JobState.SUCCEEDED)
    look = add_look(dataset)
    export = Export.objects.create(
        dataset=dataset, made_at=timezone.now(), digest="0" * 64, size=1000, images=3, created_by=curator
    )
    work = add_job(
        dataset, JobKind.PREPARE, JobState.FAILED, error="There are no photos yet. Add photos first."
    )
    preparation = Preparation.objects.create(dataset=dataset, step="rules", job=work, settings={"blur": 9})
    crawls = crawls_of_all_states(dataset, first)
    slug = [dataset.slug]
    photo = dataset.images.filter(label__isnull=False).first()
    assert photo is not None
    return {
        "sign in": reverse("accounts:sign_in"),
        "account": reverse("accounts:account"),
        "public page": reverse("publishing:model", args=slug),
        "list": reverse("datasets:list"),
        "create": reverse("datasets:create"),
        "overview": reverse("datasets:overview", args=slug),
        "gallery": reverse("datasets:images", args=slug),
        "inbox": reverse("datasets:inbox", args=slug),
        "quarantine": reverse("datasets:images", args=slug) + "?state=quarantined",
        "photo": reverse("datasets:image", args=[dataset.slug, photo.pk]),
        "clean": reverse("cleaning:groups", args=slug) + f"?act={decided.act}",
        "cleaned": reverse("cleaning:groups", args=slug) + "?show=decided",
        "prepare": reverse("preparing:home", args=slug),
        "limits": reverse("preparing:rules", args=slug),
        "preparation": reverse("preparing:detail", args=[dataset.slug, preparation.pk]),
        "copies": reverse("preparing:enhanced", args=[dataset.slug, 1]),
        "crawls": reverse("crawls:list", args=slug),
        "which class": reverse("crawls:new", args=slug),
        "new crawl": reverse("crawls:new", args=slug) + f"?class={first.key}",
        "thin classes": reverse("crawls:fill", args=slug),
        **{
            f"crawl {one}": reverse("crawls:detail", args=[*slug, crawls[one].number])
            for one in CrawlState.values
        },
        "review": reverse("crawls:review", args=[*slug, first.pk]),
        "nothing to review": reverse("crawls:review", args=[*slug, second.pk]),
        "sources": reverse("crawls:sources", args=slug),
        "credits": reverse("crawls:credits", args=slug),
        "found photo": reverse("datasets:image", args=[*slug, crawls["taken"].pk]),
        "crawl's job": reverse("jobs:detail", args=[crawls["stopped"].job.pk]),
        "ranking": reverse("jobs:detail", args=[crawls["rank"].pk]),
        "classes": reverse("datasets:classes", args=slug),
        "bins": reverse("datasets:bins", args=slug),
        "upload": reverse("ingest:upload", args=slug),
        "batch": reverse("ingest:batch", args=[dataset.slug, batch.pk]),
        "snapshots": reverse("snapshots:list", args=slug),
        "snapshot": reverse("snapshots:detail", args=[dataset.slug, 1]),
        "new snapshot": reverse("snapshots:create", args=slug),
        "leak report": reverse("snapshots:create", args=slug) + f"?preview={look.pk}",
        "exports": reverse("exports:list", args=slug),
        "export": reverse("exports:detail", args=[dataset.slug, export.pk]),
        "runs": reverse("runs:list", args=slug) + "?compare=1,2",
        "new run": reverse("runs:new", args=slug),
        "run": reverse("runs:detail", args=[dataset.slug, 1]),
        "live run": reverse("runs:detail", args=[dataset.slug, 2]),
        "failed run": reverse("runs:detail", args=[dataset.slug, 3]),
        "log": reverse("runs:log", args=[dataset.slug, 1]),
        "evaluation": reverse("evaluations:matrix", args=[dataset.slug, 1]),
        "cell": reverse("evaluations:matrix", args=[dataset.slug, 1]) + "?truth=bottle&answer=can",
        "no evaluation": reverse("evaluations:matrix", args=[dataset.slug, 2]),
        "try": reverse("evaluations:try", args=[dataset.slug, 1]),
        "models": reverse("publishing:models", args=slug),
        "queue": reverse("jobs:queue"),
        "failed job": reverse("jobs:detail", args=[failed.pk]),
        "waiting job": reverse("jobs:detail", args=[waiting.pk]),
    }


def crawls_of_all_states(dataset, label) -> dict[str, Any]:
    """A crawl in each state, one of them with candidates of every verdict; what waits for a review."""
    refused = "Openverse refuses to answer. What was saved stays; try again later, or use another source."
    found = {"words": "瓶子", "candidates": 10, "total": 12, "licensed": 3, "first": "瓶子"}
    crawls = {
        state: add_crawl(
            label, state, queries=["瓶子", "杯子"], stopped_because=refused if state == "stopped" else ""
        )
        for state in CrawlState.values
    }
    for verdict in CrawlVerdict.values:
        add_candidates(crawls["finished"], 1, verdict, title="瓶子", author="李雷")
    add_candidates(crawls["tried"], 3, CrawlVerdict.CANDIDATE, title="瓶子", author="李雷", fit=0.4)
    copy = dataset.images.filter(label=label).first()
    add_found(crawls["finished"], 2, title="瓶子", copy_of=copy)
    (taken,) = add_found(crawls["finished"], 1, ImageState.ACCEPTED, label, title="瓶子")
    rank = add_rank(label, result={"candidates": 2, "references": 0, "method": "agreement", "missing": 1})
    SourceState.objects.create(
        provider="openverse", is_on=True,
        check_job=add_job(dataset, JobKind.CRAWL_CHECK, JobState.SUCCEEDED, result=found),
    )  # fmt: skip
    return {**crawls, "taken": taken.image, "rank": rank}


PAGES = (
    "sign in", "account", "public page", "list", "create", "overview", "gallery", "inbox", "quarantine",
    "photo", "clean", "cleaned", "prepare", "limits", "preparation", "copies",
    "classes", "bins", "upload", "batch", "snapshots", "snapshot", "new snapshot",
    "leak report", "exports", "export",
    "runs", "new run", "run", "live run", "failed run", "log", "evaluation", "cell", "no evaluation", "try",
    "models", "queue", "failed job", "waiting job",
    "crawls", "which class", "new crawl", "thin classes", "crawl trying", "crawl tried", "crawl running",
    "crawl finished", "crawl stopped", "review", "nothing to review", "sources", "credits", "found photo",
    "crawl's job", "ranking",
)  # fmt: skip


def test_every_page_of_the_place_is_looked_at(place):
    assert set(place) == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_in_chinese_has_no_english_sentence(client, client_of, curator, place, name):
    visitor = client if name in ("sign in", "public page") else client_of(curator)
    response = visitor.get(place[name], **CHINESE)
    assert response.status_code == 200
    words = words_of(response.content.decode())
    assert words.lang == "zh-hans"
    assert HAN.search(" ".join(words.found))
    assert english_in(words.found) == []
    # A person may be called what a role is called.
    raw = RAW - set(User.objects.values_list("username", flat=True))
    assert raw & set(words.found) == set()


def test_a_page_in_english_has_no_chinese_of_ours(client, client_of, viewer, dataset):
    words = words_of(
        client_of(viewer).get(reverse("datasets:overview", args=[dataset.slug])).content.decode()
    )
    assert words.lang == "en"
    # The switch says where it leads in the language that it leads to.
    assert [text for text in words.found if HAN.search(text)] == ["切换到中文", "中文"]


def test_an_empty_site_speaks_chinese_too(client, client_of, curator):
    for visitor, address in (
        (client, "/"),
        (client_of(curator), "/studio/"),
        (client_of(curator), "/studio/queue/"),
    ):
        assert english_in(words_of(visitor.get(address, **CHINESE).content.decode()).found) == []


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_errors_are_told_in_chinese(client, client_of, viewer, dataset, status):
    with translation.override("zh-hans"):
        from django.template.loader import render_to_string

        html = render_to_string(f"errors/{status}.html", {"base": "base_plain.html"})
    assert HAN.search(html)
    assert english_in(words_of(html).found) == []


def test_the_switch_keeps_the_page_and_its_filter(client_of, curator, place):
    visitor = client_of(curator)
    there = place["quarantine"]
    answer = visitor.post(reverse("set_language"), {"language": "zh-hans", "next": there})
    assert answer.url == there
    page = visitor.get(there).content.decode()
    assert words_of(page).lang == "zh-hans"
    assert f'name="next" value="{there}"' in page
    visitor.post(reverse("set_language"), {"language": "en", "next": there})
    assert words_of(visitor.get(there).content.decode()).lang == "en"


@pytest.mark.parametrize(
    ("language", "short", "day"),
    [("en", "1 Dec 2026, 00:00", "1 Dec 2026"), ("zh-hans", "2026年12月1日 00:00", "2026年12月1日")],
)
def test_a_date_is_read_alike_by_people_of_every_country(language, short, day):
    midnight = datetime(2026, 12, 1)
    with translation.override(language):
        assert date_format(midnight, "SHORT_DATETIME_FORMAT") == short
        assert date_format(midnight, "SHORT_DATE_FORMAT") == day
        assert "p.m." not in date_format(midnight.replace(hour=14), "DATETIME_FORMAT")


# What handlers answer, by kind.
RESULTS = (
    (JobKind.SUSPICION, {"photos": 9, "suspects": 4, "odd": 0, "classes": 3}),
    (JobKind.GUESSES, {"labels": 40, "asked": 9, "missing": 0, "accuracy": 0.873, "offered": 7, "seen": 12}),
    (JobKind.LIKENESS, {"found": 12, "missing": 1}),
    (JobKind.PREVIEW, {"train": 8, "groups": 9, "photos": 9, "fingerprint": "0ab1"}),
    (JobKind.TRAIN, {"bundle": "0" * 64, "seconds": 9.0}),
    (JobKind.CRAWL, {"verdicts": {"saved": 3, "http_error": 1}}),
    (JobKind.CRAWL_CHECK, {"words": "瓶子", "candidates": 0, "total": 0, "licensed": 0, "first": None}),
)


@pytest.mark.parametrize(("kind", "result"), RESULTS)
def test_what_a_job_answered_is_told_in_chinese(dataset, kind, result):
    row = job_row(add_job(dataset, kind, JobState.SUCCEEDED, result=result))
    with translation.override("zh-hans"):
        assert row.summary or kind == JobKind.TRAIN
        assert not re.search("[A-Za-z]", " ".join(label for label, _value in row.result)), row.result
    if kind == JobKind.GUESSES:
        assert ("Right of those known", "87.3 %") in row.result


@pytest.mark.parametrize("licence", ["Public domain", "Public domain mark"])
def test_a_licence_that_is_named_in_words_is_told_in_chinese(client_of, viewer, dataset, licence):
    crawl = add_crawl(class_create(dataset=dataset, name="bottle"))
    add_candidates(crawl, 1, CrawlVerdict.EMPTY, licence=licence)
    page = client_of(viewer).get(reverse("crawls:detail", args=[dataset.slug, crawl.number]), **CHINESE)
    assert "公有领域" in page.content.decode()
    assert licence not in page.content.decode()


def test_the_modules_get_their_words_in_the_language_of_the_page(client, db):
    page = client.get(reverse("accounts:sign_in"), **CHINESE).content.decode()
    address = re.search(r'src="([^"]*jsi18n[^"]*)"', page)
    assert address is not None
    catalogue = client.get(address[1].replace("&amp;", "&")).content.decode()
    assert json.dumps("请等待 %s 秒。") in catalogue


def test_refusals_of_a_setting_are_told_in_chinese():
    typed = {"epochs": "many", "size": "65", "lr": "-1", "optimizer": "none", "batch": "0"}
    with translation.override("zh-hans"):
        for name, text in typed.items():
            with pytest.raises(SpecError) as refused:
                SETTINGS[name].parse(text)
            assert HAN.search(spoken(refused.value.message)), refused.value.message
        with pytest.raises(SpecError) as refused:
            make_spec("scratch", {"views": "2"})
        assert HAN.search(spoken(refused.value.message))


def test_reasons_inside_a_sentence_are_told_in_chinese_too():
    with translation.override("zh-hans"):
        told = spoken(f"The photo /data/a.jpg cannot be used: {decode_errors.Truncated()}")
        assert told == "照片 /data/a.jpg 无法使用：图片末尾缺失，复制不完整；请重新复制或下载。"
        assert spoken("Epoch 3 of 8, validation 91.2% so far") == "第 3 / 8 轮，目前验证准确率 91.2%"
        assert spoken("Epoch 3 of 8") == "第 3 / 8 轮"


def test_what_nobody_listed_is_shown_as_it_was_written():
    with translation.override("zh-hans"):
        assert spoken("glass.zip: 1,204") == "glass.zip: 1,204"
        assert spoken("") == ""
    assert spoken(PROGRESS[0]) == PROGRESS[0]


def test_every_reason_why_a_photo_is_refused_is_listed():
    sentences = {
        kind.sentence
        for kind in vars(decode_errors).values()
        if isinstance(kind, type) and issubclass(kind, decode_errors.DecodeError)
    }
    with translation.override("zh-hans"):
        assert [sentence for sentence in sentences if not HAN.search(spoken(sentence))] == []


# Where sentences are made that a job stores, and the calls that take one.
SPEAKERS = ("ml/training", "ml/cli/groups.py", "ml/cli/duplicates.py", "ml/cli/enhance.py", "worker")
# Here every marked sentence is stored, whatever takes it.
MARKED = (
    "webapp/crawls/providers", "webapp/crawls/fetching/errors.py", "webapp/crawls/reviewing.py", "worker/crawling",
    "worker/handlers/crawl.py", "worker/handlers/crawl_check.py", "worker/handlers/rank.py",
)  # fmt: skip
TAKES_A_SENTENCE = {"stage", "count", "report", "_write", "TrainingProblemError", "RunLockedError", "JobError",
                    "PreparePoolError", "FloatingPointError"}  # fmt: skip
RETURNS_A_SENTENCE = {"_sentence", "_message", "sentence_for"}


def sentences_in(tree: ast.AST) -> Iterator[str]:
    """Sentences given to those calls, or returned by those functions, with a 7 in each of their places."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in TAKES_A_SENTENCE:
                spoken_ones = (
                    node.args[1:] if name == "stage" else node.args
                )  # a stage's first word is its key
                yield from filter(None, map(literal, spoken_ones))
        if isinstance(node, ast.FunctionDef) and node.name in RETURNS_A_SENTENCE:
            returns = (inner for inner in ast.walk(node) if isinstance(inner, ast.Return))
            yield from (text for one in returns if one.value and (text := literal(one.value)))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "message":
            yield from filter(None, [literal(node.value)])


def literal(node: ast.AST) -> str:
    """The text of a string with at least two words; "" for anything else."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
        node = node.args[0]
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    if not all(isinstance(part, ast.FormattedValue | ast.Constant) for part in parts):
        return ""
    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in parts)
    return re.sub(r"%\(\w+\)[sd]", "7", text) if re.search(r"[A-Za-z]{2,} [A-Za-z0-9]", text) else ""


def test_what_workers_and_the_trainer_say_is_listed():
    files = [path for name in SPEAKERS for path in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
    said = {text for path in files for text in sentences_in(ast.parse(path.read_text(encoding="utf-8")))}
    assert len(said) > 20
    with translation.override("zh-hans"):
        assert sorted(text for text in said if not HAN.search(spoken(text))) == []


def marked_in(tree: ast.AST) -> Iterator[str]:
    """Sentences that are marked to be translated, with a 7 in each of their places."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_" and node.args:
            yield from filter(None, [literal(node.args[0])])


def test_what_crawls_and_their_sources_say_is_listed():
    files = [path for name in MARKED for path in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
    said = {text for path in files for text in marked_in(ast.parse(path.read_text(encoding="utf-8")))}
    assert len(said) > 40
    with translation.override("zh-hans"):
        assert sorted(text for text in said if not HAN.search(spoken(text))) == []


def test_a_name_inside_what_a_source_said_is_told_in_chinese_too():
    with translation.override("zh-hans"):
        told = spoken(
            "Baidu Images refuses to answer. What was saved stays; try again later, or use another source."
        )
        assert told.startswith("百度图片")


def test_every_message_is_translated_with_all_its_places():
    assert messages.problems() == []


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="needs gettext's tools")
def test_no_string_of_the_sources_is_missing_from_the_translations():
    assert messages.not_gathered() == []
