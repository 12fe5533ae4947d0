"""What an answer over HTTP, or the lack of one, means for a batch."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import NamedTuple

from eventtracking.delivery.destination import Ok, Outcome, Pause, Record, Reject, Retry, Split

# The first digit of a status.
_TAKEN, _ELSEWHERE, _REFUSED = 2, 3, 4

# Nothing is wrong with the events: the server asks for patience, and took none of them.
_PATIENCE = {408, 421, 425, 429}

# Nothing is wrong with the events: our key, the address, or the form of every request is.
_SETTINGS = {401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 426, 431, 451, 511}

# How much of what a server says is shown.
_MOST_CHARACTERS = 200

# Above it, a number of seconds is a time since the epoch.
_EPOCH = 1_000_000_000.0


class Answer(NamedTuple):
    """What a server answered. Keys of ours that it repeats are masked."""

    status: int
    headers: Mapping[str, str]
    """By name, in lower case."""

    body: bytes
    """At most the first 64 KiB."""


class NotSent(OSError):
    """Not a byte of the request went out: no address, refused, no TLS."""


class NoAnswer(OSError):
    """Something may have gone out, and no whole answer came back."""


def meaning(answer: Answer, *, now: float | None = None) -> Outcome:
    """
    Return what *answer* means to a destination that drops repeats.

    2xx is `Ok`. 408, 421, 425, 429 and 5xx are `Retry`, after what `Retry-After` or
    `X-RateLimit-Reset` asks for. 3xx and the statuses of wrong settings, such as 401, 403
    and 404, are `Pause`. All other 4xx, such as 400, 413 and 422, are `Split`.

    Args:
        answer: What the server said.
        now: Seconds since the epoch, to compare dates with; `None`: the clock's.
    """
    status, kind = answer.status, answer.status // 100
    if kind == _TAKEN:
        return Ok()
    if kind == _ELSEWHERE or status in _SETTINGS:
        return Pause(_reason(answer), status)
    if kind == _REFUSED and status not in _PATIENCE:
        return Split(_reason(answer), status)
    return Retry(_asked(answer, time.time() if now is None else now), _reason(answer))


def at_most_once(answer: Answer, batch: Sequence[Record], *, now: float | None = None) -> Outcome:
    """
    Return what *answer* to *batch* means to a destination that does not drop repeats.

    As `meaning`, but where a server may have taken the events before it failed, with a
    5xx for instance, they are rejected and not sent again.
    """
    outcome = meaning(answer, now=now)
    if isinstance(outcome, Retry) and answer.status not in _PATIENCE:
        return _given_up(batch, outcome.reason, answer.status)
    return outcome


def failure(error: OSError, batch: Sequence[Record], *, idempotent: bool) -> Outcome:
    """
    Return what it means for *batch* that `HttpClient.post` raised *error*.

    Args:
        error: `NotSent` or `NoAnswer`.
        batch: What was to be sent.
        idempotent: Whether the destination drops repeats.
    """
    if idempotent or isinstance(error, NotSent):
        return Retry(reason=str(error))
    return _given_up(batch, str(error))


def printable(text: str) -> str:
    """Return the beginning of *text* as one line that is harmless in a log."""
    shown = "".join(each if each.isprintable() else " " for each in text[:_MOST_CHARACTERS])
    return " ".join(shown.split())


def _given_up(batch: Sequence[Record], reason: str, status: int | None = None) -> Reject:
    ids = [record.id for record in batch]
    return Reject(ids, f"{reason}; it may have arrived, and is not sent twice", status)


def _reason(answer: Answer) -> str:
    """Return the status, and the beginning of what the server said about a 4xx."""
    said = ""
    if answer.status // 100 == _REFUSED:
        said = printable(answer.body[: 4 * _MOST_CHARACTERS].decode("utf-8", "replace"))
    return f"HTTP {answer.status}{': ' if said else ''}{said}"


def _asked(answer: Answer, now: float) -> float | None:
    """Return how many seconds the server asks to wait, if it does."""
    headers = answer.headers
    text = headers.get("retry-after", headers.get("x-ratelimit-reset", "")).strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text, re.ASCII):
        seconds = float(text)
        return max(0.0, seconds - now) if seconds > _EPOCH else seconds
    return _seconds_until_date(text, now)


def _seconds_until_date(text: str, now: float) -> float | None:
    # Here, for `email` is large.
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
        moment = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
