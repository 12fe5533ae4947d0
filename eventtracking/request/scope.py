"""The current request of a thread or task."""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import Self

from eventtracking.request.facts import RequestFacts

_scope: ContextVar[RequestScope | None] = ContextVar("eventtracking_request", default=None)


class RequestScope:
    """
    Makes *facts* those of the current request within a `with` block.

    A task or timer that the block starts knows the request until the block ends. After
    that it knows none: a worker that outlives the request that started it must not
    attribute later events to that request. To hand a request to a thread, enter another
    scope with the same facts there.

    Set *stays_open* within the block if the scope is entered again later, for example to
    stream the response body. Clear it before the last block.
    """

    __slots__ = ("facts", "outer", "stays_open")

    def __init__(self, facts: RequestFacts) -> None:
        self.facts: RequestFacts | None = facts
        self.stays_open = False
        self.outer: RequestScope | None = None

    def __enter__(self) -> Self:
        current = _scope.get()
        if current is not self:
            self.outer = _innermost_open(current)
            _scope.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.stays_open:
            self.facts = None
        # A token cannot be used: a server may close the body in another context.
        if _scope.get() is self:
            _scope.set(self.outer)


def current_request() -> RequestFacts | None:
    """Return the facts about the request that is being served here, or `None`."""
    scope = _scope.get()
    if scope is not None and scope.facts is None:
        scope = _innermost_open(scope)
    return None if scope is None else scope.facts


def _innermost_open(scope: RequestScope | None) -> RequestScope | None:
    """Return *scope*, or the innermost scope around it that has not ended."""
    while scope is not None and scope.facts is None:
        scope = scope.outer
    return scope
