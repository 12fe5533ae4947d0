"""Backends and processors as small as they get, and a reader that forgives nothing."""

import json
import threading

from eventtracking.exceptions import EventEmissionExit


class Keeping:
    """Keeps what it is given, and makes no promises about it."""

    def __init__(self):
        self.events = []

    def send(self, event):
        self.events.append(event)


class Reading:
    """Only reads: notes the identity of each event, and a value of it when asked to."""

    read_only = True

    def __init__(self, read=id):
        self.read = read
        self.seen = []

    def send(self, event):
        self.seen.append(self.read(event))


class Raising:
    """Raises whatever it was told to."""

    def __init__(self, error):
        self.error = error
        self.calls = 0

    def send(self, event):
        self.calls += 1
        raise self.error


class Doing:
    """Does something with every event."""

    def __init__(self, act):
        self.send = act


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def drop(event):
    raise EventEmissionExit


def nothing(event):
    return None


def new_event(name="video.played", **parts):
    return {"name": name, "timestamp": "T", "data": {}, "context": {}, **parts}


def strictly(line):
    """Return what is on *line*: one line of JSON, as the standard says and no laxer."""
    text = line.decode()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    return json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)


def _distinct(pairs):
    keys = [key for key, _ in pairs]
    assert sorted(keys) == sorted(set(keys))
    return dict(pairs)


def _no_constant(word):
    raise AssertionError(f"{word} is no JSON")


def depth(value):
    """Return how many containers lie in one another, without recursion."""
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        item, above = waiting.pop()
        if isinstance(item, dict | list | tuple):
            deepest = max(deepest, above + 1)
            inside = item.values() if isinstance(item, dict) else item
            waiting += [(each, above + 1) for each in inside]
    return deepest


def nested(levels, innermost=0):
    """Return *innermost* in that many lists."""
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


def in_threads(functions, timeout=300):
    """Run every one of *functions* in a thread of its own, all at once; raise what one raised."""
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


def balance(books):
    """Return what a router or backend accepted, less everything that became of it."""
    return (
        books["accepted"]
        - books["sent"]
        - books["pending"]
        - books.get("filtered", 0)
        - sum(books["lost"].values())
    )
