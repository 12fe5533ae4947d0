"""Whose address a request comes from, behind proxies that may be believed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, TypeAlias

from eventtracking.exceptions import ImproperlyConfigured

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

UNIX = "unix"
"""Among the trusted proxies: whoever connects through a Unix socket, and has no address."""

# An address with a port, or an IPv6 address in brackets. A port may be obfuscated, as
# RFC 7239 puts it: `_` and a word.
_WITH_PORT = re.compile(
    r"(?:\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
)

# One element of a list, and one parameter of an element. Quotes protect the separators.
# Nothing follows the repetition, so there is nothing to go back for: both are linear.
_ELEMENT = re.compile(r'(?:[^",]+|"[^"]*")*')
_PARAMETER = re.compile(r'(?:[^";]+|"[^"]*")+')


class TrustedProxies:
    """
    The proxies whose word about the client's address counts.

    Without any, the peer's own address is the client's: everybody can write a header.

    Args:
        proxies: Addresses, networks such as `10.0.0.0/8`, and `unix`.
        option: How an error calls them.

    Raises:
        ImproperlyConfigured: If *proxies* is no list of those.
    """

    def __init__(
        self, proxies: Iterable[Any] | None = (), *, option: str = "trusted_proxies"
    ) -> None:
        proxies = () if proxies is None else proxies
        if isinstance(proxies, str | bytes) or not isinstance(proxies, Iterable):
            raise ImproperlyConfigured(
                f"{option} must be a list of addresses and networks, got {proxies!r}"
            )
        listed = [*proxies]
        self._trusts_unix = UNIX in listed
        self._networks = tuple(_network(item, option) for item in listed if item != UNIX)

    def client_ip(self, peer: str, *, forwarded: str = "", x_forwarded_for: str = "") -> str:
        """
        Return the address of the client.

        The hops are walked from the right, where the trusted proxies wrote, up to the
        first address that is not trusted. A malformed hop ends the walk.

        Args:
            peer: The address at the other end of the connection; empty for a Unix socket.
            forwarded: The header `Forwarded`. Where it is present, it is the one that counts.
            x_forwarded_for: The header `X-Forwarded-For`.
        """
        # The zone of a link-local address names an interface of this machine.
        believed = address_of(peer.partition("%")[0])
        trusted = self._trusts_unix and not peer if believed is None else self._trusts(believed)
        if trusted:
            hops = _forwarded_hops if forwarded.strip() else _plain_hops
            believed = self._walk(believed, hops(forwarded.strip() or x_forwarded_for))
        return peer if believed is None else str(believed)

    def __repr__(self) -> str:
        names = [str(network) for network in self._networks] + [UNIX] * self._trusts_unix
        return f"<TrustedProxies {names}>"

    def _walk(self, believed: Address | None, hops: Iterator[str]) -> Address | None:
        for hop in hops:
            address = address_of(hop)
            if address is None:
                break
            believed = address
            if not self._trusts(address):
                break
        return believed

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def address_of(text: str) -> Address | None:
    """
    Return the address that *text* holds, perhaps with a port, in brackets or in quotes.

    An IPv4 address in the clothes of IPv6 (`::ffff:192.0.2.1`) comes out as what it is.
    """
    text = text.strip(" \t")
    if text[:1] == text[-1:] == '"':
        text = text[1:-1]
    match = _WITH_PORT.fullmatch(text)
    bare = text if match is None else match[1] or match[2]
    # A zone may be any text at all, and a header is no place for one.
    if "%" in bare:
        return None
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def anonymized(ip: str) -> str:
    """Return *ip* with its last octet, or its last 80 bits, zero; nothing if it is no address."""
    address = address_of(ip)
    if address is None:
        return ""
    kind, bits = (IPv4Address, 8) if isinstance(address, IPv4Address) else (IPv6Address, 80)
    return str(kind(int(address) >> bits << bits))


def _network(item: Any, option: str) -> Network:
    # A number would be taken for an address too, and True for 0.0.0.1.
    if isinstance(item, int | bytes):
        raise ImproperlyConfigured(f"{option} must hold addresses and networks, got {item!r}")
    try:
        return ip_network(item)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{option} must hold addresses and networks such as '10.0.0.0/8', got {item!r}: {error}"
        ) from error


def _plain_hops(header: str) -> Iterator[str]:
    """Yield the hops of `X-Forwarded-For`, the last one first."""
    comma = "," if header.strip() else ""
    while comma:
        header, comma, hop = header.rpartition(",")
        yield hop


def _forwarded_hops(header: str) -> Iterator[str]:
    """
    Yield what the elements of `Forwarded` say of `for`, the last one first.

    Read from the right as well: a quotation mark that a client left open must not
    swallow what a proxy added behind it.
    """
    backwards = header[::-1]
    position = 0
    while position <= len(backwards):
        element = _ELEMENT.match(backwards, position)
        end = len(backwards) if element is None else element.end()
        is_whole = backwards[end : end + 1] in ("", ",")
        yield _for(backwards[position:end][::-1]) if is_whole else ""
        position = end + 1


def _for(element: str) -> str:
    pairs = (parameter.partition("=") for parameter in _PARAMETER.findall(element))
    values = [value for name, _, value in pairs if name.strip(" \t").lower() == "for"]
    return values[0] if len(values) == 1 else ""
