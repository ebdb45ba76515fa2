"""Which addresses on the net may be fetched for an app: public ones alone, judged number by number.

Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and what followed it), written out here because
the standard library's own list has changed between Python releases.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from .faults import Fault

PORTS = frozenset({80, 443, 8080, 8443})
"""Ports where the web is served; anything else is more likely a database than a picture."""

_DEFAULT_PORTS = {"http": 80, "https": 443}

# The first line that holds an address gives the reason.
_V4 = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),  # a public number that one cloud answers inside its own machines
        ("169.254.169.254/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6 = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)
_V6_UNICAST = ip_network("2000::/3")


def judge(address: str) -> str | None:
    """Why this IP address may not be fetched ("loopback", "private", …), or None when it is public.

    An IPv4 address inside an IPv6 one is judged as what it is; what is no IP address at all is refused.
    """
    try:
        number = ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    for network, reason in _V4 if isinstance(number, IPv4Address) else _V6:
        if number in network:
            return reason
    if isinstance(number, IPv6Address) and number not in _V6_UNICAST:
        return "reserved"
    return None if number.is_global else "not public"


def check_url(url: str, allow: frozenset[tuple[str, int]] = frozenset(), *, at_home: bool = False) -> None:
    """Whether a URL may be asked for at all, before any name is looked up; raises `bad_request` with the reason.

    `allow` holds (host, port) pairs that are exempt from the rules on ports and addresses, and so is a URL `at_home`:
    the operator named its origin. A host *name* passes here: the addresses it stands for are judged when it is looked
    up.
    """
    parts, port = _split(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise refusal("only http and https are fetched")
    if parts.username is not None or parts.password is not None:
        raise refusal("it holds a user name")
    host = plain_host(parts.hostname or "")
    port = port if port is not None else _DEFAULT_PORTS[parts.scheme]
    if at_home or (host, port) in allow:
        return
    if port not in PORTS:
        raise refusal(f"port {port} is not fetched from")
    if _is_number(host) and (reason := judge(host)):
        raise refusal(f"its address is {reason}")
    if f".{host}".rstrip(".").endswith(".localhost"):  # RFC 6761, 6.3: it is never another machine
        raise refusal("its address is loopback")


def plain_host(host: str) -> str:
    """A host name as it goes over the wire: ASCII, lower case; refuses one that only looks like another."""
    if not host:
        raise refusal("it names no host")
    if host.isascii():
        return host.lower()
    try:
        spelled = host.encode("idna").decode()
    except UnicodeError:
        raise refusal("its host is not a name") from None
    if "xn--" not in spelled:  # circled digits, full-width letters: only a disguise turns into plain ASCII
        raise refusal("its host is written in disguise")
    return spelled.lower()


def refusal(reason: str) -> Fault:
    return Fault("bad_request", f"the URL may not be fetched: {reason}")


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        raise refusal("it is not a URL") from None


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
