"""An event that nobody can read: it alone is refused, and the answer names it."""

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


def answered(site, body, headers=HEADERS):
    """Return the results of a batch: id, and status or the reason of a refusal."""
    answer = site.post(body, headers)
    assert answer.status == 200, answer
    results = json.loads(answer.body)["results"]
    return [(result["id"], result.get("reason", result["status"])) for result in results]


UNREADABLE = {
    "a number beyond all doubles": b'{"id":"bad","name":"a","data":{"n":1e999}}',
    "a very long number": b'{"id":"bad","name":"a","data":[%b]}' % (b"9" * 400),
    "no number": b'{"id":"bad","name":"a","data":NaN}',
    "a missing value": b'{"id":"bad","name":"a","data":}',
    "no text": b'{"id":"bad","name":"a","data":"\xff"}',
    "a raw newline": b'{"id":"bad","name":"a","data":"\n"}',
    "a broken escape": b'{"id":"bad","name":"a","data":"\\x"}',
    "two ids": b'{"id":"other","id":"bad","name":"a","data":NaN}',
    "an id of something else": b'{"id":"bad","data":{"id":"inner","n":NaN,"l":["id","x"]}}',
    "a text like an id": b'{"id":"bad","data":"\\"id\\":\\"text\\"","n":NaN}',
    "brackets in texts": b'{"id":"bad","data":{"a":"}]\\"}]\\\\","b":["{["]},"n":NaN}',
    "blanks": b' {\n"id" :\t"bad" , "data" : NaN } ',
}


@pytest.mark.parametrize("event", UNREADABLE.values(), ids=UNREADABLE)
def test_an_event_that_is_no_json_is_refused_by_its_id(event):
    """A sender that did not know which one it was would send it for ever."""
    site = Site()

    assert answered(site, raw(event)) == [
        ("first", "accepted"),
        ("bad", "invalid_event"),
        ("last", "accepted"),
    ]
    assert [arrived["context"]["event_id"] for arrived in site.events] == ["first", "last"]


@pytest.mark.parametrize("levels", [33, 200, 255, 1_000, 1_019, 1_020, 1_025, 1_500, 9_000])
@pytest.mark.parametrize("member", [b"data", b"context", b"other"])
def test_an_event_of_any_depth_is_too_deep_for_itself_only(levels, member):
    """Also beyond the levels that can be read at all."""
    event = b'{"id":"bad","name":"a","%b":%b}' % (member, deep(levels))
    expected = "accepted" if (member, levels) in ((b"other", 33), (b"other", 200)) else "too_deep"

    found = answered(Site(max_event_bytes=60_000), raw(event))

    assert found == [("first", "accepted"), ("bad", expected), ("last", "accepted")]


def test_bad_events_do_not_hide_halves_of_characters():
    """Both may come in one batch."""
    site = Site()
    half = b'{"id":"half","name":"a","data":"\\\\ud83d \\ud83d \\ud83d\\ude00 \\ude00"}'
    found = answered(site, raw(half + b"," + UNREADABLE["no number"]))

    assert [status for _, status in found] == ["accepted", "accepted", "invalid_event", "accepted"]
    assert site.events[1]["data"] == "\\ud83d \ufffd \U0001f600 \ufffd"


@pytest.mark.parametrize(
    ("event", "identity", "reason"),
    [
        (b'{"name":"a","data":NaN}', None, "invalid_event"),
        (b"[NaN]", None, "invalid_event"),
        (b'{"id":5,"data":NaN}', None, "invalid_event"),
        (b'{"id":"no id","data":NaN}', None, "invalid_id"),
        (b'{"id":"\xff","data":NaN}', None, "invalid_id"),
    ],
)
def test_an_id_that_is_none_is_not_repeated(event, identity, reason):
    """Nobody could do anything with it."""
    assert answered(Site(), raw(event))[1] == (identity, reason)


def test_what_is_no_object_keeps_its_place():
    """Between events in pieces too."""
    found = answered(Site(), raw(b'5,[],"text",null,{"id":"bad","data":1e999},[[1]]'))

    assert [status for _, status in found] == [
        "accepted",
        *["invalid_event"] * 6,
        "accepted",
    ]


def test_the_last_of_two_lists_counts_in_pieces_as_well():
    """As everywhere in JSON."""
    body = raw(b'{"id":"bad","data":NaN}').replace(b'"events"', b'"events":[{"id":"x"}],"events"')

    assert [identity for identity, _ in answered(Site(), body)] == ["first", "bad", "last"]


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
def test_a_batch_that_is_broken_around_its_events_is_malformed(body):
    """There is nothing to tell apart."""
    site = Site()

    assert site.post(body).status == 400
    assert site.refused() == {"malformed": 1}


def test_a_large_batch_is_read_in_pieces_as_well():
    """A hundred events of ten kilobytes, the last of them a bad one."""
    site = Site()
    events = [
        an_event(data={"text": "a [text] of {people}, " + "and so on " * 980}) for _ in range(99)
    ]
    body = encoded(*events)[:-2] + b',{"id":"bad","data":1e999}]}'

    found = answered(site, gzip.compress(body), {**HEADERS, "content-encoding": "gzip"})

    assert [status for _, status in found] == ["accepted"] * 99 + ["invalid_event"]
    assert found[-1][0] == "bad"


def test_a_refused_event_is_called_by_its_id_in_the_log(caplog):
    """It has no name that anybody could read."""
    Site().post(raw(b'{"id":"bad","name":"a","data":NaN}'))

    assert caplog.messages == ['Refused 1 event(s) of browsers, invalid_event; the last was "bad"']
