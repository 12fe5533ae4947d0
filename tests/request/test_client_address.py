"""The address of the client, although anybody can write a header."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import TrustedProxies
from eventtracking.request.client_address import anonymize_ip, parse_address

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
    """Only the addresses that trusted proxies wrote count, never those of the client."""
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
    """With quotation marks, ports and parameters, as RFC 7239 defines them."""
    assert proxies.client_ip(PROXY, forwarded=header) == expected


@pytest.mark.parametrize("header", [FAKE, f"for={FAKE}", f'for="{FAKE}"', "10.0.0.1"])
def test_headers_of_an_untrusted_peer_are_ignored(header):
    """Anybody can write them."""
    for trusted in (TrustedProxies(), proxies):
        assert trusted.client_ip(CLIENT, forwarded=header, x_forwarded_for=header) == CLIENT


def test_forwarded_wins_over_x_forwarded_for():
    """Even if it is malformed, because a proxy wrote it."""
    both = {"x_forwarded_for": FAKE}

    assert proxies.client_ip(PROXY, forwarded=f"for={CLIENT}", **both) == CLIENT
    assert proxies.client_ip(PROXY, forwarded="for=unknown", **both) == PROXY
    assert proxies.client_ip(PROXY, forwarded=" ", x_forwarded_for=CLIENT) == CLIENT


@pytest.mark.parametrize("peer", ["", "testserver", "unix:", "/run/app.sock"])
def test_a_peer_without_an_address_is_returned_unchanged(peer):
    """Its headers are ignored."""
    assert proxies.client_ip(peer, x_forwarded_for=FAKE) == peer


def test_a_peer_on_a_unix_socket_can_be_trusted():
    """It has no address. nginx and gunicorn often use one on the same machine."""
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
def test_the_address_of_the_peer_is_normalized(peer, expected):
    """A dual-stack socket shows the same client with two addresses."""
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
def test_anything_but_a_list_of_addresses_and_networks_is_refused(trusted):
    """When the program starts, with the option and the value."""
    message = r"^TRUSTED(\[0\] must be an address, a network such as|" " must be a list, got)"
    with pytest.raises(ImproperlyConfigured, match=message):
        TrustedProxies(trusted, owner="", option="TRUSTED")


def test_all_wrong_proxies_are_reported():
    """Each with the cause."""
    with pytest.raises(ImproperlyConfigured) as raised:
        TrustedProxies(["10.0.0.1/8", "10.0.0.1", True])

    expected = "an address, a network such as '10.0.0.0/8', or 'unix'"
    cause = "10.0.0.1/8 has host bits set"
    assert str(raised.value).splitlines() == [
        f"TrustedProxies: proxies[0] must be {expected}, got '10.0.0.1/8': {cause}",
        f"TrustedProxies: proxies[2] must be {expected}, got True: an address is text",
    ]


def test_addresses_and_networks_may_be_objects():
    """A settings module may create them."""
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
def test_the_end_of_an_anonymized_address_is_zero(ip, expected):
    """Text that is not an address is left out, because it may be anything."""
    assert anonymize_ip(ip) == expected


@given(st.text(alphabet='for="[]:.,;_%1fF 0/\\\t', max_size=80), st.booleans())
def test_a_client_cannot_change_the_address_that_a_proxy_wrote(junk, is_new):
    """Any text to the left of it is ignored."""
    header = f"{junk}, for={CLIENT}" if is_new else f"{junk}, {CLIENT}"
    named = {"forwarded" if is_new else "x_forwarded_for": header}

    assert proxies.client_ip(PROXY, **named) == CLIENT


@given(st.text(max_size=60))
def test_any_text_is_parsed_without_an_error(text):
    """The result is an address or nothing."""
    address = parse_address(text)

    assert address is None or str(ipaddress.ip_address(str(address))) == str(address)


@pytest.mark.parametrize("piece", [",", '"', '",', "for=", ";", "10.8.8.8,", "[:", '""', ":", "."])
def test_a_long_header_is_parsed_in_linear_time(piece):
    """With a megabyte and anything worse, this test would not end."""
    header = piece * (1_000_000 // len(piece))

    assert proxies.client_ip(CLIENT, forwarded=header, x_forwarded_for=header) == CLIENT
    assert proxies.client_ip(PROXY, forwarded=header) in (PROXY, "10.8.8.8")
    assert proxies.client_ip(PROXY, x_forwarded_for=header) in (PROXY, "10.8.8.8")
