"""Limits per address and per model, counted in a real broker."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from webapp.publishing import limits
from webapp.publishing.classify import NotRunning
from webapp.publishing.models import PublishedModel

MODEL = PublishedModel(pk=7)


def visitor(address: str, **meta: str):
    return RequestFactory().post("/", REMOTE_ADDR=address, **meta)


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch):
    """Ten seconds into a window, so that no test straddles two."""
    monkeypatch.setattr(limits.time, "time", lambda: 1_000_000_000 * 60 + 10.0)


def test_an_address_that_asks_too_often_is_told_how_long_to_wait(quiet_broker):
    for _ in range(limits.PER_ADDRESS):
        limits.count_request(visitor("203.0.113.5"), MODEL)
    with pytest.raises(limits.TooMany) as caught:
        limits.count_request(visitor("203.0.113.5"), MODEL)
    assert (caught.value.status, caught.value.retry_after) == (429, 51)
    limits.count_request(visitor("203.0.113.6"), MODEL)


def test_the_next_minute_begins_at_nought(quiet_broker, monkeypatch):
    for _ in range(limits.PER_ADDRESS):
        limits.count_request(visitor("203.0.113.5"), MODEL)
    monkeypatch.setattr(limits.time, "time", lambda: 1_000_000_000 * 60 + 61.0)
    limits.count_request(visitor("203.0.113.5"), MODEL)


def test_a_household_with_many_ipv6_addresses_counts_once(quiet_broker):
    for number in range(limits.PER_ADDRESS):
        limits.count_request(visitor(f"2001:db8:1:2::{number + 1:x}"), MODEL)
    with pytest.raises(limits.TooMany):
        limits.count_request(visitor("2001:db8:1:2:ffff::1"), MODEL)
    limits.count_request(visitor("2001:db8:1:3::1"), MODEL)


def test_a_model_has_a_limit_of_its_own(quiet_broker, monkeypatch):
    monkeypatch.setattr(limits, "PER_MODEL", 3)
    for number in range(3):
        limits.count_request(visitor(f"203.0.113.{number}"), MODEL)
    with pytest.raises(limits.TooMany):
        limits.count_request(visitor("203.0.113.9"), MODEL)
    limits.count_request(visitor("203.0.113.9"), PublishedModel(pk=8))


def test_a_refused_visitor_uses_up_nothing_of_the_models_share(quiet_broker, monkeypatch):
    monkeypatch.setattr(limits, "PER_ADDRESS", 1)
    monkeypatch.setattr(limits, "PER_MODEL", 2)
    limits.count_request(visitor("203.0.113.1"), MODEL)
    for _ in range(5):
        with pytest.raises(limits.TooMany):
            limits.count_request(visitor("203.0.113.1"), MODEL)
    limits.count_request(visitor("203.0.113.2"), MODEL)


def test_no_address_is_written_into_the_broker(quiet_broker):
    limits.count_request(visitor("203.0.113.77"), MODEL)
    keys = quiet_broker.client().keys("*")
    assert len(keys) == 2
    assert not [key for key in keys if b"203" in key]
    assert all(quiet_broker.client().ttl(key) > 0 for key in keys)


def test_a_forwarded_address_is_believed_only_behind_our_own_proxy(settings):
    forged = visitor("10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1, 203.0.113.8")
    assert limits.client_network(forged) == "10.0.0.1"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert limits.client_network(forged) == "203.0.113.8"


def test_mapped_and_unreadable_addresses_have_a_place_too():
    assert limits.client_network(visitor("::ffff:203.0.113.8")) == "203.0.113.8"
    assert limits.client_network(visitor("")) == "unknown"


def test_without_a_broker_nothing_is_let_through(settings):
    settings.REDIS_URL = ""
    with pytest.raises(NotRunning):
        limits.count_request(visitor("203.0.113.5"), MODEL)
