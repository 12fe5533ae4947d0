"""Minimal backends and processors, a strict JSON parser, and helpers for threads and nesting."""

import json
import threading

from eventtracking.exceptions import EventEmissionExit


class RecordingBackend:
    """Keeps the events that it is given. It does not declare itself read-only."""

    def __init__(self):
        self.events = []

    def send(self, event):
        self.events.append(event)


class ReadOnlyBackend:
    """Records `read(event)` for each event; by default, the identity of the object."""

    read_only = True

    def __init__(self, read=id):
        self.read = read
        self.seen = []

    def send(self, event):
        self.seen.append(self.read(event))


class FailingBackend:
    """Raises *error* for every event. Its `send` also serves as a failing processor."""

    def __init__(self, error):
        self.error = error
        self.calls = 0

    def send(self, event):
        self.calls += 1
        raise self.error


class CallbackBackend:
    """Calls *callback* with every event."""

    def __init__(self, callback):
        self.send = callback


class Clock:
    """A clock that stands still until a test sets `now`."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def drop(event):
    """Drop the event, as a processor does."""
    raise EventEmissionExit


def keep(event):
    """Keep the event, as a processor that returns `None` does."""


def new_event(name="video.played", **fields):
    return {"name": name, "timestamp": "T", "data": {}, "context": {}, **fields}


def parse_strictly(line):
    """Return the value on *line*, which must be one line of JSON exactly as the standard says."""
    text = line.decode()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    return json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse_constant)


def _distinct(pairs):
    keys = [key for key, _ in pairs]
    assert sorted(keys) == sorted(set(keys))
    return dict(pairs)


def _refuse_constant(word):
    raise AssertionError(f"{word} is not valid JSON")


def depth(value):
    """Return the number of levels of containers in *value*, without recursion."""
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        item, above = waiting.pop()
        if isinstance(item, dict | list | tuple):
            deepest = max(deepest, above + 1)
            inside = item.values() if isinstance(item, dict) else item
            waiting += [(each, above + 1) for each in inside]
    return deepest


def nested(levels, innermost=0):
    """Return *innermost* inside *levels* nested lists."""
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


def in_threads(functions, timeout=300):
    """Run each of *functions* in its own thread, all at once; raise the first error."""
    errors = []
    start = threading.Barrier(len(functions))

    def run(function):
        try:
            start.wait(timeout)
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
    assert not any(thread.is_alive() for thread in threads)
    for error in errors:
        raise error


def balance(stats):
    """Return the accepted events minus those that were sent, wait, were filtered or lost."""
    return (
        stats["accepted"]
        - stats["sent"]
        - stats["pending"]
        - stats.get("filtered", 0)
        - sum(stats["lost"].values())
    )
