"""Which pages may send, and which may read the answer: a table, held line by line."""

import json

import pytest
from collector_requests import FORM, HEADERS, Site, an_event, encoded

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.web.collector import Collector

OWN = "https://shop.example"
ALLOWED = "https://www.friend.example"
EVIL = "https://evil.example"

# Headers beside Host: shop.example and the type; whether it may send.
TABLE = [
    ({"origin": OWN}, True),
    ({"origin": OWN, "sec-fetch-site": "same-origin", "cookie": "sessionid=1"}, True),
    ({"origin": "https://SHOP.example"}, True),
    ({"origin": "https://shop.example:443"}, True),
    ({"origin": "http://shop.example"}, True),
    ({"origin": "http://shop.example", "sec-fetch-site": "cross-site"}, False),
    ({"origin": "https://shop.example:8443"}, False),
    ({"origin": "https://shop.example.evil.example"}, False),
    ({"origin": "https://evilshop.example"}, False),
    ({"origin": "https://shop.example@evil.example"}, False),
    ({"origin": EVIL}, False),
    ({"origin": EVIL, "cookie": "sessionid=1"}, False),
    ({"origin": EVIL, "sec-fetch-site": "same-origin"}, False),
    ({"origin": EVIL, "referer": OWN}, False),
    ({"origin": ALLOWED}, True),
    ({"origin": ALLOWED, "sec-fetch-site": "cross-site", "cookie": "sessionid=1"}, True),
    ({"origin": "https://friend.example"}, False),
    ({"origin": "http://www.friend.example"}, False),
    ({"origin": "null"}, False),
    ({"origin": "null", "sec-fetch-site": "cross-site"}, False),
    ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
    ({"origin": f"{OWN},{EVIL}"}, False),
    ({"sec-fetch-site": "same-origin", "cookie": "sessionid=1"}, True),
    ({"sec-fetch-site": "same-site"}, True),
    ({"sec-fetch-site": "cross-site"}, False),
    ({"sec-fetch-site": "none"}, False),
    ({}, True),
    ({"cookie": "sessionid=1"}, False),
    ({"authorization": "Basic x"}, False),
    ({"referer": f"{OWN}/cart", "cookie": "sessionid=1"}, True),
    ({"referer": f"{EVIL}/cart"}, False),
    ({"referer": f"{ALLOWED}/cart"}, True),
]


def asked(headers, kind="application/json"):
    return {"host": "shop.example", "content-type": kind, **headers}


@pytest.mark.parametrize(("headers", "may"), TABLE)
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_the_origin_of_a_page_says_whether_it_may_send(headers, may, kind):
    """A body that needs no preflight gets no further than another."""
    site = Site(allowed_origins=[ALLOWED])
    answer = site.send(an_event(), headers=asked(headers, kind))

    assert answer.status == (200 if may else 403)
    assert len(site.events) == may
    if not may:
        assert json.loads(answer.body) == {"error": "foreign_origin"}


@pytest.mark.parametrize(("headers", "may"), TABLE)
def test_only_an_allowed_origin_may_read_the_answer(headers, may):
    """By its exact name: never a wildcard, and never whoever asks."""
    site = Site(allowed_origins=[ALLOWED])
    sent = dict(site.send(an_event(), headers=asked(headers)).headers)
    is_allowed = headers.get("origin") == ALLOWED

    assert sent.get("Access-Control-Allow-Origin") == (ALLOWED if is_allowed else None)
    assert sent.get("Access-Control-Allow-Credentials") == ("true" if is_allowed else None)
    assert sent["Vary"] == "Origin"


def test_a_preflight_is_answered_for_allowed_origins():
    """And remembered for ten minutes."""
    headers = {
        "host": "shop.example",
        "origin": ALLOWED,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
        "sec-fetch-site": "cross-site",
    }
    answer = Site(allowed_origins=[ALLOWED]).collector("OPTIONS", headers, b"")

    assert (answer.status, answer.body) == (204, b"")
    assert dict(answer.headers) == {
        "Allow": "POST, OPTIONS",
        "Vary": "Origin",
        "Access-Control-Allow-Origin": ALLOWED,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type, Content-Encoding, X-CSRFToken",
        "Access-Control-Max-Age": "600",
    }


def test_a_preflight_of_anybody_else_is_403():
    """Without a word that a browser could take for a yes."""
    headers = {"host": "shop.example", "origin": EVIL, "access-control-request-method": "POST"}
    answer = Site(allowed_origins=[ALLOWED]).collector("OPTIONS", headers, b"")

    assert answer.status == 403
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_refusals_can_be_read_by_allowed_origins_too():
    """Their pages have to know when to come again."""
    site = Site(allowed_origins=[ALLOWED])

    answer = site.post(b"{", {**HEADERS, "origin": ALLOWED})

    assert answer.status == 400
    assert dict(answer.headers)["Access-Control-Allow-Origin"] == ALLOWED


@pytest.mark.parametrize("host", ["shop.example:8000", "[2001:db8::1]:8000", "127.0.0.1:8000"])
def test_a_port_belongs_to_the_host(host):
    """Another one is another site."""
    site = Site()
    own = {"host": host, "origin": f"http://{host}", "content-type": "text/plain"}

    assert site.post(encoded(), own).status == 200
    assert site.post(encoded(), {**own, "origin": f"http://{host}1"}).status == 403
    assert site.post(encoded(), {**own, "host": ""}).status == 403


def test_a_token_takes_the_place_of_an_origin():
    """It is asked for only where the origin does not say enough."""
    collector = Site().collector
    asked = []

    def token():
        asked.append(True)
        return len(asked) > 1

    foreign = {**FORM, "origin": EVIL}

    assert collector.refusal("POST", HEADERS, None, has_token=token) is None
    assert asked == []
    assert collector.refusal("POST", foreign, None, has_token=token).status == 403
    assert collector.refusal("POST", foreign, None, has_token=token) is None


def test_header_names_may_be_in_any_case():
    """Servers differ."""
    headers = {"Host": "shop.example", "ORIGIN": EVIL, "Content-Type": "text/plain"}

    assert Site().post(encoded(), headers).status == 403


@pytest.mark.parametrize(
    "text", ["", "https://", "://", "https://[", "https://a:b", "\x00", "a" * 9999]
)
@pytest.mark.parametrize("header", ["origin", "referer", "host"])
def test_nonsense_is_foreign(header, text):
    """And raises nothing."""
    headers = {**HEADERS, "cookie": "a=b", header: text}
    if header != "origin":
        headers["origin"] = "https://shop.example" if header == "host" else ""

    assert Site().post(encoded(), headers).status == 403


@pytest.mark.parametrize(
    "origins",
    [
        "https://a.example",
        5,
        [5],
        ["*"],
        ["https://*.example"],
        ["a.example"],
        ["https://a.example/"],
        ["https://a.example/path"],
        ["HTTPS://a.example"],
        ["https://A.example"],
        ["ftp://a.example"],
        ["null"],
        ["https://u@a.example"],
        ["https://"],
    ],
)
def test_a_list_of_anything_else_is_no_list_of_origins(origins):
    """A wildcard least of all."""
    with pytest.raises(ImproperlyConfigured, match=r"^Collector: allowed_origins must hold "):
        Collector(allowed_origins=origins)
