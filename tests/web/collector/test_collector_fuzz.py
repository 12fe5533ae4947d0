"""Whatever comes in: an answer with a status of the list, and nothing raised."""

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


def written(value):
    return json.dumps(value).encode()


@given(
    method=st.sampled_from(["POST", "GET", "OPTIONS", "HEAD"]) | st.text(max_size=5),
    headers=st.dictionaries(NAMES, TEXT, max_size=8),
    body=st.binary(max_size=300),
    query=TEXT,
)
def test_any_request_is_answered(method, headers, body, query):
    """Whatever its method, its headers and its body."""
    site = Site(page_close_by_get=True)
    answer = site.collector(method, headers, body, {**FACTS, "query": query})

    assert answer.status in STATUSES


@given(body=st.binary(max_size=300), kind=st.sampled_from([HEADERS, FORM]))
def test_any_bytes_are_answered(body, kind):
    """As JSON and as a form, as they are and as gzip."""
    site = Site()

    assert site.post(body, kind).status in STATUSES
    assert site.post(body, {**kind, "content-encoding": "gzip"}).status in STATUSES


@given(value=JSON | st.fixed_dictionaries({"sent_at": JSON, "events": JSON}))
def test_any_json_is_answered(value):
    """Of the right shape or not."""
    assert Site().post(written(value)).status in STATUSES


@given(events=st.lists(EVENTS | JSON, max_size=5))
def test_every_event_has_a_result_and_its_place_in_the_books(events):
    """What is accepted is in the tracker, and in it as the house wants events."""
    site = Site()
    answer = site.post(written({"sent_at": NOW, "events": events}))
    if answer.status != 200:
        # A number that no double holds.
        assert answer.status == 400
        return
    results = json.loads(answer.body)["results"]
    books = site.collector.stats()

    assert len(results) == len(events)
    assert len(site.events) == books["accepted"]
    assert books["accepted"] + books["duplicates"] + sum(books["refused"].values()) == len(events)
    for event in site.events:
        assert set(event) == {"name", "timestamp", "data", "context"}
        assert event["context"]["event_source"] == "browser"
        assert event["context"]["user_id"] == 7
        parse_strictly(encode(event))


@given(fields=st.binary(max_size=200))
def test_every_old_form_is_answered_with_success(fields):
    """Unless it is made of a hundred fields."""
    site = Site()
    answer = site.post(b"event_type=a&event=" + fields, FORM)

    assert (answer.status, answer.body) in (
        (200, b"success"),
        (400, b'{"error":"too_many_fields"}'),
    )
