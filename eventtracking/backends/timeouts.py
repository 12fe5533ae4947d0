"""Call `flush` and `close` of any backend, with or without a timeout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def call_within(method: Callable[..., Any], seconds: float | None) -> Any:
    """Call *method* with a timeout of *seconds*, if it takes an argument."""
    # Imported here: it is large, and needed only when backends are flushed or closed.
    from inspect import signature

    try:
        signature(method).bind(seconds)
    except TypeError:
        return method()
    except ValueError:
        # Some callables written in C have no signature. `close(timeout)` is the protocol.
        pass
    return method(seconds)
