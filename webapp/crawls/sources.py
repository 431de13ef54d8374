"""Where photos may come from: each provider as this site has set it up, whether it may be asked, and what is left of
its day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.crawls.fetching.addresses import AddressRules
from webapp.crawls.models import SourceDay, SourceState
from webapp.crawls.providers.base import Provider, Traits
from webapp.crawls.providers.registry import PROVIDERS, provider
from webapp.jobs.models import Job


@dataclass(frozen=True)
class Source:
    """A provider for people to choose. `why_not`: why it can't be asked now, as a sentence; "" if it can."""

    key: str
    traits: Traits
    is_on: bool
    state: SourceState | None
    used_today: int
    why_not: str

    @property
    def left_today(self) -> int | None:
        """Requests; None where the provider sets no limit for a day."""
        return None if self.traits.day_quota is None else max(0, self.traits.day_quota - self.used_today)

    @property
    def check_job(self) -> Job | None:
        return self.state.check_job if self.state else None


def provider_here(key: str) -> Provider:
    """The provider with this site's base URL and credentials. KeyError for an unknown one."""
    return provider(
        key, base_url=settings.CRAWL_BASE_URLS.get(key, ""), **settings.CRAWL_CREDENTIALS.get(key, {})
    )


def address_rules() -> AddressRules:
    """What may be connected to: the public Internet. Only tests, which have settings of their own, may allow more."""
    allowed = frozenset(settings.CRAWL_TEST_ADDRESSES)
    if allowed and settings.PRODUCTION:
        raise ImproperlyConfigured("CRAWL_TEST_ADDRESSES is for tests and can't be used in production.")
    return AddressRules(allowed=allowed, ports=frozenset({80, 443}))


def user_agent() -> str:
    """“Sortyard/0.1 (self-hosted; contact)”: sources ask for a contact, so that they can write instead of blocking."""
    contact = settings.CRAWL_CONTACT or "no contact set"
    return f"Sortyard/0.1 (self-hosted image classification; {contact})"


def sources() -> list[Source]:
    """All providers in the order of the registry, in two queries."""
    states = {one.provider: one for one in SourceState.objects.select_related("check_job", "turned_by")}
    used = dict(SourceDay.objects.filter(day=_today()).values_list("provider", "requests"))
    return [_source(key, states, used) for key in PROVIDERS]


def source(key: str) -> Source:
    """One provider. KeyError for an unknown one."""
    return next((one for one in sources() if one.key == key), None) or _unknown(key)


def _unknown(key: str) -> Source:
    raise KeyError(key)


def _source(key: str, states: Mapping[str, SourceState], used: Mapping[str, int]) -> Source:
    traits, state = provider_here(key).traits, states.get(key)
    is_on = state.is_on if state and state.turned_at else not traits.needs_consent
    asked = used.get(key, 0)
    return Source(key, traits, is_on, state, asked, _why_not(key, traits, is_on, asked))


def _why_not(key: str, traits: Traits, is_on: bool, used: int) -> str:
    if not is_on:
        return _("%(name)s is off. An administrator can turn it on under Sources.") % {"name": _(traits.name)}
    if key == "commons" and not settings.CRAWL_CONTACT:
        return _(
            "Wikimedia Commons asks for a contact: set SORTYARD_CRAWL_CONTACT to an e-mail address or a web page, "
            "then start Sortyard again."
        )
    if traits.day_quota is not None and used >= traits.day_quota:
        return _(
            "Today's %(n)s requests to %(name)s are used up. What was saved stays; go on tomorrow (UTC), "
            "or choose another source."
        ) % {"n": traits.day_quota, "name": _(traits.name)}
    return ""


def request_counted(traits: Traits) -> bool:
    """Counts one request of today; False, and nothing is counted, where the day's quota is used up.

    One conditional UPDATE: several workers together do not pass the limit.
    """
    day = _today()
    if not SourceDay.objects.filter(provider=traits.key, day=day).exists():
        with transaction.atomic():
            SourceDay.objects.get_or_create(provider=traits.key, day=day)
    rows = SourceDay.objects.filter(provider=traits.key, day=day)
    if traits.day_quota is not None:
        rows = rows.filter(requests__lt=traits.day_quota)
    return rows.update(requests=F("requests") + 1) == 1


def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def next_day() -> datetime:
    """When the quotas begin anew."""
    tomorrow = _today() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)
