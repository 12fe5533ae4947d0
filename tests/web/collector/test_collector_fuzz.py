"""Any request gets a response with a known status and raises nothing."""

import json
from datetime import datetime

from collector_requests import FACTS, FORM, HEADERS, NOW, Site
from core_fakes import parse_strictly
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.serialization import encode

STATUSES = {200, 204, 400, 403, 405, 413, 415, 429}

TEXT = st.text(max_size=30) | st.sampled_from(
    ["application/json", "text/plain", FORM["content-type"], "gzip", "https://shop.example", "1"]
)
NAMES = st.sampled_from(
    [
        "host",
        "origin",
        "referer",
        "cookie",
        "sec-fetch-site",
        "content-type",
        "content-encoding",
        "content-length",
        "sec-gpc",
        "dnt",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON | st.uuids().map(str),
        "name": JSON | st.just("video.played"),
        "data": JSON,
        "time": JSON | st.datetimes().map(datetime.isoformat),
        "page": JSON | st.just("https://h/courses/a/b/c/x"),
        "context": JSON | st.dictionaries(st.text(max_size=8), JSON, max_size=3),
    },
)


def to_json(value):
    return json.dumps(value).encode()


@given(
    method=st.sampled_from(["POST", "GET", "OPTIONS", "HEAD"]) | st.text(max_size=5),
    headers=st.dictionaries(NAMES, TEXT, max_size=8),
    body=st.binary(max_size=300),
    query=TEXT,
)
def test_any_request_gets_a_response(method, headers, body, query):
    """With any method, headers, body and query."""
    site = Site(page_close_by_get=True)
    response = site.collector(method, headers, body, {**FACTS, "query": query})

    assert response.status in STATUSES


@given(body=st.binary(max_size=300), kind=st.sampled_from([HEADERS, FORM]))
def test_any_bytes_get_a_response(body, kind):
    """As JSON and as a form, plain and as gzip."""
    site = Site()

    assert site.post(body, kind).status in STATUSES
    assert site.post(body, {**kind, "content-encoding": "gzip"}).status in STATUSES


@given(value=JSON | st.fixed_dictionaries({"sent_at": JSON, "events": JSON}))
def test_any_json_gets_a_response(value):
    """Even if it is not a batch."""
    assert Site().post(to_json(value)).status in STATUSES


@given(events=st.lists(EVENTS | JSON, max_size=5))
def test_every_event_has_a_result_and_is_counted(events):
    """Accepted events were emitted, and can be encoded."""
    site = Site()
    response = site.post(to_json({"sent_at": NOW, "events": events}))
    if response.status != 200:
        # A number beyond the range of a double.
        assert response.status == 400
        return
    results = json.loads(response.body)["results"]
    stats = site.collector.stats()

    assert len(results) == len(events)
    assert len(site.events) == stats["accepted"]
    assert stats["accepted"] + stats["duplicates"] + sum(stats["refused"].values()) == len(events)
    for event in site.events:
        assert set(event) == {"name", "timestamp", "data", "context"}
        assert event["context"]["event_source"] == "browser"
        assert event["context"]["user_id"] == 7
        parse_strictly(encode(event))


@given(fields=st.binary(max_size=200))
def test_every_legacy_form_gets_the_response_success(fields):
    """Unless it has more than a hundred fields."""
    site = Site()
    response = site.post(b"event_type=a&event=" + fields, FORM)

    assert (response.status, response.body) in (
        (200, b"success"),
        (400, b'{"error":"too_many_fields"}'),
    )
