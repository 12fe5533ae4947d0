"""An event that cannot be parsed: it alone is refused, and the result has its id."""

import gzip
import json

import pytest
from collector_requests import HEADERS, NOW, Site, an_event, encoded

GOOD = [an_event(id="first"), an_event(id="last")]


def deep(levels):
    return b'{"d":' * levels + b"1" + b"}" * levels


def raw(event):
    """Return a batch of two good events, with the bytes of *event* between them."""
    first, last = (json.dumps(good).encode() for good in GOOD)
    return b'{"sent_at":"%b","events":[%b,%b,%b]}' % (NOW.encode(), first, event, last)


def results_of(site, body, headers=HEADERS):
    """Return the id of each event, and its status or the reason for the refusal."""
    response = site.post(body, headers)
    assert response.status == 200, response
    results = json.loads(response.body)["results"]
    return [(result["id"], result.get("reason", result["status"])) for result in results]


UNPARSABLE = {
    "a number beyond the range of a double": b'{"id":"bad","name":"a","data":{"n":1e999}}',
    "a very long number": b'{"id":"bad","name":"a","data":[%b]}' % (b"9" * 400),
    "not a number": b'{"id":"bad","name":"a","data":NaN}',
    "a missing value": b'{"id":"bad","name":"a","data":}',
    "invalid UTF-8": b'{"id":"bad","name":"a","data":"\xff"}',
    "a raw newline": b'{"id":"bad","name":"a","data":"\n"}',
    "a broken escape": b'{"id":"bad","name":"a","data":"\\x"}',
    "two ids": b'{"id":"other","id":"bad","name":"a","data":NaN}',
    "an id of an inner object": b'{"id":"bad","data":{"id":"inner","n":NaN,"l":["id","x"]}}',
    "a text with an id": b'{"id":"bad","data":"\\"id\\":\\"text\\"","n":NaN}',
    "brackets in texts": b'{"id":"bad","data":{"a":"}]\\"}]\\\\","b":["{["]},"n":NaN}',
    "blanks": b' {\n"id" :\t"bad" , "data" : NaN } ',
}


@pytest.mark.parametrize("event", UNPARSABLE.values(), ids=UNPARSABLE)
def test_an_event_that_is_not_json_is_refused_with_its_id(event):
    """Otherwise the client would send it again forever."""
    site = Site()

    assert results_of(site, raw(event)) == [
        ("first", "accepted"),
        ("bad", "invalid_event"),
        ("last", "accepted"),
    ]
    assert [arrived["context"]["event_id"] for arrived in site.events] == ["first", "last"]


@pytest.mark.parametrize("levels", [33, 200, 255, 1_000, 1_019, 1_020, 1_025, 1_500, 9_000])
@pytest.mark.parametrize("member", [b"data", b"context", b"other"])
def test_an_event_that_is_too_deep_does_not_affect_others(levels, member):
    """Even beyond the levels that can be parsed."""
    event = b'{"id":"bad","name":"a","%b":%b}' % (member, deep(levels))
    expected = "accepted" if (member, levels) in ((b"other", 33), (b"other", 200)) else "too_deep"

    found = results_of(Site(max_event_bytes=60_000), raw(event))

    assert found == [("first", "accepted"), ("bad", expected), ("last", "accepted")]


def test_lone_surrogates_are_replaced_in_a_batch_with_bad_events():
    """Both may be in one batch."""
    site = Site()
    half = b'{"id":"half","name":"a","data":"\\\\ud83d \\ud83d \\ud83d\\ude00 \\ude00"}'
    found = results_of(site, raw(half + b"," + UNPARSABLE["not a number"]))

    assert [status for _, status in found] == ["accepted", "accepted", "invalid_event", "accepted"]
    assert site.events[1]["data"] == "\\ud83d \ufffd \U0001f600 \ufffd"


@pytest.mark.parametrize(
    ("event", "event_id", "reason"),
    [
        (b'{"name":"a","data":NaN}', None, "invalid_event"),
        (b"[NaN]", None, "invalid_event"),
        (b'{"id":5,"data":NaN}', None, "invalid_event"),
        (b'{"id":"bad id","data":NaN}', None, "invalid_id"),
        (b'{"id":"\xff","data":NaN}', None, "invalid_id"),
    ],
)
def test_an_invalid_id_is_not_returned(event, event_id, reason):
    """The client could not use it."""
    assert results_of(Site(), raw(event))[1] == (event_id, reason)


def test_values_that_are_not_objects_have_results_in_their_order():
    """Between events that are parsed separately as well."""
    found = results_of(Site(), raw(b'5,[],"text",null,{"id":"bad","data":1e999},[[1]]'))

    assert [status for _, status in found] == [
        "accepted",
        *["invalid_event"] * 6,
        "accepted",
    ]


def test_the_last_of_two_lists_of_events_counts():
    """As for any repeated member of an object."""
    body = raw(b'{"id":"bad","data":NaN}').replace(b'"events"', b'"events":[{"id":"x"}],"events"')

    assert [event_id for event_id, _ in results_of(Site(), body)] == ["first", "bad", "last"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"sent_at":"%b","events":[{"name":"a"},NaN]}' % NOW.encode(),
        b'{"sent_at":"%b","events":[{"name":"a"}],"x":NaN}' % NOW.encode(),
        b'{"sent_at":"%b","events":[{"name":"a"]}' % NOW.encode(),
        b'{"sent_at":"%b","events":[{"name":"a"}]}}' % NOW.encode(),
        b'{"sent_at":"%b","events":[{"name":"a}]}' % NOW.encode(),
        b'{"sent_at":"%b","events":{"a":[NaN]}}' % NOW.encode(),
        b'[[{"name":NaN}]]',
        b'{"events":[{"name":NaN}]}',
        b"]" * 60_000,
        b'"' * 60_000,
        b'["' + b'\\"' * 30_000 + b"\\",
        b'{"sent_at":"%b","events":[' % NOW.encode() + b"[]," * 20_000 + b"NaN]}",
    ],
)
def test_a_batch_that_is_invalid_around_its_events_is_malformed(body):
    """Its events cannot be found."""
    site = Site()

    assert site.post(body).status == 400
    assert site.refused() == {"malformed": 1}


def test_a_large_batch_is_parsed_partially():
    """With a hundred events of ten kilobytes, the last one of them bad."""
    site = Site()
    events = [
        an_event(data={"text": "a [text] of {people}, " + "and so on " * 980}) for _ in range(99)
    ]
    body = encoded(*events)[:-2] + b',{"id":"bad","data":1e999}]}'

    found = results_of(site, gzip.compress(body), {**HEADERS, "content-encoding": "gzip"})

    assert [status for _, status in found] == ["accepted"] * 99 + ["invalid_event"]
    assert found[-1][0] == "bad"


def test_an_event_that_cannot_be_parsed_is_logged_with_its_id(caplog):
    """Its name is not known."""
    Site().post(raw(b'{"id":"bad","name":"a","data":NaN}'))

    assert caplog.messages == ['Refused 1 event(s) of browsers, invalid_event; the last was "bad"']
