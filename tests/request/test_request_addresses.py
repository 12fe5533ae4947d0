"""Whose address counts, when anybody can write a header."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import TrustedProxies
from eventtracking.request.client_address import address_of, anonymized

PROXY = "10.0.0.1"
CLIENT = "203.0.113.9"
FAKE = "198.51.100.66"

proxies = TrustedProxies(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (CLIENT, CLIENT),
        (f"{FAKE}, {CLIENT}", CLIENT),
        (f"{FAKE}, {CLIENT}, 10.9.9.9", CLIENT),
        (f"{CLIENT},10.9.9.9,10.8.8.8", CLIENT),
        ("10.7.7.7, 10.8.8.8", "10.7.7.7"),
        (f" {CLIENT} ", CLIENT),
        (f"\t{CLIENT}\t, 10.8.8.8", CLIENT),
        (f"{CLIENT}:4711", CLIENT),
        (f'"{CLIENT}"', CLIENT),
        ("2001:db8::9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:443", "2001:db8::9"),
        ("2001:DB8:0:0:0:0:0:9", "2001:db8::9"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, ::ffff:10.8.8.8", CLIENT),
        (f"{CLIENT}, fd12::1", CLIENT),
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, unknown, 10.8.8.8", "10.8.8.8"),
        (f"{CLIENT},", PROXY),
        (f"{CLIENT}, , 10.8.8.8", "10.8.8.8"),
        ("garbage", PROXY),
        ("", PROXY),
        ("  ", PROXY),
        ("1.2.3", PROXY),
        ("1.2.3.4.5", PROXY),
        ("256.1.1.1", PROXY),
        ("01.02.03.04", PROXY),
        ("0x7f000001", PROXY),
        ("2130706433", PROXY),
        ("1.2.3.4:", PROXY),
        ("1.2.3.4:123456", PROXY),
        ("1.2.3.4:-1", PROXY),
        ("1.2.3.4/24", PROXY),
        ("[1.2.3.4]", PROXY),
        ("[2001:db8::9", PROXY),
        ("2001:db8::9]", PROXY),
        ("[2001:db8::9]x", PROXY),
        ("fe80::1%eth0", PROXY),
        ("fe80::1%<script>", PROXY),
        ("[fe80::1%eth0]:80", PROXY),
        ("2001:db8:::9", PROXY),
        ("1.2.3.4 10.8.8.8", PROXY),
        ("1.2.3.4; 10.8.8.8", PROXY),
        ("\u0661.2.3.4", PROXY),
        ("\uff11.2.3.4", PROXY),
        ("1.2.3.4\n", PROXY),
        ("1.2.3.4\x00", PROXY),
        ("for=1.2.3.4", PROXY),
        ("localhost", PROXY),
        ("<script>alert(1)</script>", PROXY),
        ("' OR 1=1 --", PROXY),
    ],
)
def test_x_forwarded_for_is_walked_from_the_right(header, expected):
    """What the trusted proxies wrote counts, and what the client wrote never does."""
    assert proxies.client_ip(PROXY, x_forwarded_for=header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"For={CLIENT};proto=https;by=10.0.0.1", CLIENT),
        (f"proto=https; FOR = {CLIENT} ;host=a.example", CLIENT),
        (f'for="{CLIENT}:4711"', CLIENT),
        (f'for="{CLIENT}:_port"', CLIENT),
        ('for="[2001:db8::9]:443"', "2001:db8::9"),
        ('for="[2001:db8::9]"', "2001:db8::9"),
        ("for=[2001:db8::9]", "2001:db8::9"),
        (f"for={FAKE}, for={CLIENT}", CLIENT),
        (f"for={CLIENT}, for=10.9.9.9, for=10.8.8.8", CLIENT),
        (f'for={CLIENT};host="a,b;for={FAKE}", for=10.8.8.8', CLIENT),
        (f'for={CLIENT}, for=10.8.8.8;host=";for={FAKE};"', CLIENT),
        (f'for="{FAKE}, for={CLIENT}', CLIENT),
        (f'x=", for={CLIENT}', CLIENT),
        (f'for={FAKE}, x=", for="{CLIENT}"', CLIENT),
        (f'"for={FAKE}", for={CLIENT}', CLIENT),
        (f'for={CLIENT}, for="10.8.8.8', PROXY),
        (f"for={CLIENT}, for=unknown", PROXY),
        (f"for={CLIENT}, for=_hidden", PROXY),
        (f'for={CLIENT}, for="_hidden:_port"', PROXY),
        (f"for={CLIENT}, proto=https", PROXY),
        (f"for={CLIENT}, for=10.8.8.8;for=10.7.7.7", PROXY),
        (f"for={CLIENT}, for", PROXY),
        (f"for={CLIENT}, for=", PROXY),
        (f"for={CLIENT},", PROXY),
        (CLIENT, PROXY),
        (f"f\u043er={CLIENT}", PROXY),
    ],
)
def test_forwarded_is_walked_from_the_right(header, expected):
    """Quotation marks, ports and parameters included, as RFC 7239 has them."""
    assert proxies.client_ip(PROXY, forwarded=header) == expected


@pytest.mark.parametrize("header", [FAKE, f"for={FAKE}", f'for="{FAKE}"', "10.0.0.1"])
def test_headers_of_whoever_is_not_trusted_count_for_nothing(header):
    """Everybody can write them."""
    for trusted in (TrustedProxies(), proxies):
        assert trusted.client_ip(CLIENT, forwarded=header, x_forwarded_for=header) == CLIENT


def test_forwarded_wins_over_x_forwarded_for():
    """Even if nothing can be made of it: a proxy that writes it means it."""
    both = {"x_forwarded_for": FAKE}

    assert proxies.client_ip(PROXY, forwarded=f"for={CLIENT}", **both) == CLIENT
    assert proxies.client_ip(PROXY, forwarded="for=unknown", **both) == PROXY
    assert proxies.client_ip(PROXY, forwarded=" ", x_forwarded_for=CLIENT) == CLIENT


@pytest.mark.parametrize("peer", ["", "testserver", "unix:", "/run/app.sock"])
def test_a_peer_without_an_address_is_shown_as_it_is(peer):
    """And believed nothing."""
    assert proxies.client_ip(peer, x_forwarded_for=FAKE) == peer


def test_the_peer_of_a_unix_socket_can_be_trusted_by_name():
    """It has no address; nginx and gunicorn on one machine often talk that way."""
    unix = TrustedProxies(["unix", "10.0.0.0/8"])

    assert unix.client_ip("", x_forwarded_for=f"{FAKE}, {CLIENT}, 10.8.8.8") == CLIENT
    assert unix.client_ip("", x_forwarded_for="garbage") == ""
    assert unix.client_ip(CLIENT, x_forwarded_for=FAKE) == CLIENT


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("::ffff:203.0.113.9", CLIENT),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::0009", "2001:db8::9"),
    ],
)
def test_the_peer_has_one_spelling(peer, expected):
    """A socket for both kinds of addresses shows the same visitor in two ways."""
    assert TrustedProxies().client_ip(peer) == expected


@pytest.mark.parametrize(
    "trusted",
    [
        "10.0.0.0/8",
        b"10.0.0.1",
        5,
        ["10.0.0.1/8"],
        ["nonsense"],
        ["*"],
        [""],
        [None],
        [True],
        [167772161],
        [b"\x0a\x00\x00\x01"],
        ["fe80::/129"],
    ],
)
def test_what_is_no_list_of_addresses_and_networks_is_refused(trusted):
    """With the option and the value, when the program starts."""
    with pytest.raises(ImproperlyConfigured, match=r"^TRUSTED must (be a list|hold)"):
        TrustedProxies(trusted, option="TRUSTED")


def test_addresses_and_networks_may_be_objects():
    """A settings module may have made them."""
    trusted = TrustedProxies([ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_address("fd00::1")])

    assert trusted.client_ip(PROXY, x_forwarded_for=f"{CLIENT}, fd00::1") == CLIENT
    assert repr(trusted) == "<TrustedProxies ['10.0.0.0/8', 'fd00::1/128']>"


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        (CLIENT, "203.0.113.0"),
        ("::ffff:203.0.113.9", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::1", "::"),
        ("", ""),
        ("somewhere", ""),
    ],
)
def test_an_anonymous_address_has_lost_its_end(ip, expected):
    """What is no address could be anything, and is left out."""
    assert anonymized(ip) == expected


@given(st.text(alphabet='for="[]:.,;_%1fF 0/\\\t', max_size=80), st.booleans())
def test_nothing_a_client_writes_gets_past_the_hop_that_a_proxy_wrote(junk, is_new):
    """Whatever stands to the left, the last address that a proxy vouches for is the result."""
    header = f"{junk}, for={CLIENT}" if is_new else f"{junk}, {CLIENT}"
    named = {"forwarded" if is_new else "x_forwarded_for": header}

    assert proxies.client_ip(PROXY, **named) == CLIENT


@given(st.text(max_size=60))
def test_an_address_is_an_address_or_nothing(text):
    """No text makes the reading fail."""
    address = address_of(text)

    assert address is None or str(ipaddress.ip_address(str(address))) == str(address)


@pytest.mark.parametrize("piece", [",", '"', '",', "for=", ";", "10.8.8.8,", "[:", '""', ":", "."])
def test_a_header_of_a_megabyte_is_no_way_to_stop_a_server(piece):
    """Reading it is linear: with anything worse, this test would not come to its end."""
    header = piece * (1_000_000 // len(piece))

    assert proxies.client_ip(CLIENT, forwarded=header, x_forwarded_for=header) == CLIENT
    assert proxies.client_ip(PROXY, forwarded=header) in (PROXY, "10.8.8.8")
    assert proxies.client_ip(PROXY, x_forwarded_for=header) in (PROXY, "10.8.8.8")
