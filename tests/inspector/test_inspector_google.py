"""The stand-in for Google Analytics: each limit, at, below and above it, and the validation."""

import json

import pytest
from inspector_client import NOW, make_request

from eventtracking.inspector.google_analytics.endpoints import ENDPOINTS

QUERY = {"measurement_id": "G-TEST", "api_secret": "s"}

DAY = 86_400


def received(content, query=QUERY, headers=None, **more):
    request = make_request("/mp/collect", content, query=query, headers=headers, **more)
    return ENDPOINTS["/mp/collect"].receive(request, NOW)


def messages(content, query=QUERY):
    """Return the messages of the validation endpoint, as `(field, code)`."""
    request = make_request("/debug/mp/collect", content, query=query)
    response, recorded = ENDPOINTS["/debug/mp/collect"].receive(request, NOW)

    assert (response.status, recorded) == (200, [])
    found = json.loads(response.body)["validationMessages"]
    assert all(each["description"] for each in found)
    return [(each["fieldPath"], each["validationCode"]) for each in found]


def hit(*events, **more):
    return {"client_id": "1.2", "events": [*events] or [{"name": "e"}], **more}


def with_params(**params):
    return hit({"name": "e", "params": params})


def test_each_event_is_recorded_with_the_shared_fields_of_its_request():
    """An event's own time takes precedence over that of the request."""
    stamp = int(NOW * 1e6)
    content = hit(
        {"name": "a", "params": {"session_id": "12", "engagement_time_msec": 1}},
        {"name": "b", "timestamp_micros": stamp - 1},
        user_id="u",
        timestamp_micros=stamp,
    )
    response, [first, second] = received(content)

    assert (response.status, response.body) == (204, b"")
    assert [first.name, second.name] == ["a", "b"]
    assert (first.reasons, second.reasons) == ((), ())
    assert json.loads(first.payload) == {
        "client_id": "1.2",
        "user_id": "u",
        "timestamp_micros": stamp,
        "name": "a",
        "params": {"session_id": "12", "engagement_time_msec": 1},
    }
    assert json.loads(second.payload)["timestamp_micros"] == stamp - 1
    assert messages(content) == []


def test_a_bad_event_does_not_make_its_neighbours_bad():
    """A bad request does make all its events bad."""
    _, one_bad = received(hit({"name": "a"}, {"name": "1"}))
    _, all_bad = received(hit({"name": "a"}, {"name": "b"}, client_id=""))

    assert [bool(each.reasons) for each in one_bad] == [False, True]
    assert [bool(each.reasons) for each in all_bad] == [True, True]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"client_id": NaN}', b"{}"])
def test_google_responds_with_204_to_everything(body):
    """Only the validation endpoint, or an inspector, tells what is wrong."""
    response, [only] = received(body)

    assert response.status == 204
    assert only.reasons
    assert messages(body)


def test_a_body_that_cannot_be_decompressed_is_bad():
    """It gets a 204 as well."""
    response, [only] = received(b"", error="the body is over 130000 bytes", is_too_large=True)

    assert (response.status, only.reasons) == (204, ("the body is over 130000 bytes",))


@pytest.mark.parametrize("missing", ["measurement_id", "api_secret"])
def test_the_url_must_hold_the_measurement_id_and_the_secret(missing):
    """The validation endpoint ignores them, as documented."""
    query = {name: value for name, value in QUERY.items() if name != missing}
    _, [only] = received(hit(), query)

    assert only.reasons == (f"{missing} is missing from the URL",)
    assert messages(hit(), query) == []


def test_an_app_is_identified_by_other_fields():
    """It may also send events that are reserved on the web."""
    query = {"firebase_app_id": "1:2:android:3", "api_secret": "s"}
    content = {"app_instance_id": "x", "events": [{"name": "screen_view"}]}

    assert messages(content, query) == []
    assert messages(content) == [
        ("client_id", "VALUE_REQUIRED"),
        ("events[0].name", "NAME_RESERVED"),
    ]


def test_the_content_type_must_be_json():
    """The documentation requires it."""
    _, [only] = received(hit(), headers={"content-type": "text/plain"})

    assert only.reasons == ("Content-Type must be application/json",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (hit(client_id=None), ("client_id", "VALUE_REQUIRED")),
        (hit(client_id=5), ("client_id", "VALUE_REQUIRED")),
        (hit(user_id=5), ("user_id", "VALUE_INVALID")),
        (hit(user_id="u" * 257), ("user_id", "VALUE_OUT_OF_BOUNDS")),
        (hit(timestamp_micros=1.5), ("timestamp_micros", "VALUE_INVALID")),
        (hit(timestamp_micros=int(NOW)), ("timestamp_micros", "VALUE_OUT_OF_BOUNDS")),
        (hit(timestamp_micros=int(NOW * 1e9)), ("timestamp_micros", "VALUE_OUT_OF_BOUNDS")),
        (hit(user_properties=[]), ("user_properties", "VALUE_INVALID")),
        (hit(user_properties={"1": {"value": 1}}), ("user_properties.1", "NAME_INVALID")),
        (hit(user_properties={"ga_x": {"value": 1}}), ("user_properties.ga_x", "NAME_RESERVED")),
        (
            hit(user_properties={"user_id": {"value": 1}}),
            ("user_properties.user_id", "NAME_RESERVED"),
        ),
        (hit(user_properties={"a": 1}), ("user_properties.a", "VALUE_INVALID")),
        (hit(consent=[]), ("consent", "VALUE_INVALID")),
        (hit(consent={"ads": "GRANTED"}), ("consent.ads", "NAME_INVALID")),
        (hit(consent={"ad_user_data": "yes"}), ("consent.ad_user_data", "VALUE_INVALID")),
        (hit(validation_behavior="STRICT"), ("validation_behavior", "VALUE_INVALID")),
        ({"client_id": "1.2"}, ("events", "VALUE_REQUIRED")),
        ({"client_id": "1.2", "events": []}, ("events", "VALUE_REQUIRED")),
        (hit("text"), ("events[0]", "VALUE_INVALID")),
        (hit({}), ("events[0].name", "VALUE_REQUIRED")),
        (hit({"name": 5}), ("events[0].name", "VALUE_REQUIRED")),
        (hit({"name": "a.b"}), ("events[0].name", "NAME_INVALID")),
        (hit({"name": "1a"}), ("events[0].name", "NAME_INVALID")),
        (hit({"name": "é"}), ("events[0].name", "NAME_INVALID")),
        (hit({"name": "session_start"}), ("events[0].name", "NAME_RESERVED")),
        (hit({"name": "ga_x"}), ("events[0].name", "NAME_RESERVED")),
        (hit({"name": "_x"}), ("events[0].name", "NAME_RESERVED")),
        (hit({"name": "e", "params": []}), ("events[0].params", "VALUE_INVALID")),
        (with_params(firebase_x=1), ("events[0].params.firebase_x", "NAME_RESERVED")),
        (
            with_params(firebase_conversion=1),
            ("events[0].params.firebase_conversion", "NAME_RESERVED"),
        ),
        (with_params(**{"a-b": 1}), ("events[0].params.a-b", "NAME_INVALID")),
        (with_params(a={"b": 1}), ("events[0].params.a", "VALUE_INVALID")),
        (with_params(a=[1]), ("events[0].params.a", "VALUE_INVALID")),
        (with_params(a=None), ("events[0].params.a", "VALUE_INVALID")),
        (with_params(a=True), ("events[0].params.a", "VALUE_INVALID")),
        (with_params(session_id="abc"), ("events[0].params.session_id", "VALUE_INVALID")),
        (
            with_params(engagement_time_msec=0),
            ("events[0].params.engagement_time_msec", "VALUE_INVALID"),
        ),
        (with_params(items={}), ("events[0].params.items", "VALUE_INVALID")),
        (with_params(items=[{}]), ("events[0].params.items[0]", "VALUE_REQUIRED")),
        (with_params(items=[{"item_id": []}]), ("events[0].params.items[0]", "VALUE_REQUIRED")),
        (
            with_params(items=[{"item_id": "x", "a": {}}]),
            ("events[0].params.items[0].a", "VALUE_INVALID"),
        ),
    ],
)
def test_each_error_has_its_documented_code(content, expected):
    """The event is recorded as bad, though the response is a 204."""
    assert messages(content) == [expected]
    response, events = received(content)
    assert response.status == 204
    assert all(event.reasons for event in events)


def names(number):
    return {f"n{index}": index for index in range(number)}


@pytest.mark.parametrize(
    ("make_content", "limit", "expected"),
    [
        (lambda n: hit(*[{"name": "e"}] * n), 25, ("events", "EXCEEDED_MAX_ENTITIES")),
        (lambda n: with_params(**names(n)), 25, ("events[0].params", "EXCEEDED_MAX_ENTITIES")),
        (
            lambda n: hit(user_properties={k: {"value": v} for k, v in names(n).items()}),
            25,
            ("user_properties", "EXCEEDED_MAX_ENTITIES"),
        ),
        (
            lambda n: with_params(items=[{"item_id": "x"}] * n),
            200,
            ("events[0].params.items", "EXCEEDED_MAX_ENTITIES"),
        ),
        (lambda n: hit({"name": "e" * n}), 40, ("events[0].name", "NAME_INVALID")),
        (lambda n: with_params(t="x" * n), 100, ("events[0].params.t", "VALUE_OUT_OF_BOUNDS")),
        (
            lambda n: with_params(page_title="x" * n),
            300,
            ("events[0].params.page_title", "VALUE_OUT_OF_BOUNDS"),
        ),
        (
            lambda n: with_params(page_referrer="x" * n),
            420,
            ("events[0].params.page_referrer", "VALUE_OUT_OF_BOUNDS"),
        ),
        (
            lambda n: with_params(page_location="x" * n),
            1000,
            ("events[0].params.page_location", "VALUE_OUT_OF_BOUNDS"),
        ),
        (lambda n: hit(user_id="u" * n), 256, ("user_id", "VALUE_OUT_OF_BOUNDS")),
        (
            lambda n: hit(user_properties={"p": {"value": "x" * n}}),
            36,
            ("user_properties.p", "VALUE_OUT_OF_BOUNDS"),
        ),
        (
            lambda n: hit(timestamp_micros=int((NOW - n) * 1e6)),
            3 * DAY,
            ("timestamp_micros", "VALUE_OUT_OF_BOUNDS"),
        ),
    ],
)
def test_each_limit_is_as_documented(make_content, limit, expected):
    """At and below it is good; one more is bad."""
    assert messages(make_content(limit - 1)) == messages(make_content(limit)) == []
    assert messages(make_content(limit + 1)) == [expected]


@pytest.mark.parametrize(("length", "is_good"), [(23, True), (24, True), (25, False)])
def test_the_name_of_a_user_property_has_at_most_24_characters(length, is_good):
    """Other names may have 40."""
    content = hit(user_properties={"p" * length: {"value": 1}})

    assert (messages(content) == []) == is_good


@pytest.mark.parametrize(("length", "is_good"), [(39, True), (40, True), (41, False)])
def test_the_name_of_a_param_has_at_most_40_characters(length, is_good):
    """The limit is the same as for the name of an event."""
    assert (messages(with_params(**{"p" * length: 1})) == []) == is_good


def test_a_duplicated_name_is_reported():
    """One of the two values is lost."""
    body = b'{"client_id": "1.2", "events": [{"name": "e", "params": {"a": 1, "a": 2}}]}'

    assert messages(body) == [("a", "NAME_DUPLICATED")]


@pytest.mark.parametrize("body", [b"[" * 1100, b'{"a":' * 1000 + b"1" + b"}" * 1000])
def test_a_deeply_nested_body_is_only_bad(body):
    """The standard library's parser fails at fewer levels than orjson."""
    assert received(body)[0].status == 204


def test_a_number_of_5000_digits_is_only_bad():
    """Python refuses to parse it."""
    body = b'{"client_id": "1.2", "user_id": ' + b"9" * 5000 + b', "events": [{"name": "e"}]}'

    assert received(body)[0].status == 204


def test_valid_optional_fields_are_good():
    """Google accepts numbers as strings, too."""
    content = hit(
        {"name": "e", "params": {"session_id": 12, "engagement_time_msec": "100", "items": []}},
        consent={"ad_user_data": "GRANTED", "ad_personalization": "DENIED"},
        validation_behavior="ENFORCE_RECOMMENDATIONS",
        timestamp_micros=str(int(NOW * 1e6)),
        user_properties={"plan": {"value": "free"}},
    )

    assert messages(content) == []
