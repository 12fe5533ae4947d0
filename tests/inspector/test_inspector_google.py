"""Google Analytics' stand-in: its limits, each at, below and above, and what validation says."""

import json

import pytest
from inspector_client import NOW, asked

from eventtracking.inspector.google_analytics import INTAKES

QUERY = {"measurement_id": "G-TEST", "api_secret": "s"}

DAY = 86_400


def received(content, query=QUERY, headers=None, **more):
    request = asked("/mp/collect", content, query=query, headers=headers, **more)
    return INTAKES["/mp/collect"].receive(request, NOW)


def messages(content, query=QUERY):
    """Return what the validation endpoint says, as `(field, code)`."""
    request = asked("/debug/mp/collect", content, query=query)
    answer, remembered = INTAKES["/debug/mp/collect"].receive(request, NOW)

    assert (answer.status, remembered) == (200, [])
    said = json.loads(answer.body)["validationMessages"]
    assert all(each["description"] for each in said)
    return [(each["fieldPath"], each["validationCode"]) for each in said]


def hit(*events, **more):
    return {"client_id": "1.2", "events": [*events] or [{"name": "e"}], **more}


def with_params(**params):
    return hit({"name": "e", "params": params})


def test_every_event_is_remembered_with_what_its_request_says_of_all():
    """By its own name; a time of its own counts more than that of the request."""
    stamp = int(NOW * 1e6)
    content = hit(
        {"name": "a", "params": {"session_id": "12", "engagement_time_msec": 1}},
        {"name": "b", "timestamp_micros": stamp - 1},
        user_id="u",
        timestamp_micros=stamp,
    )
    answer, [first, second] = received(content)

    assert (answer.status, answer.body) == (204, b"")
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


def test_what_is_wrong_with_one_event_is_not_held_against_its_neighbours():
    """What is wrong with the request is held against all of them."""
    _, one_bad = received(hit({"name": "a"}, {"name": "1"}))
    _, all_bad = received(hit({"name": "a"}, {"name": "b"}, client_id=""))

    assert [bool(each.reasons) for each in one_bad] == [False, True]
    assert [bool(each.reasons) for each in all_bad] == [True, True]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"client_id": NaN}', b"{}"])
def test_google_answers_204_whatever_it_is(body):
    """That is why there is a validation endpoint, and an inspector."""
    answer, [only] = received(body)

    assert answer.status == 204
    assert only.reasons
    assert messages(body)


def test_a_body_that_could_not_be_unpacked_is_bad():
    """And answered 204 as well."""
    answer, [only] = received(b"", trouble="the body is over 130000 bytes", too_large=True)

    assert (answer.status, only.reasons) == (204, ("the body is over 130000 bytes",))


@pytest.mark.parametrize("missing", ["measurement_id", "api_secret"])
def test_who_it_is_for_is_in_the_url(missing):
    """The validation endpoint does not look at it, as documented."""
    query = {name: value for name, value in QUERY.items() if name != missing}
    _, [only] = received(hit(), query)

    assert only.reasons == (f"{missing} is missing in the URL",)
    assert messages(hit(), query) == []


def test_an_app_says_who_it_is_in_other_words():
    """And may send what only apps send."""
    query = {"firebase_app_id": "1:2:android:3", "api_secret": "s"}
    content = {"app_instance_id": "x", "events": [{"name": "screen_view"}]}

    assert messages(content, query) == []
    assert messages(content) == [
        ("client_id", "VALUE_REQUIRED"),
        ("events[0].name", "NAME_RESERVED"),
    ]


def test_the_content_type_must_be_json():
    """As documented."""
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
def test_what_google_would_drop_has_its_documented_code(content, expected):
    """And is remembered as bad, though it is answered 204."""
    assert messages(content) == [expected]
    answer, events = received(content)
    assert answer.status == 204
    assert all(event.reasons for event in events)


def names(number):
    return {f"n{index}": index for index in range(number)}


@pytest.mark.parametrize(
    ("make", "limit", "expected"),
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
def test_a_limit_is_where_it_is_documented(make, limit, expected):
    """Below and at it is good, one above is not."""
    assert messages(make(limit - 1)) == messages(make(limit)) == []
    assert messages(make(limit + 1)) == [expected]


@pytest.mark.parametrize(("length", "is_good"), [(23, True), (24, True), (25, False)])
def test_the_name_of_a_user_property_is_shorter(length, is_good):
    """24 characters, where other names have 40."""
    content = hit(user_properties={"p" * length: {"value": 1}})

    assert (messages(content) == []) == is_good


@pytest.mark.parametrize(("length", "is_good"), [(39, True), (40, True), (41, False)])
def test_the_name_of_a_param_has_at_most_40_characters(length, is_good):
    """As that of an event."""
    assert (messages(with_params(**{"p" * length: 1})) == []) == is_good


def test_a_name_that_stands_twice_is_reported():
    """Of the two values, one is lost."""
    body = b'{"client_id": "1.2", "events": [{"name": "e", "params": {"a": 1, "a": 2}}]}'

    assert messages(body) == [("a", "NAME_DUPLICATED")]


@pytest.mark.parametrize("body", [b"[" * 1100, b'{"a":' * 1000 + b"1" + b"}" * 1000])
def test_a_body_nested_without_end_is_only_bad(body):
    """The reader of the standard library gives up sooner than the fast one."""
    assert received(body)[0].status == 204


def test_a_number_of_5000_digits_is_only_bad():
    """Python refuses to read it."""
    body = b'{"client_id": "1.2", "user_id": ' + b"9" * 5000 + b', "events": [{"name": "e"}]}'

    assert received(body)[0].status == 204


def test_consent_and_digits_as_text_are_good():
    """All that Google takes."""
    content = hit(
        {"name": "e", "params": {"session_id": 12, "engagement_time_msec": "100", "items": []}},
        consent={"ad_user_data": "GRANTED", "ad_personalization": "DENIED"},
        validation_behavior="ENFORCE_RECOMMENDATIONS",
        timestamp_micros=str(int(NOW * 1e6)),
        user_properties={"plan": {"value": "free"}},
    )

    assert messages(content) == []
