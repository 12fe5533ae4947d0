"""Call `flush` and `close` of objects that other people wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def call_within(method: Callable[..., Any], seconds: float | None) -> Any:
    """Call *method* with a time-out of so many *seconds*, if it takes an argument."""
    # Imported here: it is large, and needed once, at the end.
    from inspect import signature

    try:
        signature(method).bind(seconds)
    except TypeError:
        return method()
    except ValueError:
        # Some callables written in C do not tell. `close(timeout)` is the protocol.
        pass
    return method(seconds)
