"""Any spelling of any private address that the C library would take, against both layers."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.crawls.fetching.addresses import AddressRules, is_public, vet_url
from webapp.crawls.fetching.errors import FetchError
from webapp.crawls.fetching.network import GuardedBackend
from webapp.crawls.fetching.streams import Watch

# First and last address of each block of IANA's registries that is not for the public internet.
BLOCKS_4 = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
]
BLOCKS_6 = [
    ("::", "::fffe:ffff:ffff"),
    ("::1:0:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("64:ff9b::", "64:ff9b::ffff:ffff"),
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fd00:ec2::", "fd00:ec2::ffff"),
]
RANGES_4 = [(int(ipaddress.IPv4Address(a)), int(ipaddress.IPv4Address(b))) for a, b in BLOCKS_4]
RANGES_6 = [(int(ipaddress.IPv6Address(a)), int(ipaddress.IPv6Address(b))) for a, b in BLOCKS_6]


def within(value: int, ranges: list[tuple[int, int]]) -> bool:
    return any(first <= value <= last for first, last in ranges)


def numbers(ranges: list[tuple[int, int]]) -> st.SearchStrategy[int]:
    return st.sampled_from(ranges).flatmap(lambda ends: st.integers(*ends))


@st.composite
def spellings_4(draw: st.DrawFn) -> str:
    """One to four parts, each decimal, octal or hex, with zeros before; full-width or with other dots at times."""
    value = draw(numbers(RANGES_4))
    count = draw(st.integers(1, 4))
    parts = [value >> shift & 255 for shift in (24, 16, 8)[: count - 1]]
    parts.append(value & ((1 << 8 * (5 - count)) - 1))
    forms = st.sampled_from(["{:d}", "0{:o}", "000{:o}", "0x{:x}", "0X{:X}", "0x00{:x}"])
    text = ".".join(draw(forms).format(part) for part in parts)
    if draw(st.integers(0, 4)) == 0:
        text = text.translate({ord("0") + n: 0xFF10 + n for n in range(10)})
    return text.replace(".", draw(st.sampled_from([".", ".", ".", "。", "．", "｡"])))


@st.composite
def spellings_6(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        inner = draw(numbers(RANGES_4))
        tail = (
            str(ipaddress.IPv4Address(inner))
            if draw(st.booleans())
            else f"{inner >> 16:x}:{inner & 0xFFFF:x}"
        )
        prefix = draw(
            st.sampled_from(["::ffff:", "0:0:0:0:0:FFFF:", "::", "64:ff9b::", "64:ff9b:1::", "::ffff:0:"])
        )
        text = prefix + tail
    else:
        ip = ipaddress.IPv6Address(draw(numbers(RANGES_6)))
        text = draw(st.sampled_from([ip.compressed, ip.exploded, ip.exploded.upper()]))
    return text + draw(st.sampled_from(["", "", "", "%1", "%lo", "%25lo"]))


def numeric_only(host, port, **options):
    """The C library's reading of numbers, without asking any name server."""
    return socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST, **options)


BACKEND = GuardedBackend(AddressRules(), numeric_only, Watch(lambda: None), None)


@settings(max_examples=200, deadline=None)
@given(st.one_of(spellings_4(), spellings_6()))
def test_no_spelling_of_a_private_address_passes_the_second_layer_alone(spelling):
    with pytest.raises(FetchError):
        BACKEND.vetted(spelling, 80, 5.0)


@settings(max_examples=200, deadline=None)
@given(spellings_4().map("http://{}/".format) | spellings_6().map("http://[{}]/".format))
def test_no_url_with_a_private_address_passes_both_layers(url):
    with pytest.raises(FetchError):
        BACKEND.vetted(vet_url(AddressRules(), url).raw_host.decode(), 80, 5.0)


@settings(max_examples=200, deadline=None)
@given(numbers(RANGES_4))
def test_tunnels_to_a_private_address_are_refused(value):
    six_to_four = ipaddress.IPv6Address(0x2002 << 112 | value << 80 | 1)
    teredo = ipaddress.IPv6Address(0x20010000 << 96 | (value ^ 0xFFFFFFFF))
    teredo_server = ipaddress.IPv6Address(0x20010000 << 96 | value << 64)
    for one in (six_to_four, teredo, teredo_server):
        assert not is_public(str(one))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1).filter(lambda value: not within(value, RANGES_4)))
def test_every_other_ipv4_address_is_public_in_itself_and_mapped(value):
    address = str(ipaddress.IPv4Address(value))
    assert is_public(address)
    assert is_public(f"::ffff:{address}")
    assert BACKEND.vetted(vet_url(AddressRules(), f"http://{address}/").host, 80, 5.0) == [address]


@settings(max_examples=200, deadline=None)
@given(st.integers(0x2 << 124, (0x4 << 124) - 1).filter(lambda value: not within(value, RANGES_6)))
def test_every_other_ipv6_address_is_public_in_any_spelling(value):
    ip = ipaddress.IPv6Address(value)
    for spelling in (ip.compressed, ip.exploded, ip.exploded.upper()):
        assert is_public(spelling)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text("/:@?#[]%.\\0x19aｅ１。 \t", max_size=40).map("http://".__add__))
def test_any_text_is_a_url_or_refused_and_never_breaks(text):
    try:
        url = vet_url(AddressRules(), text)
    except FetchError:
        return
    assert url.scheme in ("http", "https")
    assert url.userinfo == b""
    assert (url.port or 80) in (80, 443)
