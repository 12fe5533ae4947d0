"""The stand-in for Segment: each limit, at, below and above it, and the responses."""

import json

import pytest
from inspector_client import NOW, make_request

from eventtracking.inspector.segment import ENDPOINTS

TRACK = {"type": "track", "event": "edx.video.played", "userId": "7"}

KEY = {"authorization": "Basic a2V5Og=="}


def received(*events, path="/v1/batch", headers=KEY, **more):
    """Return the response to a batch of *events*, and the events that are recorded."""
    request = make_request(path, {"batch": [*events], **more}, headers=headers)
    return ENDPOINTS[path].receive(request, NOW)


def reasons(event, **more):
    [only] = received(event, **more)[1]
    return list(only.reasons)


def event_of_size(size):
    """Return an event whose JSON has *size* bytes."""
    event = {**TRACK, "properties": {"text": ""}}
    rest = size - len(json.dumps(event, separators=(",", ":")))
    return {**event, "properties": {"text": "x" * rest}}


def test_each_event_of_a_batch_is_recorded():
    """With its name, and as it was received."""
    other = {"type": "identify", "userId": "7", "traits": {}}
    response, events = received(TRACK, other)

    assert (response.status, json.loads(response.body)) == (200, {"success": True})
    assert [event.name for event in events] == ["edx.video.played", "identify"]
    assert [json.loads(event.payload) for event in events] == [TRACK, other]
    assert [event.reasons for event in events] == [(), ()]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "track", "event": "e", "anonymousId": "a"},
        {"type": "track", "event": "e", "userId": "7", "anonymousId": None, "context": None},
        {"type": "identify", "userId": "7", "traits": {"plan": "x"}},
        {"type": "page", "userId": "7", "name": "Home", "properties": {}},
        {"type": "screen", "userId": "7"},
        {"type": "group", "userId": "7", "groupId": "g"},
        {"type": "alias", "previousId": "old", "userId": "7"},
        {**TRACK, "timestamp": "2026-01-02T03:04:05.678+00:00", "messageId": "m" * 100},
        {**TRACK, "timestamp": "2026-01-02T03:04:05Z", "integrations": {"All": True}},
    ],
)
def test_an_event_that_segment_accepts_is_good(event):
    """There are no rules beyond Segment's own."""
    assert reasons(event) == []


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "track", "userId": "7"}, "track: event must be"),
        ({"type": "track", "event": "", "userId": "7"}, "track: event must be"),
        ({"type": "track", "event": 5, "userId": "7"}, "track: event must be"),
        ({"type": "track", "event": "e"}, "no_user_anon_id"),
        ({"type": "track", "event": "e", "userId": "", "anonymousId": None}, "no_user_anon_id"),
        ({"type": "track", "event": "e", "userId": 7}, "must be strings"),
        ({"type": "group", "userId": "7"}, "group: groupId must be"),
        ({"type": "alias", "userId": "7"}, "alias: previousId must be"),
        ({"type": "trick", "userId": "7"}, "type must be one of"),
        ({"type": ["track"], "userId": "7"}, "type must be one of"),
        ({"event": "e", "userId": "7"}, "type must be one of"),
        ({**TRACK, "messageId": "m" * 101}, "messageId must be"),
        ({**TRACK, "messageId": 5}, "messageId must be"),
        ({**TRACK, "timestamp": "yesterday"}, "timestamp must be"),
        ({**TRACK, "timestamp": "2026-01-02"}, "timestamp must be"),
        ({**TRACK, "timestamp": 1_700_000_000}, "timestamp must be"),
        ({**TRACK, "properties": []}, "properties must be an object"),
        ({**TRACK, "context": "x"}, "context must be an object"),
        ({**TRACK, "integrations": ["All"]}, "integrations must be an object"),
        ("text", "an event must be an object"),
    ],
)
def test_an_event_that_segment_would_drop_is_bad(event, reason):
    """Segment responds with 200 all the same."""
    response, [only] = received(event)

    assert response.status == 200
    assert any(reason in each for each in only.reasons), only.reasons


@pytest.mark.parametrize(("size", "status"), [(32_767, 200), (32_768, 200), (32_769, 400)])
def test_an_event_has_at_most_32_kilobytes(size, status):
    """A batch with a larger one is refused. The other events are not recorded."""
    response, events = received(TRACK, event_of_size(size))

    assert response.status == status
    assert [bool(event.reasons) for event in events] == (
        [False, False] if status == 200 else [True]
    )


@pytest.mark.parametrize(("number", "is_good"), [(2_499, True), (2_500, True), (2_501, False)])
def test_a_batch_has_at_most_2500_events(number, is_good):
    """A larger one gets a 200, and is dropped."""
    response, events = received(*[TRACK] * number)

    assert response.status == 200
    assert {not event.reasons for event in events} == {is_good}
    assert len(events) == number


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"batch": [{"n": NaN}]}', b"[]", b'{"batch": {}}', b"{}", b"\xff\xfe", b"null"],
)
def test_a_body_that_is_not_a_batch_is_refused(body):
    """With 400. The body is recorded with the reason."""
    request = make_request("/v1/batch", body, headers=KEY)
    response, [only] = ENDPOINTS["/v1/batch"].receive(request, NOW)

    assert response.status == 400
    assert json.loads(response.body)["success"] is False
    assert only.reasons


def test_the_reason_names_nan():
    """Segment's own client sends it."""
    request = make_request("/v1/batch", b'{"batch": [{"n": NaN}]}', headers=KEY)
    _, [only] = ENDPOINTS["/v1/batch"].receive(request, NOW)

    assert "NaN and Infinity are not JSON" in only.reasons[0]


def test_a_body_that_could_not_be_read_is_refused():
    """With 400, as one that is too large."""
    error = "the body is over 512000 bytes"
    request = make_request("/v1/batch", b"", error=error, is_too_large=True)
    response, [only] = ENDPOINTS["/v1/batch"].receive(request, NOW)

    assert (response.status, only.reasons) == (400, (error,))


def test_an_empty_batch_is_bad():
    """It gets a 200 all the same."""
    response, [only] = received()

    assert (response.status, only.reasons) == (200, ("the batch is empty",))


@pytest.mark.parametrize(
    ("headers", "more", "is_good"),
    [
        ({}, {"writeKey": "k"}, True),
        ({"authorization": "Basic azo="}, {}, True),
        ({"authorization": "Bearer x"}, {"writeKey": "k"}, True),
        ({"authorization": "Bearer x"}, {}, False),
        ({"authorization": "Basic "}, {}, False),
        ({}, {"writeKey": ""}, False),
        ({}, {}, False),
    ],
)
def test_a_write_key_is_required(headers, more, is_good):
    """In the header or in the body."""
    found = reasons(TRACK, headers=headers, **more)

    assert [each.startswith("no write key") for each in found] == ([] if is_good else [True])


def test_the_content_type_must_be_json():
    """Segment accepts no other type."""
    found = reasons(TRACK, headers={**KEY, "content-type": "text/plain"})

    assert found == ["Content-Type must be application/json"]


@pytest.mark.parametrize(("sent_at", "is_good"), [("2026-01-02T03:04:05Z", True), ("now", False)])
def test_sent_at_must_be_a_time(sent_at, is_good):
    """Segment computes the time of each event from it."""
    assert (reasons(TRACK, sentAt=sent_at) == []) == is_good


@pytest.mark.parametrize("field", ["context", "integrations"])
def test_the_shared_fields_of_a_batch_must_be_objects(field):
    """Segment merges them into each event."""
    assert reasons(TRACK, **{field: {}}) == []
    assert reasons(TRACK, **{field: []}) == [f"{field} of a batch must be an object"]


@pytest.mark.parametrize("kind", ["track", "identify", "page", "screen", "group", "alias"])
def test_a_single_call_is_an_event_of_its_type(kind):
    """Its type is in the path. Its write key is in the body, and is not shown."""
    event = {"userId": "7", "event": "e", "groupId": "g", "previousId": "p"}
    request = make_request(f"/v1/{kind}", {**event, "writeKey": "k"})
    response, [only] = ENDPOINTS[f"/v1/{kind}"].receive(request, NOW)

    assert (response.status, only.reasons) == (200, ())
    assert only.name == ("e" if kind == "track" else kind)
    assert json.loads(only.payload) == {**event, "type": kind}


@pytest.mark.parametrize(
    ("content", "status"), [(b"{", 400), (b"[]", 200), (b'{"type": "page"}', 200)]
)
def test_an_invalid_single_call_is_bad(content, status):
    """It is refused only if its body is not JSON."""
    request = make_request("/v1/track", content, headers=KEY)
    response, [only] = ENDPOINTS["/v1/track"].receive(request, NOW)

    assert response.status == status
    assert only.reasons


def test_an_event_that_is_nested_too_deeply_to_be_shown_is_accepted():
    """orjson parses 300 levels, but does not encode them."""
    nested = json.loads("[" * 300 + "]" * 300)
    response, [only] = received({**TRACK, "properties": {"deep": nested}})

    assert response.status == 200
    assert b"nested too deeply" in only.payload
