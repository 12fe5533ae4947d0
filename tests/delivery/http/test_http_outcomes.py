"""The outcomes that HTTP responses and exceptions mean for a batch."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.delivery import (
    NoResponse,
    NotSent,
    Ok,
    Pause,
    Record,
    Reject,
    Response,
    Retry,
    Split,
    at_most_once,
    failure,
    outcome_of,
)
from eventtracking.delivery.http.outcomes import printable

NOW = 1_800_000_000.0

BATCH = [Record(f"id-{number}", NOW, "page.viewed", b"{}") for number in range(3)]

OUTCOMES = {
    Ok: [200, 201, 202, 204, 206],
    Pause: [*range(300, 309), *range(401, 408), 410, 411, 415, 426, 431, 451, 511],
    Split: [400, 409, 412, 413, 414, 418, 422, 499],
    Retry: [100, 101, 408, 421, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599, 600, 999],
}


def response(status, body=b"", **headers):
    return Response(status, {name.replace("_", "-"): text for name, text in headers.items()}, body)


@pytest.mark.parametrize(
    ("status", "kind"), [(status, kind) for kind, group in OUTCOMES.items() for status in group]
)
def test_a_status_has_one_meaning(status, kind):
    """As in the table of the documentation."""
    assert isinstance(outcome_of(response(status)), kind)


@given(st.integers(0, 10_000), st.binary(max_size=300), st.text(max_size=30))
def test_every_response_has_a_meaning(status, body, requested):
    """Whatever a server sends, no exception is raised."""
    outcome = outcome_of(response(status, body, retry_after=requested), now=NOW)

    assert isinstance(outcome, Ok | Pause | Split | Retry)
    assert isinstance(outcome, Ok) == (200 <= status <= 299)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC).replace(tzinfo=None)), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0.0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("1e9", None),
        ("9" * 5000, None),
        ("Fri, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(text, seconds):
    """Any other value is ignored."""
    outcome = outcome_of(response(429, retry_after=text), now=NOW)

    assert outcome == Retry(seconds, "HTTP 429")


@pytest.mark.parametrize(("text", "seconds"), [("30", 30.0), (str(int(NOW) + 40), 40.0)])
def test_the_end_of_a_rate_limit_is_read(text, seconds):
    """In seconds, as Datadog sends it, or as a time since the epoch."""
    outcome = outcome_of(response(429, x_ratelimit_reset=text), now=NOW)

    assert outcome == Retry(seconds, "HTTP 429")


def test_retry_after_has_precedence_over_the_rate_limit():
    """It is the header that HTTP defines."""
    outcome = outcome_of(response(503, retry_after="3", x_ratelimit_reset="30"))

    assert outcome == Retry(3.0, "HTTP 503")


def test_the_explanation_of_a_refusal_is_shortened_to_one_harmless_line():
    """It is shown in logs, and must not control a terminal."""
    body = b'{"message":\x1b[31m\r\n"not\x00valid \xc3\xa9\xff"}' + b"x" * 5000
    outcome = outcome_of(response(400, body))

    assert outcome.reason.startswith('HTTP 400: {"message": [31m "not valid é\ufffd"}xxx')
    assert outcome.reason.isprintable()
    assert len(outcome.reason) <= len("HTTP 400: ") + 200


def test_the_error_page_of_a_failing_server_is_not_shown():
    """A 5xx says nothing about the events."""
    assert outcome_of(response(503, b"<html>")).reason == "HTTP 503"


@given(st.text())
def test_printable_text_is_one_short_line(text):
    """Made of any text."""
    shown = printable(text)

    assert shown.isprintable()
    assert len(shown) <= 200


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 101])
def test_at_most_once_events_that_may_have_been_accepted_are_not_sent_twice(status):
    """A loss is counted here. A repeat would be counted twice at the destination."""
    outcome = at_most_once(response(status), BATCH)

    assert isinstance(outcome, Reject)
    assert [*outcome.ids] == ["id-0", "id-1", "id-2"]
    assert outcome.status == status
    assert "it may have arrived" in outcome.reason


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 408, 413, 425, 429])
def test_at_most_once_a_clear_response_has_its_usual_meaning(status):
    """Either all events were accepted, or none."""
    assert at_most_once(response(status), BATCH) == outcome_of(response(status))


def test_a_request_that_was_not_sent_is_repeated_for_every_destination():
    """Not a byte of it went out."""
    for idempotent in (True, False):
        outcome = failure(NotSent("refused"), BATCH, idempotent=idempotent)

        assert outcome == Retry(reason="refused")


def test_a_request_without_a_response_is_repeated_only_if_repeats_are_dropped():
    """It may have arrived."""
    again = failure(NoResponse("reset"), BATCH, idempotent=True)
    never = failure(NoResponse("reset"), BATCH, idempotent=False)

    assert again == Retry(reason="reset")
    assert isinstance(never, Reject)
    assert {*never.ids} == {record.id for record in BATCH}


@pytest.mark.parametrize(
    ("error", "idempotent", "expected"),
    [
        (ConnectionResetError("reset"), True, Retry(reason="ConnectionResetError: reset")),
        (ValueError("no id"), True, Split("ValueError: no id")),
        (
            ValueError("no id"),
            False,
            Reject(
                ["id-0", "id-1", "id-2"],
                "ValueError: no id; it may have arrived, and is not sent twice",
            ),
        ),
    ],
)
def test_any_other_exception_has_an_outcome(error, idempotent, expected):
    """A bad event is isolated by splits. At most once, the batch is given up."""
    assert failure(error, BATCH, idempotent=idempotent) == expected
