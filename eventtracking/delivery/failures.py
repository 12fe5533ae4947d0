"""The outcome of a batch whose delivery failed with an exception."""

from __future__ import annotations

from collections.abc import Sequence

from eventtracking.delivery.destination import Outcome, Record, Reject, Retry, Split


class NotSent(OSError):
    """Not a byte of the request went out: the host has no address, refused, or failed at TLS."""


class NoResponse(OSError):
    """Some of the request may have gone out, and no complete response came back."""


def failure(error: Exception, batch: Sequence[Record], *, idempotent: bool) -> Outcome:
    """
    Return the outcome of *batch*, whose delivery raised *error*.

    The worker applies this rule to every exception of `Destination.deliver`.

    - `NotSent` is a `Retry`.
    - For a destination that drops repeats, any other `OSError` is a `Retry` as well. Other
      exceptions are a `Split`, which isolates an event that cannot be sent.
    - For a destination that does not, everything else is a `Reject`: the events may have
      arrived.

    Args:
        error: The exception, such as one of `HttpClient.post`.
        batch: The events that were to be sent.
        idempotent: Whether the destination drops repeats.
    """
    is_ours = isinstance(error, NotSent | NoResponse)
    reason = str(error) if is_ours else f"{type(error).__name__}: {error}"
    if isinstance(error, NotSent):
        return Retry(reason=reason)
    if not idempotent:
        return may_have_arrived(batch, reason)
    return Retry(reason=reason) if isinstance(error, OSError) else Split(reason)


def may_have_arrived(batch: Sequence[Record], reason: str, status: int | None = None) -> Reject:
    """Return the outcome of *batch* if it may have arrived and must not be sent twice."""
    ids = [record.id for record in batch]
    return Reject(ids, f"{reason}; it may have arrived, and is not sent twice", status)
