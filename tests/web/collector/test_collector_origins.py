"""The origins whose pages may send events, and those whose pages may read the response."""

import json

import pytest
from collector_requests import FORM, HEADERS, Site, an_event, encoded

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.web.collector import Collector

OWN = "https://shop.example"
ALLOWED = "https://www.friend.example"
EVIL = "https://evil.example"

# Headers besides the host, shop.example, and the media type; whether the page may send.
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


def request_headers(headers, kind="application/json"):
    return {"host": "shop.example", "content-type": kind, **headers}


@pytest.mark.parametrize(("headers", "may_send"), TABLE)
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_the_origin_decides_whether_a_page_may_send(headers, may_send, kind):
    """For bodies with and without a preflight."""
    site = Site(allowed_origins=[ALLOWED])
    response = site.send(an_event(), headers=request_headers(headers, kind))

    assert response.status == (200 if may_send else 403)
    assert len(site.events) == may_send
    if not may_send:
        assert json.loads(response.body) == {"error": "foreign_origin"}


@pytest.mark.parametrize(("headers", "may_send"), TABLE)
def test_only_an_allowed_origin_may_read_the_response(headers, may_send):
    """The header has the exact origin, never a wildcard or an unknown origin."""
    site = Site(allowed_origins=[ALLOWED])
    sent = dict(site.send(an_event(), headers=request_headers(headers)).headers)
    is_allowed = headers.get("origin") == ALLOWED

    assert sent.get("Access-Control-Allow-Origin") == (ALLOWED if is_allowed else None)
    assert sent.get("Access-Control-Allow-Credentials") == ("true" if is_allowed else None)
    assert sent["Vary"] == "Origin"


def test_a_preflight_of_an_allowed_origin_is_allowed():
    """The browser caches the response for ten minutes."""
    headers = {
        "host": "shop.example",
        "origin": ALLOWED,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
        "sec-fetch-site": "cross-site",
    }
    response = Site(allowed_origins=[ALLOWED]).collector("OPTIONS", headers, b"")

    assert (response.status, response.body) == (204, b"")
    assert dict(response.headers) == {
        "Allow": "POST, OPTIONS",
        "Vary": "Origin",
        "Access-Control-Allow-Origin": ALLOWED,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "Retry-After",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "Content-Type, Content-Encoding, X-CSRFToken",
        "Access-Control-Max-Age": "600",
    }


def test_a_preflight_of_another_origin_is_refused():
    """The response has no CORS headers that could allow the request."""
    headers = {"host": "shop.example", "origin": EVIL, "access-control-request-method": "POST"}
    response = Site(allowed_origins=[ALLOWED]).collector("OPTIONS", headers, b"")

    assert response.status == 403
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_allowed_origins_may_read_refusals():
    """Their pages need to know when to send the events again."""
    site = Site(allowed_origins=[ALLOWED])

    response = site.post(b"{", {**HEADERS, "origin": ALLOWED})

    assert response.status == 400
    assert dict(response.headers)["Access-Control-Allow-Origin"] == ALLOWED


@pytest.mark.parametrize("host", ["shop.example:8000", "[2001:db8::1]:8000", "127.0.0.1:8000"])
def test_a_port_is_part_of_the_origin(host):
    """Another port is another site."""
    site = Site()
    own = {"host": host, "origin": f"http://{host}", "content-type": "text/plain"}

    assert site.post(encoded(), own).status == 200
    assert site.post(encoded(), {**own, "origin": f"http://{host}1"}).status == 403
    assert site.post(encoded(), {**own, "host": ""}).status == 403


def test_a_token_takes_the_place_of_an_origin():
    """It is checked only if the origin is not allowed."""
    collector = Site().collector
    calls = []

    def has_token():
        calls.append(True)
        return len(calls) > 1

    foreign = {**FORM, "origin": EVIL}

    assert collector.refusal("POST", HEADERS, None, has_token=has_token) is None
    assert calls == []
    assert collector.refusal("POST", foreign, None, has_token=has_token).status == 403
    assert collector.refusal("POST", foreign, None, has_token=has_token) is None


def test_header_names_may_be_in_any_case():
    """Servers differ."""
    headers = {"Host": "shop.example", "ORIGIN": EVIL, "Content-Type": "text/plain"}

    assert Site().post(encoded(), headers).status == 403


@pytest.mark.parametrize(
    "text", ["", "https://", "://", "https://[", "https://a:b", "\x00", "a" * 9999]
)
@pytest.mark.parametrize("header", ["origin", "referer", "host"])
def test_an_invalid_origin_is_refused(header, text):
    """Without an exception."""
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
def test_anything_but_a_list_of_exact_origins_is_refused(origins):
    """Wildcards are not allowed."""
    message = (
        r"^Collector: allowed_origins( must be a list|\[0\] must be an origin as browsers write)"
    )
    with pytest.raises(ImproperlyConfigured, match=message):
        Collector(allowed_origins=origins)
