"""What an answer over HTTP means for a batch."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.delivery import (
    Answer,
    NoAnswer,
    NotSent,
    Ok,
    Pause,
    Record,
    Reject,
    Retry,
    Split,
    at_most_once,
    failure,
    meaning,
)
from eventtracking.delivery.http.outcomes import printable

NOW = 1_800_000_000.0

BATCH = [Record(f"id-{number}", NOW, "page.viewed", b"{}") for number in range(3)]

KINDS = {
    Ok: [200, 201, 202, 204, 206],
    Pause: [*range(300, 309), *range(401, 408), 410, 411, 415, 426, 431, 451, 511],
    Split: [400, 409, 412, 413, 414, 418, 422, 499],
    Retry: [100, 101, 408, 421, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599, 600, 999],
}


def answer(status, body=b"", **headers):
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, body)


@pytest.mark.parametrize(
    ("status", "kind"), [(status, kind) for kind, group in KINDS.items() for status in group]
)
def test_a_status_has_one_meaning(status, kind):
    """The table that operators find in the documents."""
    assert isinstance(meaning(answer(status)), kind)


@given(st.integers(0, 10_000), st.binary(max_size=300), st.text(max_size=30))
def test_any_answer_means_something_and_never_raises(status, body, asked):
    """A server may say anything."""
    outcome = meaning(answer(status, body, retry_after=asked), now=NOW)

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
def test_a_server_says_in_seconds_or_by_a_date_when_to_come_back(text, seconds):
    """What is neither counts as not said."""
    outcome = meaning(answer(429, retry_after=text), now=NOW)

    assert outcome == Retry(seconds, "HTTP 429")


@pytest.mark.parametrize(("text", "seconds"), [("30", 30.0), (str(int(NOW) + 40), 40.0)])
def test_a_rate_limit_that_names_its_end_is_waited_for(text, seconds):
    """As seconds, which Datadog means, or as a time since the epoch."""
    outcome = meaning(answer(429, x_ratelimit_reset=text), now=NOW)

    assert outcome == Retry(seconds, "HTTP 429")


def test_retry_after_counts_for_more_than_the_rate_limit():
    """It is the one that HTTP defines."""
    outcome = meaning(answer(503, retry_after="3", x_ratelimit_reset="30"))

    assert outcome == Retry(3.0, "HTTP 503")


def test_what_a_server_says_about_a_refusal_is_shown_as_one_short_harmless_line():
    """Whoever reads the log reads why, and no terminal obeys it."""
    body = b'{"message":\x1b[31m\r\n"not\x00valid \xc3\xa9\xff"}' + b"x" * 5000
    outcome = meaning(answer(400, body))

    assert outcome.reason.startswith('HTTP 400: {"message": [31m "not valid é\ufffd"}xxx')
    assert outcome.reason.isprintable()
    assert len(outcome.reason) <= len("HTTP 400: ") + 200


def test_the_page_that_a_failing_server_shows_stays_out_of_the_log():
    """A 5xx says nothing about the events."""
    assert meaning(answer(503, b"<html>")).reason == "HTTP 503"


@given(st.text())
def test_what_is_printable_is_one_line(text):
    """Whatever it was before."""
    shown = printable(text)

    assert shown.isprintable()
    assert len(shown) <= 200


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 101])
def test_without_repeats_what_a_failing_server_may_have_taken_is_not_sent_twice(status):
    """It is a loss that is counted, and better than one that is counted twice elsewhere."""
    outcome = at_most_once(answer(status), BATCH)

    assert isinstance(outcome, Reject)
    assert [*outcome.ids] == ["id-0", "id-1", "id-2"]
    assert outcome.status == status
    assert "it may have arrived" in outcome.reason


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 408, 413, 425, 429])
def test_without_repeats_a_clear_answer_means_what_it_always_means(status):
    """Nothing was taken, or everything."""
    assert at_most_once(answer(status), BATCH) == meaning(answer(status))


def test_what_was_not_sent_is_sent_again_to_anyone():
    """Not a byte went out."""
    for idempotent in (True, False):
        outcome = failure(NotSent("refused"), BATCH, idempotent=idempotent)

        assert outcome == Retry(reason="refused")


def test_what_got_no_answer_is_sent_again_only_to_whoever_drops_repeats():
    """Anyone else may have it already."""
    again = failure(NoAnswer("reset"), BATCH, idempotent=True)
    never = failure(NoAnswer("reset"), BATCH, idempotent=False)

    assert again == Retry(reason="reset")
    assert isinstance(never, Reject)
    assert {*never.ids} == {record.id for record in BATCH}
