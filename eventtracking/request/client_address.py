"""The client's address of a request that came through trusted proxies."""

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

from eventtracking._options import Options

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

UNIX = "unix"
"""In a list of trusted proxies: a peer on a Unix socket, which has no address."""

# An address with a port, or an IPv6 address in brackets. RFC 7239 allows obfuscated ports,
# `_` and a word.
_WITH_PORT = re.compile(
    r"(?:\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
)

# One element of a list, and one parameter of an element. Quotes protect the separators.
# Both take linear time: nothing follows the repetition, so the engine never backtracks.
_ELEMENT = re.compile(r'(?:[^",]+|"[^"]*")*')
_PARAMETER = re.compile(r'(?:[^";]+|"[^"]*")+')


class TrustedProxies:
    """
    The proxies whose headers are believed about the client's address.

    Without any, the client's address is that of the peer, since anybody can write a header.

    Args:
        proxies: Addresses, networks such as `10.0.0.0/8`, and `unix`.
        owner: The class that has the option, for error messages.
        option: The name of the option, for error messages.

    Raises:
        ImproperlyConfigured: If *proxies* is not a list of those.
    """

    def __init__(
        self,
        proxies: Iterable[Any] | None = (),
        *,
        owner: str = "TrustedProxies",
        option: str = "proxies",
    ) -> None:
        options = Options(owner)
        expected = "an address, a network such as '10.0.0.0/8', or 'unix'"
        parsed = options.parse_list(
            option, () if proxies is None else proxies, _parse_proxy, expected
        )
        options.raise_problems()
        self._trusts_unix = UNIX in parsed
        self._networks = tuple(each for each in parsed if not isinstance(each, str))

    def client_ip(self, peer: str, *, forwarded: str = "", x_forwarded_for: str = "") -> str:
        """
        Return the address of the client.

        The hops are read from the right, where the trusted proxies wrote, up to the first
        address that is not trusted. A malformed hop ends the search.

        Args:
            peer: The address at the other end of the connection; empty for a Unix socket.
            forwarded: The header `Forwarded`. If present, `X-Forwarded-For` is ignored.
            x_forwarded_for: The header `X-Forwarded-For`.
        """
        # The zone of a link-local address names an interface of this machine.
        client = parse_address(peer.partition("%")[0])
        is_trusted = self._trusts_unix and not peer if client is None else self._trusts(client)
        if is_trusted:
            hops = _forwarded_hops if forwarded.strip() else _x_forwarded_for_hops
            client = self._last_believable(client, hops(forwarded.strip() or x_forwarded_for))
        return peer if client is None else str(client)

    def __repr__(self) -> str:
        names = [str(network) for network in self._networks] + [UNIX] * self._trusts_unix
        return f"<TrustedProxies {names}>"

    def _last_believable(self, client: Address | None, hops: Iterator[str]) -> Address | None:
        for hop in hops:
            address = parse_address(hop)
            if address is None:
                break
            client = address
            if not self._trusts(address):
                break
        return client

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def parse_address(text: str) -> Address | None:
    """
    Return the address in *text*, which may have a port, brackets or quotes; `None` if invalid.

    An IPv4 address that is mapped to IPv6 (`::ffff:192.0.2.1`) is returned as IPv4.
    """
    text = text.strip(" \t")
    if text[:1] == text[-1:] == '"':
        text = text[1:-1]
    match = _WITH_PORT.fullmatch(text)
    bare = text if match is None else match[1] or match[2]
    # Python accepts any text as a zone, and a zone has no meaning in a header.
    if "%" in bare:
        return None
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def anonymize_ip(ip: str) -> str:
    """Return *ip* with its last octet (IPv6: last 80 bits) zero; empty if it is invalid."""
    address = parse_address(ip)
    if address is None:
        return ""
    kind, bits = (IPv4Address, 8) if isinstance(address, IPv4Address) else (IPv6Address, 80)
    return str(kind(int(address) >> bits << bits))


def _parse_proxy(item: Any) -> Network | str:
    if item == UNIX:
        return UNIX
    # Python would read True as 0.0.0.1.
    if isinstance(item, int | bytes):
        raise TypeError("an address is text")
    return ip_network(item)


def _x_forwarded_for_hops(header: str) -> Iterator[str]:
    """Yield the hops of `X-Forwarded-For`, the last one first."""
    comma = "," if header.strip() else ""
    while comma:
        header, comma, hop = header.rpartition(",")
        yield hop


def _forwarded_hops(header: str) -> Iterator[str]:
    """
    Yield the parameter `for` of each element of `Forwarded`, the last one first.

    The header is parsed from the right as well: if a client left a quotation mark open,
    it must not include the elements that proxies added after it.
    """
    reversed_header = header[::-1]
    position = 0
    while position <= len(reversed_header):
        element = _ELEMENT.match(reversed_header, position)
        end = len(reversed_header) if element is None else element.end()
        is_whole = reversed_header[end : end + 1] in ("", ",")
        yield _for_parameter(reversed_header[position:end][::-1]) if is_whole else ""
        position = end + 1


def _for_parameter(element: str) -> str:
    pairs = (parameter.partition("=") for parameter in _PARAMETER.findall(element))
    values = [value for name, _, value in pairs if name.strip(" \t").lower() == "for"]
    return values[0] if len(values) == 1 else ""
