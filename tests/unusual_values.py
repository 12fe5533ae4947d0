"""Unusual values that an application may put into an event, on purpose or by accident."""

import io
import math
import sys
import threading
from unittest import mock

from core_fakes import nested


def never(*_):
    raise RuntimeError("this method must not be called")


class Hostile:
    __str__ = __repr__ = __eq__ = __len__ = __copy__ = __deepcopy__ = __reduce_ex__ = never
    __hash__ = object.__hash__


class Truthless(Hostile):
    __bool__ = never


class HostileList(list):
    __iter__ = __copy__ = __deepcopy__ = never


class HostileDict(dict):
    __iter__ = keys = items = __getitem__ = __copy__ = __deepcopy__ = never


class Array:
    """Like an array of numpy, it has no truth value."""

    def __bool__(self):
        raise ValueError("the truth of an array is ambiguous")

    def tolist(self):
        return [1, 2]


def cycle():
    value = {"list": []}
    value["list"].append(value)
    return value


def unusual_values():
    """Return new values for `data`, by description."""
    return {
        "lock": {"it": threading.Lock()},
        "generator": {"it": (n for n in range(3))},
        "open file": {"it": io.StringIO()},
        "module": {"it": sys},
        "mock": {"it": mock.Mock()},
        "cycle": cycle(),
        "a hundred thousand lists": {"it": nested(100_000)},
        "no text": {"it": Hostile(), "list": [Hostile()]},
        "no text as a key": {Hostile(): 1},
        "no truth": {"it": Truthless()},
        "no truth at the top": Truthless(),
        "array": {"it": Array()},
        "array at the top": Array(),
        "list that cannot be iterated": {"it": HostileList([1])},
        "dict that cannot be read": {"it": HostileDict(a=1)},
        "dict that cannot be read at the top": HostileDict(a=1),
        "surrogates": {"it": "\ud800", "\udfff": 1},
        "nan": {"it": math.nan},
        "huge number": {"it": 10**5000},
        "bytes": {"it": b"\xff"},
        "set": {"it": {1, "a", None}},
        "keys of several types": {1: 1, "1": 2, None: 3, (1, 2): 4},
        "separators": {"it": "\u2028\u0085\n"},
    }


UNUSUAL = sorted(unusual_values())
