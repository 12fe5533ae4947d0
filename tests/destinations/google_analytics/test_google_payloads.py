"""Payloads for Google Analytics: identities, names, times, parameters and their limits."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unusual_values import UNUSUAL, unusual_values

from eventtracking.backends.google_analytics import GoogleAnalyticsBackend
from eventtracking.exceptions import EventLost, ImproperlyConfigured
from eventtracking.inspector.endpoint import Request
from eventtracking.inspector.google_analytics import endpoints as inspector

# These tests send nothing.
ENDPOINT = "http://127.0.0.1:9"
CLIENT = "1162820436.1749482504"


def destination(**options):
    backend = GoogleAnalyticsBackend("G-TEST", "s" * 12, **{"endpoint": ENDPOINT, **options})
    return backend.destination


def event(name="shop.order.paid", data=None, *, timestamp=None, **context):
    return {
        "name": name,
        "timestamp": timestamp or datetime.now(UTC),
        "data": {} if data is None else data,
        "context": {"client_id": CLIENT, **context},
    }


def encoded(one, **options):
    """Return the payload of *one* event, and the event in it."""
    payload = destination(**options).encode(one)
    assert b"\n" not in payload
    decoded = json.loads(payload)
    [sent] = decoded["events"]
    return decoded, sent


def params(data=None, *, name="shop.order.paid", options=(), **context):
    _, sent = encoded(event(name, data, **context), **dict(options))
    found = sent["params"]
    assert found.pop("engagement_time_msec")
    assert found.pop("event_name_full")
    return found


def faults(payload):
    """Return the errors that the inspector finds, which has its own list of Google's limits."""
    request = Request(
        "/mp/collect",
        {"measurement_id": "G-TEST", "api_secret": "s"},
        {"content-type": "application/json"},
        payload,
    )
    _, [received] = inspector.receive(request, time.time())
    return received.reasons


def test_an_event_has_a_client_a_name_a_time_and_flat_parameters():
    """The whole payload of an ordinary event."""
    moment = datetime.now(UTC) - timedelta(seconds=5)
    request, sent = encoded(
        event(
            "edx.course.enrollment.activated",
            {"mode": "verified", "price": {"amount": 49.5, "paid": True}, "tags": ["a", 1]},
            timestamp=moment,
            course_id="course-v1:X+Y+Z",
            ga_session_id="1749482504",
        )
    )

    assert request == {"client_id": CLIENT, "events": [sent]}
    assert sent == {
        "name": "edx_course_enrollment_activated",
        "timestamp_micros": round(moment.timestamp() * 1e6),
        "params": {
            "engagement_time_msec": 1,
            "session_id": "1749482504",
            "event_name_full": "edx.course.enrollment.activated",
            "mode": "verified",
            "price_amount": 49.5,
            "price_paid": "true",
            "tags": '["a",1]',
            "course_id": "course-v1:X+Y+Z",
        },
    }


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("text", "text"),
        ("", ""),
        (7, 7),
        (-(2**63), -(2**63)),
        (2**63, str(2**63)),
        (10**30, "1" + "0" * 30),
        (1.5, 1.5),
        (True, "true"),
        (False, "false"),
        ([], "[]"),
        (("a", {"b": 1}), '["a",{"b":1}]'),
        ({2, 1}, "[1,2]"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (b"bytes", "bytes"),
        ("half \ud800", "half \ufffd"),
    ],
)
def test_a_value_becomes_a_number_or_text(value, sent):
    """Google drops an event with any other value, without an error."""
    assert params({"it": value}) == {"it": sent}


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -float("inf"), {}])
def test_a_value_without_meaning_is_left_out(value):
    """The protocol has no null."""
    assert params({"it": value}) == {}


@pytest.mark.parametrize(
    ("key", "limit"),
    [("any", 100), ("page_title", 300), ("page_referrer", 420), ("page_location", 1000)],
)
def test_a_text_is_cut_at_the_limit_of_its_key(key, limit):
    """A text within the limit is not changed."""
    for length in (limit - 1, limit, limit + 1):
        assert params({key: "x" * length}) == {key: "x" * min(length, limit)}


def test_the_keys_of_nested_values_are_joined():
    """Google accepts no nested objects."""
    data = {"a": {"b": {"c": 1}, "d.e": 2}, "f": MappingProxyType({"g": 3}), 7: 4}

    assert params(data) == {"a_b_c": 1, "a_d_e": 2, "f_g": 3, "p_7": 4}


def test_the_first_of_two_values_with_the_same_name_is_sent():
    """The data has priority over the context."""
    assert params({"a": {"b": 1}, "a_b": 2, "org_id": "data"}, org_id="context") == {
        "a_b": 1,
        "org_id": "data",
    }


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("firebase_conversion", "x_firebase_conversion"),
        ("ga_thing", "x_ga_thing"),
        ("google.thing", "x_google_thing"),
        ("_thing", "thing"),
        ("event_name_full", "x_event_name_full"),
        ("pseudonymous_client", "x_pseudonymous_client"),
        ("debug_mode", "x_debug_mode"),
    ],
)
def test_a_reserved_key_is_renamed(key, sent):
    """The data of an event cannot imitate the parameters that the library sets."""
    assert params({key: "v"}) == {sent: "v"}


@pytest.mark.parametrize("count", [24, 25, 26])
def test_no_event_has_more_than_25_parameters(count, caplog):
    """Those in `params` are kept, and the others are logged."""
    data = {f"key_{number}": number for number in range(count - 2)}
    found = params(data, options={"params": ["key_23", "key_22"]})

    assert len(found) == min(count, 25) - 2
    assert ("left out: key_21." in caplog.text) == (count > 25)
    assert ("key_23" in found) == (count > 25)


def test_the_parameters_in_the_option_params_come_first():
    """By default, the course."""
    data = {f"answer_{number}": number for number in range(100)}

    found = params(data, course_id="c", org_id="o")

    assert [*found][:3] == ["course_id", "org_id", "answer_0"]
    assert len(found) == 23


def test_parameters_that_are_left_out_are_logged_once(caplog):
    """Not for every event."""
    one = destination()
    for _ in range(5):
        one.encode(event(data={f"key_{number}": number for number in range(100)}))

    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "key",
    ["email", "user_email", "userEmail", "username", "user_id", "ip", "first_name", "session"],
)
def test_personal_data_is_not_sent(key):
    """Google forbids it."""
    assert params({key: "ana", "user": {"name": "ana"}, "mode": "audit"}) == {"mode": "audit"}


def test_a_parameter_in_the_option_params_is_always_sent():
    """Even if it looks like personal data: the operator decides."""
    assert params({"login_ip": "internal"}, options={"params": ["login_ip"]}) == {
        "login_ip": "internal"
    }


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("write to ana@example.com", "write to [redacted]"),
        ("/find?who=ana%40example.com", "/find?who=[redacted]"),
        ("x" * 95 + " ana@example.com", ("x" * 95 + " [redacted]")[:100]),
        ("block-v1:edX+DemoX+type@asset+block@image.png",) * 2,
    ],
)
def test_an_email_address_in_a_text_is_replaced(text, sent):
    """Even if it extends across the limit."""
    assert params({"it": text}) == {"it": sent}


def test_only_the_named_fields_of_the_context_are_sent():
    """It holds addresses and names of users."""
    context = {"username": "ana", "ip": "203.0.113.9", "agent": "Mozilla", "session": "s"}
    options = {"context_fields": ["plan", "course"]}

    assert params(**context) == {}
    assert params(options=options, **context, plan="pro", course={"id": "c", "org": None}) == {
        "plan": "pro",
        "course_id": "c",
    }


def test_a_page_view_has_the_location_of_the_page():
    """From its data, or else from the facts of the request."""
    request = {"host": "shop.example", "path": "/cart", "referer": "https://shop.example/"}
    shown = {"page_title": "Cart", "page_location": "https://a.example/b", "referrer": "r"}

    assert params(name="page_view", **request) == {
        "page_location": "https://shop.example/cart",
        "page_referrer": "https://shop.example/",
    }
    assert params(shown, name="page_view", **request) == {
        "page_location": "https://a.example/b",
        "page_title": "Cart",
        "page_referrer": "r",
    }
    assert params(name="page_view", page="https://c.example/", **request)["page_location"] == (
        "https://c.example/"
    )
    assert params(name="page.seen", **request) == {}
    mapped = params(name="page.seen", options={"names": {"page.seen": "page_view"}}, **request)
    assert mapped == params(name="page_view", **request)


@pytest.mark.parametrize("referrer", ["", None])
def test_a_direct_visit_has_no_referrer(referrer):
    """The page reported it. The referrer of the request may be the page itself."""
    request = {"page": "https://shop.example/cart", "referer": "https://shop.example/cart"}
    shown = {"title": "Cart", "url": "https://shop.example/cart", "referrer": referrer}

    assert params(shown, name="page_view", **request) == {
        "page_location": "https://shop.example/cart",
        "page_title": "Cart",
    }


def test_the_fields_of_a_page_are_not_sent_twice():
    """That would take two of the 25 parameters. A field with another value is kept."""
    shown = {"page_title": "Cart", "title": "a title", "referer": "r", "url": "u", "page_url": "p"}

    assert params(shown, name="page_view") == {
        "page_location": "u",
        "page_title": "Cart",
        "page_referrer": "r",
        "title": "a title",
        "page_url": "p",
    }
    assert params({"title": 5, "url": "u"}, name="page.seen") == {"title": 5, "url": "u"}


def test_the_request_of_a_browser_event_does_not_describe_the_page():
    """Its path is that of the collector, and its referrer is the page."""
    request = {"host": "shop.example", "path": "/event", "referer": "https://shop.example/cart"}

    assert params(name="page_view", event_source="browser", **request) == {}
    assert params(name="page_view", event_source="browser", page="p", **request) == {
        "page_location": "p"
    }


def test_the_items_of_a_purchase_are_a_list_of_objects():
    """Of short texts and numbers, without personal data."""
    purchased = [
        {"item_id": "c1", "price": 49.5, "quantity": 1, "is new": True, "size": None},
        MappingProxyType({"item_name": "n" * 101, "buyer_email": "ana", "tags": ["a"], 7: "seven"}),
    ]
    sent = [
        {"item_id": "c1", "price": 49.5, "quantity": 1, "is_new": "true"},
        {"item_name": "n" * 100, "tags": '["a"]', "p_7": "seven"},
    ]

    for items in (purchased, tuple(purchased)):
        assert params({"items": items, "value": 49.5}) == {"items": sent, "value": 49.5}


@pytest.mark.parametrize(
    ("items", "sent"),
    [
        (3, 3),
        ("two", "two"),
        ([], "[]"),
        ([7], "[7]"),
        ([{"sku": 7}], '[{"sku":7}]'),
        ([{"item_id": 7}, {"sku": 7}], '[{"item_id":7},{"sku":7}]'),
        ([{"item_id": None, "item_name": ""}], '[{"item_id":null,"item_name":""}]'),
    ],
)
def test_invalid_items_are_sent_under_another_name(items, sent, caplog):
    """Google would drop the event. If they are a list, that is logged once."""
    one = destination()
    for _ in range(3):
        payload = one.encode(event(data={"items": items}))
        assert json.loads(payload)["events"][0]["params"]["x_items"] == sent
        assert faults(payload) == ()
    is_list = isinstance(items, list) and bool(items)

    assert [record.getMessage()[:35] for record in caplog.records] == (
        ["Google Analytics accepts items only"] if is_list else []
    )


def test_items_are_within_the_limits():
    """200 items, with ten custom parameters in each."""
    custom = {f"own_{number}": number for number in range(20)}
    found = params({"items": [{**custom, "item_id": number} for number in range(1, 301)]})

    assert len(found["items"]) == 200
    assert found["items"][-1] == {
        **{f"own_{number}": number for number in range(10)},
        "item_id": 200,
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [(1749482504, "1749482504"), ("12", "12"), ("", None), ("a", None), (None, None)],
)
def test_the_session_is_digits_or_left_out(given, sent):
    """Google accepts digits only."""
    assert params(ga_session_id=given).get("session_id") == sent


@pytest.mark.parametrize(("given", "sent"), [(2500, 2500), (0, 1), (-1, 1), ("9", 1), (True, 1)])
def test_an_event_counts_as_engagement(given, sent):
    """Google counts a user as active only if this time is above zero."""
    _, one = encoded(event(data={"engagement_time_msec": given}))

    assert one["params"]["engagement_time_msec"] == sent


def test_the_full_name_of_an_event_is_sent():
    """Up to a hundred characters of it."""
    _, one = encoded(event("n" * 101))

    assert one["params"]["event_name_full"] == "n" * 100


@pytest.mark.parametrize("client_id", [None, "", "with space", "x" * 101, 7, "line\nbreak"])
def test_a_user_without_a_client_gets_a_pseudonym(client_id):
    """It is always the same, marked as one, and cannot be traced without the secret."""
    (request, one), (again, _) = (encoded(event(client_id=client_id, user_id=7)) for _ in range(2))

    assert re.fullmatch(r"[0-9]+\.[0-9]+", request["client_id"])
    assert one["params"]["pseudonymous_client"] == "true"
    assert again["client_id"] == request["client_id"]
    other_user, _ = encoded(event(client_id=client_id, user_id=8))
    other_secret, _ = encoded(event(client_id=client_id, user_id=7), pseudonym_secret="other")
    assert len({each["client_id"] for each in (request, other_user, other_secret)}) == 3


BROWSER_CLIENT = {"page_context": {"eventtracking": {"anonymous_id": "7"}}}


@pytest.mark.parametrize(
    "known", [BROWSER_CLIENT, {"anonymous_id": "7"}, {"anonymous_id": UUID(int=7)}]
)
def test_a_visitor_without_a_user_id_gets_a_pseudonym_from_the_anonymous_id(known):
    """It is always the same, and differs from any user's. The user id has priority."""
    (request, one), (again, _) = (encoded(event(client_id=None, **known)) for _ in range(2))
    user, _ = encoded(event(client_id=None, user_id="7", **known))
    same_user, _ = encoded(event(client_id=None, user_id="7"))
    browser, _ = encoded(event(**known))

    assert re.fullmatch(r"[0-9]+\.[0-9]+", request["client_id"])
    assert one["params"]["pseudonymous_client"] == "true"
    assert again["client_id"] == request["client_id"]
    assert user["client_id"] == same_user["client_id"] != request["client_id"]
    assert browser["client_id"] == CLIENT


@pytest.mark.parametrize(
    "page", [None, "text", {"eventtracking": 7}, {"eventtracking": {"anonymous_id": ["x"]}}]
)
def test_a_page_context_without_an_anonymous_id_gives_no_identity(page):
    """It can hold any other value."""
    with pytest.raises(EventLost, match="no identity"):
        destination().encode(event(client_id=None, page_context=page, anonymous_id=""))


@pytest.mark.parametrize("user_id", [None, ""])
def test_an_event_without_an_identity_is_rejected(user_id):
    """A random identity would be counted as a visitor."""
    with pytest.raises(EventLost, match="no identity") as lost:
        destination().encode(event(client_id=None, user_id=user_id))

    assert lost.value.reason == "rejected"


def test_the_id_of_the_user_is_sent_only_if_the_option_is_set():
    """As a pseudonym or plain. An id that is too long becomes a pseudonym."""
    one = event(user_id=7)
    plain, _ = encoded(one, user_id="plain")
    pseudonym, _ = encoded(one, user_id="pseudonym")
    long, _ = encoded(event(user_id="x" * 257), user_id="plain")
    limit, _ = encoded(event(user_id="x" * 256), user_id="plain")

    assert "user_id" not in encoded(one)[0]
    assert plain["user_id"] == "7"
    assert re.fullmatch("[0-9a-f]{32}", pseudonym["user_id"])
    assert re.fullmatch("[0-9a-f]{32}", long["user_id"])
    assert limit["user_id"] == "x" * 256


def test_user_properties_come_from_the_context():
    """Only the named fields, within Google's limits."""
    options = {"user_properties": ["plan", "is_staff", "level", "gone"]}
    request, _ = encoded(event(plan="p" * 37, is_staff=True, level=3, gone=None), **options)

    assert request["user_properties"] == {
        "plan": {"value": "p" * 36},
        "is_staff": {"value": "true"},
        "level": {"value": 3},
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, {"ad_user_data": "DENIED"}),
        ({"ad_personalization": False}, {"ad_user_data": "DENIED", "ad_personalization": "DENIED"}),
        ({"ad_user_data": "GRANTED"}, {"ad_user_data": "GRANTED"}),
        ({"ad_user_data": "perhaps", "other": "GRANTED"}, {"ad_user_data": "DENIED"}),
        ("GRANTED", {"ad_user_data": "DENIED"}),
    ],
)
def test_the_consent_in_the_context_has_priority_over_the_option(given, sent):
    """An invalid value has no effect."""
    request, _ = encoded(event(consent=given), consent={"ad_user_data": "DENIED"})

    assert request["consent"] == sent


def test_an_event_of_more_than_72_hours_ago_is_expired():
    """Google would give it another time."""
    now = datetime.now(UTC)
    destination().encode(event(timestamp=now - timedelta(hours=71, minutes=59)))

    with pytest.raises(EventLost) as lost:
        destination().encode(event(timestamp=now - timedelta(hours=72, seconds=1)))

    assert lost.value.reason == "expired"


@pytest.mark.parametrize(
    "timestamp",
    [
        datetime.now(UTC) + timedelta(hours=3),
        "not a date",
        7,
        datetime.max,  # noqa: DTZ901  # naive, and out of range in some time zones
    ],
)
def test_an_invalid_time_is_replaced_by_the_current_time(timestamp):
    """An event with a wrong clock is not lost."""
    before = time.time()
    micros = encoded(event(timestamp=timestamp))[1]["timestamp_micros"]

    assert before * 1e6 - 1 <= micros <= time.time() * 1e6 + 1


def test_a_time_may_be_text_or_in_another_time_zone():
    """An event that was stored has text."""
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    expected = round(moment.timestamp()) * 1_000_000
    for form in (moment, moment.isoformat(), moment.replace(tzinfo=None), moment.astimezone()):
        assert encoded(event(timestamp=form))[1]["timestamp_micros"] == expected


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=300)
    | st.binary(max_size=20)
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=60) | st.integers(), inner, max_size=10)
    ),
    max_leaves=60,
)


@given(st.text(max_size=80), ANYTHING, ANYTHING)
def test_an_event_with_data_of_any_kind_has_a_valid_payload(name, data, extra):
    """The inspector checks every documented limit."""
    options = {"user_properties": ["extra"], "context_fields": ["extra"], "user_id": "plain"}
    payload = destination(**options).encode(event(name, data, extra=extra, user_id=7))

    assert faults(payload) == ()


@given(ANYTHING, st.lists(st.dictionaries(st.text(max_size=60), ANYTHING, max_size=10), max_size=5))
def test_an_event_with_items_of_any_kind_has_a_valid_payload(items, objects):
    """Items that Google would not accept have another name."""
    one = destination()
    for each in (items, [{"item_id": "i", **each} for each in objects]):
        assert faults(one.encode(event("purchase", {"items": each}))) == ()


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_event_with_objects_that_json_cannot_hold_has_a_valid_payload(name):
    """Locks, cycles, objects whose `str()` raises."""
    data = unusual_values()[name]
    options = {"user_properties": ["extra"], "context_fields": ["extra"], "user_id": "plain"}
    payload = destination(**options).encode(event(data=data, extra=data, user_id=data))

    assert faults(payload) == ()
    assert len(payload) < 20_000


@pytest.mark.parametrize("context", [None, [], "text", MappingProxyType({"client_id": CLIENT})])
def test_a_context_may_be_any_mapping(context):
    """Without a mapping, the event is lost. No other exception is raised."""
    one = {**event(), "context": context}
    try:
        request = json.loads(destination().encode(one))
    except EventLost:
        assert not isinstance(context, MappingProxyType)
    else:
        assert request["client_id"] == CLIENT


@pytest.mark.parametrize("name", [None, 7, ["a"]])
def test_a_name_that_is_not_text_becomes_text(name):
    """A tracker accepts any object as a name."""
    _, one = encoded(event(name))

    assert one["params"]["event_name_full"] == str(name)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"params": "course_id"}, "params must be a list, got 'course_id'"),
        ({"params": ["a.b"]}, "got 'a.b'. Write 'a_b'"),
        ({"context_fields": [7]}, "context_fields[0] must be text that is not empty, got 7"),
        ({"user_properties": ["x" * 25]}, f"not a reserved name, got '{'x' * 25}'"),
        ({"user_properties": ["user_id"]}, "got 'user_id'"),
        ({"user_properties": ["ga_x"]}, "got 'ga_x'"),
        (
            {"user_properties": [f"p{number}" for number in range(26)]},
            "user_properties must be at most 25 names, got 26",
        ),
        ({"user_id": "on"}, "user_id must be one of 'off', 'pseudonym', 'plain', got 'on'"),
        ({"consent": {"ads": "GRANTED"}}, "consent must be a mapping of ad_user_data or ad_"),
        ({"consent": {"ad_user_data": "yes"}}, "got {'ad_user_data': 'yes'}"),
        ({"consent": ["GRANTED"]}, "consent must be a mapping of"),
        ({"validate": "yes"}, "validate must be true or false, got 'yes'"),
        ({"endpoint": "google"}, "endpoint must be"),
        ({"pseudonym_secret": ""}, "pseudonym_secret must be text that is not empty, or None"),
        ({"batch_events": 26}, "batch_events must be a whole number from 1 to 25, or None, got 26"),
        ({"batchevents": 2}, "GoogleAnalyticsBackend has no option 'batchevents'"),
    ],
)
def test_a_wrong_option_is_an_error_that_says_what_is_right(options, complaint):
    """When the backend is built, not for the first event."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(complaint)) as error:
        destination(**options)

    assert str(error.value).startswith("GoogleAnalyticsBackend")


def test_every_wrong_option_is_reported_in_the_same_error():
    """Its own and those of delivery, in the order of the signature."""
    options = {
        "timeout": 0, "validate": 1, "consent": 1, "pseudonym_secret": "", "user_id": "on",
        "user_properties": 1, "context_fields": 1, "params": 1, "names": 1, "endpoint": "nowhere",
    }  # fmt: skip
    with pytest.raises(ImproperlyConfigured) as error:
        GoogleAnalyticsBackend("", "", **options)

    assert [line.split(" must ")[0] for line in str(error.value).splitlines()] == [
        f"GoogleAnalyticsBackend: {option}"
        for option in ("measurement_id", "api_secret", *reversed(options))
    ]


def test_25_user_properties_with_names_at_the_limit_are_accepted():
    """The limit itself is allowed."""
    assert destination(user_properties=[f"p{number:023d}" for number in range(25)])


@pytest.mark.parametrize("measurement_id", ["", "UA-1234-5", "G-", "G-TEST&x=1", None, 7])
def test_a_wrong_measurement_id_is_an_error(measurement_id):
    """The id of a web stream begins with `G-`."""
    with pytest.raises(ImproperlyConfigured, match="measurement_id must be the id of a web stream"):
        GoogleAnalyticsBackend(measurement_id, "s" * 12)


@pytest.mark.parametrize("secret", ["", "  ", "two words", "a line\n", None, 7])
def test_the_error_of_a_wrong_api_secret_does_not_show_it(secret):
    """It says where to create one."""
    with pytest.raises(ImproperlyConfigured, match="Measurement Protocol API secrets") as error:
        GoogleAnalyticsBackend("G-TEST", secret)

    assert str(error.value).endswith(f", got a value of type {type(secret).__name__}")
