"""Keep the entered contexts per asyncio task, per thread, or per process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from eventtracking.types import Context


class ContextVarLocator:
    """
    Keep contexts per thread, asyncio task or greenlet.

    A task, and a call through `asyncio.to_thread`, starts with the contexts of the
    code that started it, and changes only its own. A new thread, and a call through a
    plain executor, starts without any.
    """

    def __init__(self) -> None:
        self._contexts = TaskContexts()

    def get(self) -> TaskContexts:
        """Return the contexts entered here, by name, in the order in which they were entered."""
        return self._contexts


class TaskContexts(MutableMapping[str, Context]):
    """
    The contexts of the current task, as a mapping to read and to change.

    The value of the context variable is never changed, only replaced. So tasks that
    inherited the same value cannot see each other's contexts.
    """

    def __init__(self) -> None:
        # One variable per locator. Python never frees it, so an application makes a few
        # locators, not one per request.
        self.entered: ContextVar[EnteredContexts] = ContextVar(
            "eventtracking", default=_NO_CONTEXTS
        )

    def __getitem__(self, name: str) -> Context:
        return self.entered.get().contexts[name]

    def __setitem__(self, name: str, context: Context) -> None:
        self.entered.set(EnteredContexts({**self.entered.get().contexts, name: context}))

    def __delitem__(self, name: str) -> None:
        contexts = dict(self.entered.get().contexts)
        del contexts[name]
        self.entered.set(EnteredContexts(contexts))

    def __iter__(self) -> Iterator[str]:
        return iter(self.entered.get().contexts)

    def __len__(self) -> int:
        return len(self.entered.get().contexts)

    def __repr__(self) -> str:
        return f"<TaskContexts {self.entered.get().contexts!r}>"


class DefaultContextLocator:
    """
    Keep contexts per locator: every thread and task sees the same ones.

    As in event-tracking. Right for a script with one thread, wrong for a server.
    """

    def __init__(self) -> None:
        self.context: OrderedDict[str, Context] = OrderedDict()

    def get(self) -> OrderedDict[str, Context]:
        """Return the contexts of the process."""
        return self.context


class ThreadLocalContextLocator:
    """
    Keep contexts per thread: the tasks of an event loop share them.

    As in event-tracking. A new thread starts without any. Prefer `ContextVarLocator`.
    """

    def get(self) -> OrderedDict[str, Context]:
        """Return the contexts of this thread."""
        # Made at the first use, after a possible gevent patch. Of two first callers,
        # `setdefault` lets one win.
        thread = vars(self).setdefault("_thread", threading.local())
        if not hasattr(thread, "contexts"):
            thread.contexts = OrderedDict()
        return thread.contexts  # type: ignore[no-any-return]  # threading.local knows no types


def merge(contexts: Mapping[str, Context]) -> dict[str, Any]:
    """Return all *contexts* in one new dict; later ones win."""
    merged: dict[str, Any] = {}
    # Listed in one step: threads that share a locator may change the mapping meanwhile.
    for context in [*contexts.values()]:
        merged.update(context)
    return merged


class EnteredContexts:
    """The contexts entered at one moment, merged once for all events emitted under them."""

    __slots__ = ("contexts", "merged")

    def __init__(self, contexts: dict[str, Context]) -> None:
        self.contexts = contexts
        self.merged = merge(contexts)


_NO_CONTEXTS = EnteredContexts({})
