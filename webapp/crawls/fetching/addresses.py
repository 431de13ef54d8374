"""Which URLs and which addresses may be fetched from. Nothing here touches the network.

A URL is judged as text, and refused where programs are known to read such text differently. What its host resolves to
is judged apart, address by address, by whoever connects (`network`).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

import httpx2

from webapp.crawls.fetching import errors
from webapp.crawls.fetching.errors import RefusedAddress, RefusedUrl

MOST_CHARACTERS = 4096
DEFAULT_PORTS = {"http": 80, "https": 443}

# IANA's special-purpose registries, and what Python calls global though private things may answer there.
# `is_global` is asked besides: it changes with Python, so neither is trusted alone.
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # public by number, but inside Azure the platform's own service
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays to 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only 2000::/3 is handed out at all: that leaves out ::/96, 64:ff9b::/96, 64:ff9b:1::/48, fc00::/7 and fe80::/9.
# Tunnels are refused whole, whatever address they carry: a relay on our side of the wall would unwrap it.
_HANDED_OUT_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, among them Teredo
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)

_URL = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
# A host in brackets or up to a colon, then a port in ASCII digits: `int` would take others, and underscores.
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:%@]+)(?::([0-9]{1,5})?)?")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# How inet_aton (and with it getaddrinfo) is told of a number: the last label decides, as in the URL standard.
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", re.IGNORECASE)
# Controls, lone surrogates and ends of lines. Spaces inside a path are common in the wild and are only escaped.
_NO_CHARACTERS = frozenset({"Cc", "Cs", "Zl", "Zp"})


@dataclass(frozen=True)
class AddressRules:
    """Which addresses may be connected to.

    `allowed`: (address, port) pairs that pass in spite of everything. For tests only: no setting may lead here.
    """

    allowed: frozenset[tuple[str, int]] = frozenset()
    ports: frozenset[int] = frozenset({80, 443})


def vet_url(rules: AddressRules, url: str) -> httpx2.URL:
    """The URL, parsed, with its host in ASCII and lower case. RefusedUrl says what is wrong with it.

    The host is not resolved, and a literal address not judged: `vet_address` does that.
    """
    vet_text(url)
    found = _URL.match(url)
    if found is None:
        raise RefusedUrl(errors.URL_SCHEME)
    scheme, authority = found[1].lower(), found[2]
    if not authority:
        raise RefusedUrl(errors.URL_NO_HOST)
    if "@" in authority:
        raise RefusedUrl(errors.URL_USERINFO)
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise RefusedUrl(errors.URL_HOST)
    parsed = _parsed(scheme + url[len(scheme) :])  # httpx2 knows the usual ports of lower-case schemes only
    host = parsed.raw_host.decode("ascii")
    _vet_host(host, is_bracketed=parts[1].startswith("["))
    port = int(parts[2]) if parts[2] else DEFAULT_PORTS[scheme]
    if port not in rules.ports and (host, port) not in rules.allowed:
        raise RefusedUrl(errors.URL_PORT)
    # Two readings of one text that differ are how guards are got round.
    if (parsed.scheme, port_of(parsed), parsed.userinfo) != (scheme, port, b""):
        raise RefusedUrl(errors.URL_HOST)
    return parsed


def vet_text(url: str) -> None:
    """Refuses what no URL, and no `Location` of a redirect, holds: it is asked before anything parses the text."""
    if len(url) > MOST_CHARACTERS:
        raise RefusedUrl(errors.URL_TOO_LONG % {"n": MOST_CHARACTERS})
    if "\\" in url or any(unicodedata.category(one) in _NO_CHARACTERS for one in url):
        raise RefusedUrl(errors.URL_CHARACTERS)


def vet_address(rules: AddressRules, address: str, port: int, host: str = "") -> None:
    """RefusedAddress unless `address` is globally routable or allowed with this very port. `host`: for the sentence."""
    if (address, port) in rules.allowed or is_public(address):
        return
    raise RefusedAddress(errors.NOT_PUBLIC % {"host": host or address, "address": address})


def is_public(address: str) -> bool:
    """Whether an address in its plain spelling is one of the public internet. Odd spellings and scope ids are not."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        if ip.ipv4_mapped is None:
            return ip in _HANDED_OUT_6 and ip.is_global and not any(ip in net for net in _NOT_PUBLIC_6)
        ip = ip.ipv4_mapped
    return ip.is_global and not any(ip in network for network in _NOT_PUBLIC_4)


def is_literal(host: str) -> bool:
    """Whether a host is an address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def port_of(url: httpx2.URL) -> int:
    return url.port if url.port is not None else DEFAULT_PORTS[url.scheme]


def _parsed(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
        # Decodes an xn-- name, which fails for a false one: better here than in the middle of a request.
        decoded = parsed.host
    except (httpx2.InvalidURL, ValueError) as error:  # IDNAError is a UnicodeError, and that a ValueError
        raise RefusedUrl(errors.URL_HOST) from error
    if not decoded:
        raise RefusedUrl(errors.URL_HOST)
    if len(str(parsed)) > MOST_CHARACTERS:
        raise RefusedUrl(errors.URL_TOO_LONG % {"n": MOST_CHARACTERS})
    return parsed


def _vet_host(host: str, is_bracketed: bool) -> None:
    """`host` as it would be connected to, after IDNA: full-width digits and dots are ASCII by now, or were refused."""
    if is_bracketed:
        if not is_literal(host):
            raise RefusedUrl(errors.URL_HOST)
    elif _NUMBER.fullmatch(host):
        if not is_literal(host):
            raise RefusedUrl(errors.URL_NUMBER)
    elif len(host) > 253 or not _NAME.fullmatch(host):
        # A name with a trailing dot is refused here too: certificates and caches disagree about it.
        raise RefusedUrl(errors.URL_HOST)
