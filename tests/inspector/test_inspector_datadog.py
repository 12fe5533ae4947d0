"""Datadog's stand-in over HTTP: its limits, each at, below and above, and its answers."""

import json

import pytest
from inspector_client import NOW, asked

from eventtracking.inspector.datadog import INTAKES

KEY = {"dd-api-key": "k"}

HOUR = 3600

LOGS = "/api/v2/logs"
EVENTS = "/api/v1/events"
SERIES_1 = "/api/v1/series"
SERIES_2 = "/api/v2/series"
DISTRIBUTIONS = "/api/v1/distribution_points"


def received(path, content, headers=KEY, **more):
    return INTAKES[path].receive(asked(path, content, headers=headers, **more), NOW)


def reasons(path, content):
    [only] = received(path, content)[1]
    return list(only.reasons)


def found(path, content, reason):
    return [each for each in reasons(path, content) if reason in each]


def point(version, stamp=NOW, value=1.5, metric="m.x", **more):
    """Return series of one point."""
    one = [[stamp, value]] if version == 1 else [{"timestamp": stamp, "value": value}]
    return {"series": [{"metric": metric, "points": one, **more}]}


@pytest.mark.parametrize("path", INTAKES)
def test_without_a_key_everything_is_403(path):
    """The key comes in a header."""
    answer, [only] = received(path, {}, headers={})

    assert answer.status == 403
    assert "DD-API-KEY" in only.reasons[0]


@pytest.mark.parametrize("path", INTAKES)
@pytest.mark.parametrize("body", [b"", b"{", b'{"message": NaN}', b"\xff"])
def test_what_is_no_json_is_400(path, body):
    """The body is remembered, and why it cannot be read."""
    answer, [only] = received(path, body)

    assert answer.status == 400
    assert only.reasons[0].startswith("invalid JSON")


@pytest.mark.parametrize("path", INTAKES)
def test_what_is_too_large_is_413(path):
    """What could not be unpacked for another reason is 400."""
    large = received(path, b"", trouble="over", too_large=True)[0]
    broken = received(path, b"", trouble="cut off")[0]

    assert (large.status, broken.status) == (413, 400)


def test_logs_are_taken_one_by_one():
    """By the standard attribute for a name, or else by their message."""
    logs = [
        {"message": "m", "evt.name": "edx.video.played", "ddtags": "env:test,course:a_b"},
        {"message": "m", "evt": {"name": "edx.video.paused"}},
        {"message": "plain", "ddsource": "python", "service": "lms", "hostname": "h"},
    ]
    answer, events = received(LOGS, logs)

    assert (answer.status, answer.body) == (202, b"{}")
    assert [event.name for event in events] == ["edx.video.played", "edx.video.paused", "plain"]
    assert {event.reasons for event in events} == {()}
    assert [json.loads(event.payload) for event in events] == logs


@pytest.mark.parametrize(("number", "status"), [(999, 202), (1_000, 202), (1_001, 413)])
def test_a_request_has_at_most_1000_logs(number, status):
    """More are refused, all of them."""
    answer, events = received(LOGS, [{"message": "m"}] * number)

    assert answer.status == status
    assert len(events) == (number if status == 202 else 1)


@pytest.mark.parametrize(
    ("size", "is_good"), [(999_999, True), (1_000_000, True), (1_000_001, False)]
)
def test_a_log_has_at_most_a_megabyte(size, is_good):
    """A longer one is cut, and answered 202 all the same."""
    answer, [only] = received(LOGS, [{"message": "x" * (size - len('{"message":""}'))}])

    assert answer.status == 202
    assert (not only.reasons) == is_good


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ({"ddsource": "python"}, "message is required"),
        ({"message": ""}, "message is required"),
        ({"message": 5}, "message must be a string"),
        ({"message": "m", "ddtags": ["a:b"]}, "ddtags must be a string"),
        ({"message": "m", "ddtags": "1a:b"}, "a tag starts with a letter"),
        ({"message": "m", "service": 5}, "service must be a string"),
        ({"message": "m", "timestamp": (NOW - 18 * HOUR - 1) * 1000}, "more than 18 hours"),
        ({"message": "m", "date": "2026-01-02T03:04:05Z"}, "more than 18 hours"),
        ({"message": "m", "date": "2026-01-02T03:04:05"}, "more than 18 hours"),
        ({"message": "m", "timestamp": NOW + 2 * HOUR}, "in the future"),
    ],
)
def test_a_log_that_datadog_would_spoil_is_bad(log, reason):
    """It is answered 202."""
    assert found(LOGS, [log], reason)
    assert received(LOGS, [log])[0].status == 202


@pytest.mark.parametrize("age", [0, 18 * HOUR - 1, 18 * HOUR])
def test_a_log_may_be_18_hours_old(age):
    """In seconds or in milliseconds, and what is no time is an attribute like any other."""
    for stamp in (NOW - age, (NOW - age) * 1000, "soon", True):
        assert reasons(LOGS, [{"message": "m", "timestamp": stamp}]) == []


def test_a_log_that_is_no_object_is_400():
    """With its neighbours."""
    answer, events = received(LOGS, [{"message": "m"}, "text"])

    assert answer.status == 400
    assert json.loads(answer.body)["errors"][0]["status"] == "400"
    assert [bool(event.reasons) for event in events] == [False, True]


def test_the_content_type_must_be_json():
    """Else it is taken for lines of text."""
    headers = {**KEY, "content-type": "text/plain"}
    _, [only] = received(LOGS, [{"message": "m"}], headers=headers)

    assert only.reasons == ("Content-Type must be application/json",)


def test_an_event_is_taken_by_its_title():
    """And answered with its id."""
    content = {"title": "Deployed", "text": "x" * 4000, "tags": ["env:test"], "priority": "low"}
    content |= {"alert_type": "info", "aggregation_key": "k" * 100, "date_happened": int(NOW)}
    answer, [only] = received(EVENTS, content)

    assert (answer.status, json.loads(answer.body)["status"]) == (202, "ok")
    assert (only.name, only.reasons) == ("Deployed", ())


@pytest.mark.parametrize("missing", ["title", "text"])
def test_an_event_without_title_or_text_is_400(missing):
    """Both are required."""
    content = {"title": "t", "text": "t"}
    del content[missing]
    answer, [only] = received(EVENTS, content)

    assert answer.status == 400
    assert only.reasons == (f"{missing} is required, a string",)


def test_an_event_is_an_object():
    """A list of them is none."""
    assert received(EVENTS, [])[0].status == 400


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("text", "x" * 4001, "at most 4000"),
        ("aggregation_key", "k" * 101, "at most 100"),
        ("aggregation_key", 5, "must be a string"),
        ("priority", "high", "normal or low"),
        ("alert_type", "bad", "must be one of"),
        ("date_happened", NOW - 18 * HOUR - 1, "whole number"),
        ("date_happened", int(NOW) - 18 * HOUR - 1, "more than 18 hours"),
        ("tags", "env:test", "must be an array"),
        ("tags", [5], "must be a string"),
        ("host", 5, "must be a string"),
    ],
)
def test_an_event_that_datadog_would_spoil_is_bad(field, value, reason):
    """Each field has its rule."""
    assert found(EVENTS, {"title": "t", "text": "t", field: value}, reason)


@pytest.mark.parametrize("version", [1, 2])
def test_series_are_taken_metric_by_metric(version):
    """And answered as that version does."""
    answer, [only] = received(f"/api/v{version}/series", point(version, tags=["a:b"]))

    assert answer.status == 202
    assert json.loads(answer.body) == ({"status": "ok"} if version == 1 else {"errors": []})
    assert (only.name, only.reasons) == ("m.x", ())


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("stamp", "is_good"),
    [
        (NOW - HOUR + 1, True),
        (NOW - HOUR, True),
        (NOW - HOUR - 1, False),
        (NOW + 599, True),
        (NOW + 600, True),
        (NOW + 601, False),
        ("now", False),
        (None, False),
        (True, False),
    ],
)
def test_a_point_is_of_the_last_hour_or_the_next_ten_minutes(version, stamp, is_good):
    """Others are dropped by the vendor, who answers 202."""
    answer, [only] = received(f"/api/v{version}/series", point(version, stamp))

    assert answer.status == 202
    assert (not only.reasons) == is_good


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"metric": ""}, "metric is required"),
        ({"metric": "1x"}, "starts with a letter"),
        ({"metric": "a-b"}, "starts with a letter"),
        ({"metric": "a\nb"}, "starts with a letter"),
        ({"metric": "a" * 201}, "at most 200"),
        ({"type": "counter"}, "type must be one of"),
        ({"type": 4}, "type must be one of"),
        ({"type": True}, "type must be one of"),
        ({"value": "5"}, "must be a number"),
        ({"value": None}, "must be a number"),
        ({"points": []}, "points must be"),
        ({"points": ["x"]}, "a point must be"),
        ({"value": [1]}, "must be a number"),
        ({"tags": ["é" * 201]}, "at most 200"),
        ({"tags": ["a b"]}, "holds letters"),
        ({"tags": ["_a"]}, "starts with a letter"),
        ({"tags": {}}, "must be an array"),
    ],
)
def test_a_metric_that_datadog_would_spoil_is_bad(version, more, reason):
    """Its name, its type, its points and its tags."""
    assert found(f"/api/v{version}/series", point(version, **more), reason)


@pytest.mark.parametrize(
    ("version", "kind"), [(1, "count"), (1, "gauge"), (1, "rate"), (2, 0), (2, 1), (2, 2), (2, 3)]
)
def test_each_version_has_types_of_its_own(version, kind):
    """Words in the first, numbers in the second."""
    assert reasons(f"/api/v{version}/series", point(version, type=kind)) == []


@pytest.mark.parametrize("length", [199, 200])
def test_names_and_tags_have_up_to_200_characters(length):
    """Both at their limits."""
    content = point(2, metric="a" * length, tags=["t" * length])

    assert reasons(SERIES_2, content) == []


@pytest.mark.parametrize("path", [SERIES_1, SERIES_2, DISTRIBUTIONS])
@pytest.mark.parametrize("content", [[], {}, {"series": {}}, {"series": ["x"]}])
def test_what_is_no_series_is_400(path, content):
    """The version makes no difference."""
    assert received(path, content)[0].status == 400


@pytest.mark.parametrize(
    ("one", "kind", "is_good"),
    [
        ([NOW, [1, 2.5]], "distribution", True),
        ([NOW - HOUR, [1]], "distribution", True),
        ([NOW, [1]], "count", False),
        ([NOW - HOUR - 1, [1]], "distribution", False),
        ([NOW, []], "distribution", False),
        ([NOW, 1], "distribution", False),
        ([NOW, ["1"]], "distribution", False),
        ([NOW], "distribution", False),
        ({"timestamp": NOW, "value": 1}, "distribution", False),
    ],
)
def test_distributions_have_an_intake_a_type_and_points_of_their_own(one, kind, is_good):
    """All values of a second are one point."""
    content = {"series": [{"metric": "m.x", "points": [one], "type": kind}]}
    answer, [only] = received(DISTRIBUTIONS, content)

    assert (answer.status, answer.body) == (202, b'{"status":"ok"}')
    assert (not only.reasons) == is_good


def test_no_series_at_all_are_bad():
    """Somebody took the trouble to send nothing."""
    answer, [only] = received(SERIES_2, {"series": []})

    assert (answer.status, only.reasons) == (202, ("the series are empty",))
