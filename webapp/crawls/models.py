"""Crawls: photos for a class from the web, each with where it comes from and a verdict.

trying → tried → running → finished        (a trial is looked at before the rest is fetched)
                    └────→ stopped         (asked by a person, an error, or the source refused: it may be gone on with)
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.crawls.providers.base import Licence
from webapp.datasets.models import Dataset, Image, LabelClass

TRIAL_SIZE = 50


class CrawlState(models.TextChoices):
    TRYING = "trying", _("Trial under way")
    TRIED = "tried", _("Trial to look at")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    STOPPED = "stopped", _("Stopped")


WORKING = (CrawlState.TRYING, CrawlState.RUNNING)


class LicenceFilter(models.TextChoices):
    """The values are those of `providers.base.Licence`."""

    ANY = Licence.ANY.value, _("Any, or none stated")
    OPEN = Licence.OPEN.value, _("A stated open licence")
    COMMERCIAL = Licence.COMMERCIAL.value, _("Open, commercial use allowed")
    PUBLIC_DOMAIN = Licence.PUBLIC_DOMAIN.value, _("Public domain (CC0, PDM)")


class CrawlVerdict(models.TextChoices):
    """What became of a candidate. All but `pending` and `candidate` are final."""

    PENDING = "pending", _("Waiting")
    CANDIDATE = "candidate", _("In the trial")
    SAVED = "saved", _("Saved")
    DUPLICATE = "duplicate", _("Already here")
    NOT_NEEDED = "not_needed", _("No longer needed")
    TOO_SMALL = "too_small", _("Too small")
    LICENCE = "licence", _("Another licence")
    REFUSED_URL = "refused_url", _("Address not allowed")
    REFUSED_ADDRESS = "refused_address", _("Inner network")
    HTTP_ERROR = "http_error", _("Not delivered")
    REDIRECTS = "redirects", _("Too many redirects")
    NETWORK = "network", _("Not reached")
    TOO_SLOW = "too_slow", _("Too slow")
    TOO_LARGE = "too_large", _("File too large")
    EMPTY = "empty", _("Empty file")
    TRUNCATED = "truncated", _("Cut short")
    NOT_AN_IMAGE = "not_an_image", _("Not a photo")
    UNSUPPORTED_FORMAT = "unsupported_format", _("Format not taken")
    TOO_MANY_PIXELS = "too_many_pixels", _("Too many pixels")
    BROKEN = "broken", _("Broken file")
    TIMEOUT = "timeout", _("Took too long to open")
    OUT_OF_MEMORY = "out_of_memory", _("Too much memory")


class Crawl(models.Model):
    """Queries to one provider for one class; `total_page` pages of each from `start_page`, as the paper counts them."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="crawls")
    number = models.PositiveIntegerField()
    label_class = models.ForeignKey(LabelClass, on_delete=models.PROTECT, related_name="crawls")
    provider = models.CharField(max_length=16)
    queries = models.JSONField(default=list, help_text="[words, …]; a list of addresses: its lines")
    start_page = models.PositiveIntegerField(default=1)
    total_page = models.PositiveIntegerField(default=5)
    per_page = models.PositiveIntegerField(default=20)
    min_side = models.PositiveIntegerField(default=0, help_text="px of the shorter side; 0: any")
    licence = models.CharField(max_length=16, choices=LicenceFilter.choices, default=LicenceFilter.ANY)
    target = models.PositiveIntegerField(
        null=True, blank=True, help_text="ends when so many photos are saved"
    )
    # Crawls that one act started for several classes share it.
    plan = models.UUIDField(null=True, blank=True, db_index=True)

    state = models.CharField(max_length=16, choices=CrawlState.choices, default=CrawlState.TRYING)
    # Of what runs now, or was stopped: the first TRIAL_SIZE candidates only.
    is_trial = models.BooleanField(default=True)
    stopped_because = models.TextField(blank=True, default="", help_text="in English, see core.spoken")
    # Where it is: {"query": place in `queries`, "page": pages of it that were read, "at": the provider's own cursor}.
    cursor = models.JSONField(default=dict, blank=True)
    job = models.ForeignKey("jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="crawl_number_once_per_dataset"),
            models.CheckConstraint(
                condition=models.Q(state__in=CrawlState.values), name="crawl_state_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(start_page__gte=1, total_page__gte=1, per_page__gte=1),
                name="crawl_counts_from_one",
            ),
        ]
        indexes = [models.Index(fields=["label_class", "-id"], name="crawl_by_class")]

    def __str__(self) -> str:
        return f"{self.dataset} · crawl {self.number}"

    @property
    def asked(self) -> int:
        """Photos asked for: `total_page` × `per_page` of each query."""
        return len(self.queries) * self.total_page * self.per_page

    @property
    def last_page(self) -> int:
        return self.start_page + self.total_page - 1

    @property
    def is_working(self) -> bool:
        return self.state in WORKING


class CrawlItem(models.Model):
    """A candidate: what the provider says of it, what became of it, and how well it fits the class."""

    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="items")
    query = models.PositiveIntegerField(default=0, help_text="place in the crawl's `queries`")
    page = models.PositiveIntegerField(default=1, help_text="of the source's results, from 1")
    urls = models.JSONField(default=list, help_text="the best first; the others are tried when it fails")
    # Of the first of `urls`: an address is a candidate once in a crawl.
    url_key = models.CharField(max_length=64)
    page_url = models.CharField(max_length=2000, blank=True, default="")
    title = models.CharField(max_length=300, blank=True, default="")
    author = models.CharField(max_length=200, blank=True, default="")
    licence = models.CharField(max_length=120, blank=True, default="")
    licence_url = models.CharField(max_length=2000, blank=True, default="")
    width = models.PositiveIntegerField(null=True, blank=True, help_text="px; as told, then as measured")
    height = models.PositiveIntegerField(null=True, blank=True)

    verdict = models.CharField(max_length=24, choices=CrawlVerdict.choices, default=CrawlVerdict.PENDING)
    detail = models.CharField(max_length=500, blank=True, default="")
    url = models.CharField(max_length=2000, blank=True, default="", help_text="which address delivered")
    fetched_at = models.DateTimeField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    # What preparing found, until the photo has a row of its own.
    facts = models.JSONField(default=dict, blank=True)
    image = models.ForeignKey(
        Image, null=True, blank=True, on_delete=models.SET_NULL, related_name="crawl_items"
    )

    fit = models.FloatField(null=True, blank=True, help_text="0 to 1; empty until it is ranked")
    # Near-duplicates within a class's candidates share it; 0: none.
    group = models.PositiveIntegerField(default=0)
    # Of a group the copy most worth keeping; the others stand behind it.
    is_lead = models.BooleanField(default=True)
    copy_of = models.ForeignKey(Image, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["crawl", "url_key"], name="candidate_once_per_crawl"),
            models.CheckConstraint(
                condition=models.Q(verdict__in=CrawlVerdict.values), name="candidate_verdict_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["crawl", "verdict", "id"], name="candidate_by_verdict"),
            models.Index(fields=["crawl", "verdict", "-fit", "id"], name="candidate_by_fit"),
            models.Index(fields=["url_key"], name="candidate_by_address"),
        ]

    def __str__(self) -> str:
        return self.title or (self.urls[0] if self.urls else str(self.pk))


class SourceState(models.Model):
    """What people decided and saw about a provider. A provider without a row is as its traits say."""

    provider = models.CharField(max_length=16, unique=True)
    is_on = models.BooleanField(default=False)
    turned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    turned_at = models.DateTimeField(null=True, blank=True)
    check_job = models.ForeignKey(
        "jobs.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return self.provider


class SourceDay(models.Model):
    """How many requests a provider was asked on a day (UTC): what its quota is counted by."""

    provider = models.CharField(max_length=16)
    day = models.DateField()
    requests = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "day"], name="source_day_once")]

    def __str__(self) -> str:
        return f"{self.provider} {self.day}"
