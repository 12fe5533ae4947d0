"""Where contexts live: with the asyncio task, with the thread, or with the process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from eventtracking.types import Context


class ContextVarLocator:
    """
    Keep contexts with the thread, asyncio task or greenlet that entered them.

    A task, and a call through `asyncio.to_thread`, starts with the contexts of the
    code that started it and changes only its own. A new thread, and a call through a
    plain executor, starts with none.
    """

    def __init__(self) -> None:
        self._contexts = TaskContexts()

    def get(self) -> TaskContexts:
        """Return the contexts entered here, by name, in the order they were entered."""
        return self._contexts


class TaskContexts(MutableMapping[str, Context]):
    """
    The contexts of whichever task is asking, as a mapping to read and to change.

    What the context variable holds is never changed, only replaced: tasks that share
    it by inheritance cannot see each other's contexts.
    """

    def __init__(self) -> None:
        # One variable a locator, kept as long as any context that ever held it:
        # make few locators, not one a request.
        self.entered: ContextVar[Entered] = ContextVar("eventtracking", default=_NOTHING)

    def __getitem__(self, name: str) -> Context:
        return self.entered.get().contexts[name]

    def __setitem__(self, name: str, context: Context) -> None:
        self.entered.set(Entered({**self.entered.get().contexts, name: context}))

    def __delitem__(self, name: str) -> None:
        contexts = dict(self.entered.get().contexts)
        del contexts[name]
        self.entered.set(Entered(contexts))

    def __iter__(self) -> Iterator[str]:
        return iter(self.entered.get().contexts)

    def __len__(self) -> int:
        return len(self.entered.get().contexts)

    def __repr__(self) -> str:
        return f"<TaskContexts {self.entered.get().contexts!r}>"


class DefaultContextLocator:
    """
    Keep contexts with the locator: every thread and task sees the same ones.

    As in event-tracking. Right for a script with one thread, wrong for a server.
    """

    def __init__(self) -> None:
        self.context: OrderedDict[str, Context] = OrderedDict()

    def get(self) -> OrderedDict[str, Context]:
        """Return the contexts of the process."""
        return self.context


class ThreadLocalContextLocator:
    """
    Keep contexts with the thread: the tasks of an event loop share them.

    As in event-tracking. A child thread starts with none. Prefer `ContextVarLocator`.
    """

    def get(self) -> OrderedDict[str, Context]:
        """Return the contexts of this thread."""
        # Made at the first use, so that a gevent patch applied after the import counts;
        # by setdefault, which two first callers cannot both win.
        thread = vars(self).setdefault("_thread", threading.local())
        if not hasattr(thread, "contexts"):
            thread.contexts = OrderedDict()
        return thread.contexts  # type: ignore[no-any-return]  # threading.local knows no types


def merge(contexts: Mapping[str, Context]) -> dict[str, Any]:
    """Return all *contexts* in one new dict, later over earlier."""
    merged: dict[str, Any] = {}
    # Listed in one step: threads that share a locator may enter and leave meanwhile.
    for context in [*contexts.values()]:
        merged.update(context)
    return merged


class Entered:
    """The contexts entered at one moment, and their merger, made once for all events under them."""

    __slots__ = ("contexts", "merged")

    def __init__(self, contexts: dict[str, Context]) -> None:
        self.contexts = contexts
        self.merged = merge(contexts)


_NOTHING = Entered({})
