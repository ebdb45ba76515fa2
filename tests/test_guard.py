"""Which addresses may be fetched."""

from __future__ import annotations

import pytest

from koci_proxy.faults import Fault
from koci_proxy.guard import check_url, judge, plain_host


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.1.2.3", "private"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("fd00::1", "private"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("100.100.100.200", "carrier-grade NAT"),
        ("169.254.169.254", "cloud metadata"),
        ("168.63.129.16", "cloud metadata"),
        ("169.254.0.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.7", "documentation"),
        ("203.0.113.7", "documentation"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("198.18.0.1", "benchmarking"),
        ("192.0.0.192", "reserved"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::7f00:1", "reserved"),
        ("fec0::1", "reserved"),
        ("5f00::1", "reserved"),
        ("2002:7f00:1::", "6to4"),
        ("192.88.99.1", "6to4"),
        ("2001:0:7f00:1::", "Teredo"),
        ("2001:10::1", "reserved"),
        ("64:ff9b::7f00:1", "NAT64"),
        ("64:ff9b::808:808", "NAT64"),
        ("64:ff9b:1::1", "NAT64"),
        ("localhost", "not an IP address"),
        ("2130706433", "not an IP address"),
        ("0x7f.1", "not an IP address"),
        ("127.0.0.01", "not an IP address"),
        ("", "not an IP address"),
        ("8.8.8.8", None),
        ("172.32.0.1", None),
        ("100.128.0.1", None),
        ("::ffff:8.8.8.8", None),
        ("2606:4700:4700::1111", None),
    ],
)
def test_an_address_is_judged(address: str, reason: str | None) -> None:
    assert judge(address) == reason


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.com/a.png", "only http and https"),
        ("gopher://example.com:80/_", "only http and https"),
        ("//example.com/a.png", "only http and https"),
        ("a.png", "only http and https"),
        ("", "only http and https"),
        ("http:///a.png", "no host"),
        ("http://", "no host"),
        ("http://user@example.com/a.png", "a user name"),
        ("http://user:word@example.com/a.png", "a user name"),
        ("http://example.com@127.0.0.1/", "a user name"),
        ("http://example.com:22/a.png", "port 22"),
        ("http://example.com:0/a.png", "port 0"),
        ("http://example.com:6379/", "port 6379"),
        ("http://example.com:99999/", "not a URL"),
        ("http://example.com:eighty/", "not a URL"),
        ("http://[::1/", "not a URL"),
        ("http://127.0.0.1/", "loopback"),
        ("http://127.0.0.1:9000/", "port 9000"),
        ("http://[::1]/", "loopback"),
        ("http://localhost/", "loopback"),
        ("http://app.LOCALHOST./", "loopback"),
        ("http://[::ffff:127.0.0.1]/", "loopback"),
        ("http://[fd00::1]/", "private"),
        ("http://[64:ff9b::7f00:1]/", "NAT64"),
        ("http://169.254.169.254/latest/meta-data/", "cloud metadata"),
        ("http://10.0.0.1/", "private"),
        ("http://0.0.0.0/", "unspecified"),
        ("http://100.64.0.1/", "carrier-grade NAT"),
        ("http://①②⑦.⓪.⓪.①/", "in disguise"),
        ("http://ｅｘａｍｐｌｅ.com/", "in disguise"),
        ("http://图..example/", "not a name"),
    ],
)
def test_a_url_is_refused_with_its_reason(url: str, reason: str) -> None:
    with pytest.raises(Fault, match=reason) as caught:
        check_url(url)
    assert caught.value.kind == "bad_request"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png",
        "https://example.com/a.png?token=secret",
        "HTTPS://EXAMPLE.com",
        "http://example.com:8080/",
        "https://example.com:8443/",
        "http://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://图片.example/a.png",
        "http://localhost.example/",  # a name: judged when it is looked up
    ],
)
def test_a_url_passes(url: str) -> None:
    check_url(url)


def test_what_is_allowed_is_exempt_at_its_very_port() -> None:
    allow = frozenset({("127.0.0.1", 9000)})
    check_url("http://127.0.0.1:9000/a.png", allow)
    for url in ("http://127.0.0.1:9001/", "http://127.0.0.1/", "http://127.0.0.2:9000/", "ftp://127.0.0.1:9000/"):
        with pytest.raises(Fault):
            check_url(url, allow)


def test_a_refusal_never_shows_the_url() -> None:
    with pytest.raises(Fault) as caught:
        check_url("http://10.0.0.1/a.png?token=secret")
    assert "10.0.0.1" not in caught.value.message
    assert "secret" not in caught.value.message


def test_a_host_as_it_goes_over_the_wire() -> None:
    assert plain_host("Example.COM") == "example.com"
    assert plain_host("Bücher.example") == "xn--bcher-kva.example"
