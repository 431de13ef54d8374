"""URLs as text, and addresses as numbers."""

from __future__ import annotations

import pytest

from webapp.crawls.fetching import errors
from webapp.crawls.fetching.addresses import AddressRules, is_public, vet_address, vet_url
from webapp.crawls.fetching.errors import RefusedAddress, RefusedUrl

RULES = AddressRules()


@pytest.mark.parametrize(
    ("url", "becomes"),
    [
        ("http://example.org/a.jpg", "http://example.org/a.jpg"),
        ("HTTPS://Example.ORG:443/A.jpg", "https://example.org/A.jpg"),
        ("http://example.org:443", "http://example.org:443"),
        ("http://example.org:/a", "http://example.org/a"),
        ("https://farm_1.static.example.org/1", "https://farm_1.static.example.org/1"),
        ("https://bücher.example/ä b.jpg", "https://xn--bcher-kva.example/%C3%A4%20b.jpg"),
        ("https://例子.测试/照片.jpg", "https://xn--fsqu00a.xn--0zwm56d/%E7%85%A7%E7%89%87.jpg"),
        ("https://example.org/a?u=http://x@y/", "https://example.org/a?u=http://x@y/"),
        ("http://93.184.216.34/a", "http://93.184.216.34/a"),
        ("http://[2606:2800:220:1::1]/a", "http://[2606:2800:220:1::1]/a"),
    ],
)
def test_an_ordinary_url_passes(url, becomes):
    assert str(vet_url(RULES, url)) == becomes


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", errors.URL_SCHEME),
        ("example.org/a", errors.URL_SCHEME),
        ("//example.org/a", errors.URL_SCHEME),
        ("ftp://example.org/a", errors.URL_SCHEME),
        ("file:///etc/passwd", errors.URL_SCHEME),
        ("gopher://example.org", errors.URL_SCHEME),
        ("javascript:alert(1)", errors.URL_SCHEME),
        ("http:example.org", errors.URL_SCHEME),
        ("http:/example.org", errors.URL_SCHEME),
        (" http://example.org", errors.URL_SCHEME),
        ("ｈttp://example.org", errors.URL_SCHEME),
        ("http://", errors.URL_NO_HOST),
        ("http:///a", errors.URL_NO_HOST),
        ("http://:80/a", errors.URL_HOST),
        ("http://?a", errors.URL_NO_HOST),
        ("http://.", errors.URL_HOST),
        ("http://a..b/", errors.URL_HOST),
        ("http://-a.example/", errors.URL_HOST),
        ("http://a-.example/", errors.URL_HOST),
        ("http://example.org./", errors.URL_HOST),
        ("http://127.0.0.1./", errors.URL_HOST),
        ("http://exam ple.org/", errors.URL_HOST),
        ("http://exam%70le.org/", errors.URL_HOST),
        ("http://example.org%2f@evil/", errors.URL_USERINFO),
        ("http://a,b/", errors.URL_HOST),
        ("http://[::1/", errors.URL_HOST),
        ("http://[::1]x/", errors.URL_HOST),
        ("http://[fe80::1%25eth0]/", errors.URL_HOST),
        ("http://[fe80::1%eth0]/", errors.URL_HOST),
        ("http://[127.0.0.1]/", errors.URL_HOST),
        ("http://[v1.x]/", errors.URL_HOST),
        ("http://::1/", errors.URL_HOST),
        ("http://xn--a.example/", ""),  # a false name in Punycode: passes or not, but never breaks
        ("http://xn--0.example/", ""),
        ("http://" + "a" * 64 + ".example/", errors.URL_HOST),
        ("http://" + "a." * 127 + "example/", errors.URL_HOST),
        ("http://user@example.org/", errors.URL_USERINFO),
        ("http://user:secret@example.org/", errors.URL_USERINFO),
        ("http://@example.org/", errors.URL_USERINFO),
        ("http://example.org@127.0.0.1/", errors.URL_USERINFO),
        ("http://example.org:80@127.0.0.1/", errors.URL_USERINFO),
        ("http://example.org:8080/", errors.URL_PORT),
        ("http://example.org:0/", errors.URL_PORT),
        ("http://example.org:65616/", errors.URL_PORT),
        ("http://example.org:22/", errors.URL_PORT),
        ("http://example.org:８０/", errors.URL_HOST),
        ("http://example.org:8_0/", errors.URL_HOST),
        ("http://example.org:+80/", errors.URL_HOST),
        ("http://example.org: 80/", errors.URL_HOST),
        ("http://example.org:80:80/", errors.URL_HOST),
        ("http://example.org:000000080/", errors.URL_HOST),
        ("http://example.org\\@127.0.0.1/", errors.URL_CHARACTERS),
        ("http:\\\\example.org", errors.URL_CHARACTERS),
        ("http://example.org/\r\nX: 1", errors.URL_CHARACTERS),
        ("http://exa\tmple.org/", errors.URL_CHARACTERS),
        ("http://example.org/\0", errors.URL_CHARACTERS),
        ("http://example.org/\x7f", errors.URL_CHARACTERS),
        ("http://example.org/\x85", errors.URL_CHARACTERS),
        ("http://example.org/\u2028", errors.URL_CHARACTERS),
        ("http://example.org/\ud800", errors.URL_CHARACTERS),
        ("http://exa\u200bmple.org/", errors.URL_HOST),
        ("http://exa\u202emple.org/", errors.URL_HOST),
        ("http://exa\u3000mple.org/", errors.URL_HOST),
        ("http://example.org\uff0f@evil.org/", errors.URL_USERINFO),
        ("http://example.org\uff0fevil.org/", errors.URL_HOST),
        ("http://ⓔxample.org/", errors.URL_HOST),
        ("http://example.org/" + "a" * 4096, errors.URL_TOO_LONG % {"n": 4096}),
        ("http://example.org/" + "照" * 1000, errors.URL_TOO_LONG % {"n": 4096}),
        ("http://127.1/", errors.URL_NUMBER),
        ("http://2130706433/", errors.URL_NUMBER),
        ("http://0/", errors.URL_NUMBER),
        ("http://0177.0.0.1/", errors.URL_HOST),
        ("http://017700000001/", errors.URL_NUMBER),
        ("http://0x7f000001/", errors.URL_NUMBER),
        ("http://0X7F.1/", errors.URL_NUMBER),
        ("http://0x7f.0.0.0x1/", errors.URL_NUMBER),
        ("http://0x/", errors.URL_NUMBER),
        ("http://127.0.0.256/", errors.URL_HOST),
        ("http://127.0.0.0x/", errors.URL_NUMBER),
        ("http://example.0x7f/", errors.URL_NUMBER),
        ("http://１２７.０.０.１/", errors.URL_HOST),
        ("http://①②⑦.0.0.1/", errors.URL_HOST),
        ("http://١٢٧.0.0.1/", errors.URL_HOST),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(url, sentence):
    if not sentence:
        try:
            vet_url(RULES, url)
        except RefusedUrl:
            return
        return
    with pytest.raises(RefusedUrl) as refused:
        vet_url(RULES, url)
    assert str(refused.value) == sentence
    assert refused.value.code == "refused_url"
    assert not refused.value.transient


def test_dots_of_other_scripts_do_not_hide_a_number():
    """IDNA turns them into full stops: what comes out is judged, and it is the plain loopback address."""
    assert vet_url(RULES, "http://127。0。0。1/").host == "127.0.0.1"
    with pytest.raises(RefusedAddress):
        vet_address(RULES, "127.0.0.1", 80)


PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254
169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.9 192.0.0.170 192.0.0.192 192.0.2.1
192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255 168.63.129.16
:: ::1 ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::FFFF:10.0.0.1 ::ffff:169.254.169.254
::ffff:0:8.8.8.8 64:ff9b::8.8.8.8 64:ff9b::127.0.0.1 64:ff9b:1::1 64:ff9b:1:ffff::8.8.8.8 100::1 100:0:0:1::1
2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:1ff::1 2001:db8::1
2002:7f00:1:: 2002:808:808::1 3fff::1 3fff:fff::1 4000::1 5f00::1 8000::1 fc00::1 fd00:ec2::254 fd12::1
fe80::1 fe80::1%eth0 fe80::1%1 febf::1 fec0::1 feff::1 ff02::1 ff0e::1 2606:4700::1%1
""".split()  # noqa: SIM905 — a table that is read

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255
198.20.0.0 223.255.255.255 168.63.129.15 ::ffff:8.8.8.8 2000::1 2001:200::1 2001:4860:4860::8888
2003::1 2606:4700::1111 3ffe:ffff::1 2400:cb00::1 3fff:1000::1
""".split()  # noqa: SIM905


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_off_the_public_internet_is_refused(address):
    assert not is_public(address)
    with pytest.raises(RefusedAddress) as refused:
        vet_address(RULES, address, 80, "photos.example")
    assert refused.value.code == "refused_address"
    assert address in str(refused.value)
    assert "photos.example" in str(refused.value)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address):
    assert is_public(address)
    vet_address(RULES, address, 80)


@pytest.mark.parametrize(
    "text", ["", "example.org", "8.8.8", "0x08080808", "134744072", "8.8.8.8.", "08.8.8.8"]
)
def test_what_is_no_plain_address_is_not_public(text):
    assert not is_public(text)


def test_the_allowance_of_tests_is_for_one_address_with_one_port():
    rules = AddressRules(allowed=frozenset({("127.0.0.1", 8000)}))
    vet_address(rules, "127.0.0.1", 8000)
    for address, port in (("127.0.0.1", 80), ("127.0.0.2", 8000), ("::ffff:127.0.0.1", 8000), ("::1", 8000)):
        with pytest.raises(RefusedAddress):
            vet_address(rules, address, port)
    assert vet_url(rules, "http://127.0.0.1:8000/").port == 8000
    for url in ("http://127.0.0.1:8001/", "http://127.0.0.2:8000/", "http://example.org:8000/"):
        with pytest.raises(RefusedUrl):
            vet_url(rules, url)


def test_nothing_is_allowed_unless_a_test_says_so():
    assert AddressRules().allowed == frozenset()
    assert AddressRules().ports == {80, 443}


def test_every_sentence_is_listed_for_translation():
    assert errors.NOT_PUBLIC in errors.SENTENCES
    assert len(errors.SENTENCES) == len(set(errors.SENTENCES)) > 20
