"""Segment's stand-in: its limits, each at, below and above, and its answers."""

import json

import pytest
from inspector_client import NOW, asked

from eventtracking.inspector.segment import INTAKES

TRACK = {"type": "track", "event": "edx.video.played", "userId": "7"}

KEY = {"authorization": "Basic a2V5Og=="}


def received(*events, path="/v1/batch", headers=KEY, **more):
    """Return the answer to a batch of *events*, and what is remembered of it."""
    request = asked(path, {"batch": [*events], **more}, headers=headers)
    return INTAKES[path].receive(request, NOW)


def reasons(event, **more):
    [only] = received(event, **more)[1]
    return list(only.reasons)


def sized(size):
    """Return an event of so many bytes of JSON."""
    event = {**TRACK, "properties": {"text": ""}}
    room = size - len(json.dumps(event, separators=(",", ":")))
    return {**event, "properties": {"text": "x" * room}}


def test_a_batch_is_taken_event_by_event():
    """Each is remembered by its name and as it came."""
    other = {"type": "identify", "userId": "7", "traits": {}}
    answer, events = received(TRACK, other)

    assert (answer.status, json.loads(answer.body)) == (200, {"success": True})
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
def test_what_segment_takes_is_good(event):
    """No rule is made up."""
    assert reasons(event) == []


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "track", "userId": "7"}, "track needs event"),
        ({"type": "track", "event": "", "userId": "7"}, "track needs event"),
        ({"type": "track", "event": 5, "userId": "7"}, "track needs event"),
        ({"type": "track", "event": "e"}, "no_user_anon_id"),
        ({"type": "track", "event": "e", "userId": "", "anonymousId": None}, "no_user_anon_id"),
        ({"type": "track", "event": "e", "userId": 7}, "must be strings"),
        ({"type": "group", "userId": "7"}, "group needs groupId"),
        ({"type": "alias", "userId": "7"}, "alias needs previousId"),
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
def test_what_segment_would_drop_is_bad_though_it_answers_200(event, reason):
    """The vendor answers 200 to nearly everything; that is what there is an inspector for."""
    answer, [only] = received(event)

    assert answer.status == 200
    assert any(reason in each for each in only.reasons), only.reasons


@pytest.mark.parametrize(("size", "status"), [(32_767, 200), (32_768, 200), (32_769, 400)])
def test_an_event_has_at_most_32_kilobytes(size, status):
    """A batch with a larger one is refused; its neighbours are not remembered."""
    answer, events = received(TRACK, sized(size))

    assert answer.status == status
    assert [bool(event.reasons) for event in events] == (
        [False, False] if status == 200 else [True]
    )


@pytest.mark.parametrize(("number", "is_good"), [(2_499, True), (2_500, True), (2_501, False)])
def test_a_batch_has_at_most_2500_events(number, is_good):
    """More are answered 200, and dropped."""
    answer, events = received(*[TRACK] * number)

    assert answer.status == 200
    assert {not event.reasons for event in events} == {is_good}
    assert len(events) == number


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"batch": [{"n": NaN}]}', b"[]", b'{"batch": {}}', b"{}", b"\xff\xfe", b"null"],
)
def test_what_is_no_batch_is_answered_400(body):
    """The body is remembered, and why it cannot be read."""
    answer, [only] = INTAKES["/v1/batch"].receive(asked("/v1/batch", body, headers=KEY), NOW)

    assert answer.status == 400
    assert json.loads(answer.body)["success"] is False
    assert only.reasons


def test_nan_is_named_as_the_culprit():
    """It is what the vendor's own client sends."""
    request = asked("/v1/batch", b'{"batch": [{"n": NaN}]}', headers=KEY)
    _, [only] = INTAKES["/v1/batch"].receive(request, NOW)

    assert "NaN and Infinity are not JSON" in only.reasons[0]


def test_a_body_that_could_not_be_unpacked_is_answered_400():
    """As too large ones are."""
    request = asked("/v1/batch", b"", trouble="the body is over 512000 bytes", too_large=True)
    answer, [only] = INTAKES["/v1/batch"].receive(request, NOW)

    assert (answer.status, only.reasons) == (400, ("the body is over 512000 bytes",))


def test_an_empty_batch_is_bad():
    """Somebody took the trouble to send nothing."""
    answer, [only] = received()

    assert (answer.status, only.reasons) == (200, ("the batch is empty",))


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

    assert found == [] if is_good else found[0].startswith("no write key")


def test_the_content_type_must_be_json():
    """Segment reads nothing else."""
    found = reasons(TRACK, headers={**KEY, "content-type": "text/plain"})

    assert found == ["Content-Type must be application/json"]


@pytest.mark.parametrize(("sent_at", "is_good"), [("2026-01-02T03:04:05Z", True), ("now", False)])
def test_the_time_of_sending_is_a_time(sent_at, is_good):
    """The vendor computes the time of each event from it."""
    assert (reasons(TRACK, sentAt=sent_at) == []) == is_good


@pytest.mark.parametrize("field", ["context", "integrations"])
def test_what_a_batch_says_of_all_its_events_is_an_object(field):
    """It is merged into each of them."""
    assert reasons(TRACK, **{field: {}}) == []
    assert reasons(TRACK, **{field: []}) == [f"{field} of a batch must be an object"]


@pytest.mark.parametrize("kind", ["track", "identify", "page", "screen", "group", "alias"])
def test_a_single_call_is_an_event_of_its_type(kind):
    """The type stands in the path, the write key in the body; it is not shown."""
    event = {"userId": "7", "event": "e", "groupId": "g", "previousId": "p"}
    request = asked(f"/v1/{kind}", {**event, "writeKey": "k"})
    answer, [only] = INTAKES[f"/v1/{kind}"].receive(request, NOW)

    assert (answer.status, only.reasons) == (200, ())
    assert only.name == ("e" if kind == "track" else kind)
    assert json.loads(only.payload) == {**event, "type": kind}


@pytest.mark.parametrize(
    ("content", "status"), [(b"{", 400), (b"[]", 200), (b'{"type": "page"}', 200)]
)
def test_a_single_call_that_is_wrong_is_bad(content, status):
    """Whatever it is that was sent."""
    request = asked("/v1/track", content, headers=KEY)
    answer, [only] = INTAKES["/v1/track"].receive(request, NOW)

    assert answer.status == status
    assert only.reasons


def test_an_event_nested_beyond_what_can_be_written_is_taken_all_the_same():
    """300 levels are read, and not shown."""
    nested = json.loads("[" * 300 + "]" * 300)
    answer, [only] = received({**TRACK, "properties": {"deep": nested}})

    assert answer.status == 200
    assert b"nested too deeply" in only.payload
