"""The meaning of an HTTP response for the batch that was sent."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import NamedTuple

from eventtracking.delivery.destination import Ok, Outcome, Pause, Record, Retry, Split
from eventtracking.delivery.failures import may_have_arrived

# The first digit of a status.
_SUCCESS, _REDIRECTION, _CLIENT_ERROR = 2, 3, 4

# The events are fine, and the server took none of them: it asks to try again later.
_TRY_LATER = {408, 421, 425, 429}

# The events are fine: the key, the address or the form of every request is wrong.
_WRONG_SETTINGS = {401, 402, 403, 404, 405, 406, 407, 410, 411, 415, 426, 431, 451, 511}

# The length of the server's explanation in a log message.
_MAX_CHARACTERS = 200

# A number of seconds above this is a time since the epoch.
_EPOCH = 1_000_000_000.0


class Response(NamedTuple):
    """The response of a server. Secrets of the request that it repeats are masked."""

    status: int
    headers: Mapping[str, str]
    """By name, in lower case."""

    body: bytes
    """The first 64 KiB."""


def outcome_of(response: Response, *, now: float | None = None) -> Outcome:
    """
    Return the outcome that *response* means for a destination that drops repeats.

    2xx is `Ok`. 408, 421, 425, 429 and 5xx are `Retry`, after the time that `Retry-After` or
    `X-RateLimit-Reset` asks for. 3xx and the statuses of wrong settings, such as 401, 403
    and 404, are `Pause`. All other 4xx, such as 400, 413 and 422, are `Split`.

    Args:
        response: The server's response.
        now: Seconds since the epoch, to compare dates with. `None`: the system clock.
    """
    status, kind = response.status, response.status // 100
    if kind == _SUCCESS:
        return Ok()
    if kind == _REDIRECTION or status in _WRONG_SETTINGS:
        return Pause(_reason(response), status)
    if kind == _CLIENT_ERROR and status not in _TRY_LATER:
        return Split(_reason(response), status)
    return Retry(_requested_delay(response, time.time() if now is None else now), _reason(response))


def at_most_once(
    response: Response, batch: Sequence[Record], *, now: float | None = None
) -> Outcome:
    """
    Return the outcome that *response* to *batch* means for a destination that keeps repeats.

    Like `meaning`, but if the server may have taken the events before it failed, as with a
    5xx, they are rejected and not sent again.
    """
    outcome = outcome_of(response, now=now)
    if isinstance(outcome, Retry) and response.status not in _TRY_LATER:
        return may_have_arrived(batch, outcome.reason, response.status)
    return outcome


def printable(text: str) -> str:
    """Return the beginning of *text* as one line that is harmless in a log."""
    shown = "".join(char if char.isprintable() else " " for char in text[:_MAX_CHARACTERS])
    return " ".join(shown.split())


def _reason(response: Response) -> str:
    """Return the status, and for a 4xx the beginning of the server's explanation."""
    explanation = ""
    if response.status // 100 == _CLIENT_ERROR:
        explanation = printable(response.body[: 4 * _MAX_CHARACTERS].decode("utf-8", "replace"))
    return f"HTTP {response.status}{': ' if explanation else ''}{explanation}"


def _requested_delay(response: Response, now: float) -> float | None:
    """Return the seconds that the server asks to wait; `None` if it does not say."""
    headers = response.headers
    text = headers.get("retry-after", headers.get("x-ratelimit-reset", "")).strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text, re.ASCII):
        seconds = float(text)
        return max(0.0, seconds - now) if seconds > _EPOCH else seconds
    return _seconds_until_date(text, now)


def _seconds_until_date(text: str, now: float) -> float | None:
    # Imported here because `email` is large.
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
        moment = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, moment.timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
