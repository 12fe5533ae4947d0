"""The stand-in for Datadog's HTTP APIs: each limit, at, below and above it, and the responses."""

import json

import pytest
from inspector_client import NOW, make_request

from eventtracking.inspector.datadog.endpoints import ENDPOINTS

KEY = {"dd-api-key": "k"}

HOUR = 3600

LOGS = "/api/v2/logs"
EVENTS = "/api/v1/events"
SERIES_1 = "/api/v1/series"
SERIES_2 = "/api/v2/series"
DISTRIBUTIONS = "/api/v1/distribution_points"


def received(path, content, headers=KEY, **more):
    return ENDPOINTS[path].receive(make_request(path, content, headers=headers, **more), NOW)


def reasons(path, content):
    [only] = received(path, content)[1]
    return list(only.reasons)


def has_reason(path, content, reason):
    return any(reason in each for each in reasons(path, content))


def one_point(version, stamp=NOW, value=1.5, metric="m.x", **more):
    """Return series with one point."""
    points = [[stamp, value]] if version == 1 else [{"timestamp": stamp, "value": value}]
    return {"series": [{"metric": metric, "points": points, **more}]}


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_request_without_an_api_key_is_refused(path):
    """With 403; the key is in a header."""
    response, [only] = received(path, {}, headers={})

    assert response.status == 403
    assert "DD-API-KEY" in only.reasons[0]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("body", [b"", b"{", b'{"message": NaN}', b"\xff"])
def test_a_body_that_is_not_json_is_refused(path, body):
    """With 400. The body is recorded with the reason."""
    response, [only] = received(path, body)

    assert response.status == 400
    assert only.reasons[0].startswith("invalid JSON")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_body_that_is_too_large_is_refused_with_413(path):
    """One that cannot be decompressed for another reason is refused with 400."""
    large = received(path, b"", error="over", is_too_large=True)[0]
    broken = received(path, b"", error="truncated")[0]

    assert (large.status, broken.status) == (413, 400)


def test_each_log_is_recorded():
    """Its name is the standard attribute for it, or else the message."""
    logs = [
        {"message": "m", "evt.name": "edx.video.played", "ddtags": "env:test,course:a_b"},
        {"message": "m", "evt": {"name": "edx.video.paused"}},
        {"message": "plain", "ddsource": "python", "service": "lms", "hostname": "h"},
    ]
    response, events = received(LOGS, logs)

    assert (response.status, response.body) == (202, b"{}")
    assert [event.name for event in events] == ["edx.video.played", "edx.video.paused", "plain"]
    assert {event.reasons for event in events} == {()}
    assert [json.loads(event.payload) for event in events] == logs


@pytest.mark.parametrize(("number", "status"), [(999, 202), (1_000, 202), (1_001, 413)])
def test_a_request_has_at_most_1000_logs(number, status):
    """If there are more, all are refused."""
    response, events = received(LOGS, [{"message": "m"}] * number)

    assert response.status == status
    assert len(events) == (number if status == 202 else 1)


@pytest.mark.parametrize(
    ("size", "is_good"), [(999_999, True), (1_000_000, True), (1_000_001, False)]
)
def test_a_log_has_at_most_a_megabyte(size, is_good):
    """A longer one is truncated, and gets a 202 all the same."""
    response, [only] = received(LOGS, [{"message": "x" * (size - len('{"message":""}'))}])

    assert response.status == 202
    assert (not only.reasons) == is_good


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ({"ddsource": "python"}, "message is required"),
        ({"message": ""}, "message is required"),
        ({"message": 5}, "message must be a string"),
        ({"message": "m", "ddtags": ["a:b"]}, "ddtags must be a string"),
        ({"message": "m", "ddtags": "1a:b"}, "a tag must start with a letter"),
        ({"message": "m", "service": 5}, "service must be a string"),
        ({"message": "m", "timestamp": (NOW - 18 * HOUR - 1) * 1000}, "more than 18 hours"),
        ({"message": "m", "date": "2026-01-02T03:04:05Z"}, "more than 18 hours"),
        ({"message": "m", "date": "2026-01-02T03:04:05"}, "more than 18 hours"),
        ({"message": "m", "timestamp": NOW + 2 * HOUR}, "in the future"),
    ],
)
def test_a_log_that_datadog_would_drop_or_change_is_bad(log, reason):
    """Though it gets a 202."""
    assert has_reason(LOGS, [log], reason)
    assert received(LOGS, [log])[0].status == 202


@pytest.mark.parametrize("age", [0, 18 * HOUR - 1, 18 * HOUR])
def test_a_log_may_be_18_hours_old(age):
    """In seconds or in milliseconds. Values that are not a time are not checked."""
    for stamp in (NOW - age, (NOW - age) * 1000, "soon", True):
        assert reasons(LOGS, [{"message": "m", "timestamp": stamp}]) == []


def test_a_log_that_is_not_an_object_is_refused():
    """With 400, together with the other logs of the request."""
    response, events = received(LOGS, [{"message": "m"}, "text"])

    assert response.status == 400
    assert json.loads(response.body)["errors"][0]["status"] == "400"
    assert [bool(event.reasons) for event in events] == [False, True]


def test_the_content_type_must_be_json():
    """Datadog would read any other type as lines of text."""
    headers = {**KEY, "content-type": "text/plain"}
    _, [only] = received(LOGS, [{"message": "m"}], headers=headers)

    assert only.reasons == ("Content-Type must be application/json",)


def test_an_event_is_named_by_its_title():
    """The response is that of a created event."""
    content = {"title": "Deployed", "text": "x" * 4000, "tags": ["env:test"], "priority": "low"}
    content |= {"alert_type": "info", "aggregation_key": "k" * 100, "date_happened": int(NOW)}
    response, [only] = received(EVENTS, content)

    assert (response.status, json.loads(response.body)["status"]) == (202, "ok")
    assert (only.name, only.reasons) == ("Deployed", ())


@pytest.mark.parametrize("missing", ["title", "text"])
def test_an_event_without_title_or_text_is_refused(missing):
    """With 400: both are required."""
    content = {"title": "t", "text": "t"}
    del content[missing]
    response, [only] = received(EVENTS, content)

    assert response.status == 400
    assert only.reasons == (f"{missing} is required and must be a string",)


def test_an_event_must_be_an_object():
    """A list of events is refused."""
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
def test_an_event_that_datadog_would_drop_or_change_is_bad(field, value, reason):
    """Each field has its rule."""
    assert has_reason(EVENTS, {"title": "t", "text": "t", field: value}, reason)


@pytest.mark.parametrize("version", [1, 2])
def test_each_metric_of_the_series_is_recorded(version):
    """The response is that of the version."""
    response, [only] = received(f"/api/v{version}/series", one_point(version, tags=["a:b"]))

    assert response.status == 202
    assert json.loads(response.body) == ({"status": "ok"} if version == 1 else {"errors": []})
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
def test_a_point_must_lie_in_the_last_hour_or_the_next_ten_minutes(version, stamp, is_good):
    """Datadog responds with 202 to others, and drops them."""
    response, [only] = received(f"/api/v{version}/series", one_point(version, stamp))

    assert response.status == 202
    assert (not only.reasons) == is_good


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"metric": ""}, "metric is required"),
        ({"metric": "1x"}, "start with a letter"),
        ({"metric": "a-b"}, "start with a letter"),
        ({"metric": "a\nb"}, "start with a letter"),
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
        ({"tags": ["a b"]}, "may contain letters"),
        ({"tags": ["_a"]}, "start with a letter"),
        ({"tags": {}}, "must be an array"),
    ],
)
def test_a_metric_that_datadog_would_drop_or_change_is_bad(version, more, reason):
    """Its name, its type, its points and its tags are checked."""
    assert has_reason(f"/api/v{version}/series", one_point(version, **more), reason)


@pytest.mark.parametrize(
    ("version", "kind"), [(1, "count"), (1, "gauge"), (1, "rate"), (2, 0), (2, 1), (2, 2), (2, 3)]
)
def test_each_version_has_types_of_its_own(version, kind):
    """Strings in version 1, numbers in version 2."""
    assert reasons(f"/api/v{version}/series", one_point(version, type=kind)) == []


@pytest.mark.parametrize("length", [199, 200])
def test_names_and_tags_may_have_200_characters(length):
    """At and below the limit."""
    content = one_point(2, metric="a" * length, tags=["t" * length])

    assert reasons(SERIES_2, content) == []


@pytest.mark.parametrize("path", [SERIES_1, SERIES_2, DISTRIBUTIONS])
@pytest.mark.parametrize("content", [[], {}, {"series": {}}, {"series": ["x"]}])
def test_a_body_without_series_is_refused(path, content):
    """With 400, in each version."""
    assert received(path, content)[0].status == 400


@pytest.mark.parametrize(
    ("point", "kind", "is_good"),
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
def test_distributions_have_an_endpoint_a_type_and_points_of_their_own(point, kind, is_good):
    """A point holds all values of a second."""
    content = {"series": [{"metric": "m.x", "points": [point], "type": kind}]}
    response, [only] = received(DISTRIBUTIONS, content)

    assert (response.status, response.body) == (202, b'{"status":"ok"}')
    assert (not only.reasons) == is_good


def test_empty_series_are_bad():
    """They get a 202 all the same."""
    response, [only] = received(SERIES_2, {"series": []})

    assert (response.status, only.reasons) == (202, ("'series' is empty",))
