"""Copies of events: nothing that anyone does to one shows in another."""

import copy
import threading
from collections import OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, datetime
from pathlib import Path

import pytest
from core_fakes import depth, in_threads, nested
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.event import CYCLE, MAX_DEPTH, TOO_DEEP, copy_event, copy_value

Point = namedtuple("Point", "x y")  # noqa: PYI024 - the old kind has to work as well

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | st.lists(inner).map(deque)
    ),
    max_leaves=20,
)


def containers(value):
    """Yield every container in *value*."""
    if isinstance(value, dict | list | tuple | deque):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


def never(*_):
    raise RuntimeError("nobody may ask")


class Guarded(list):
    __iter__ = __len__ = __bool__ = __eq__ = __reduce_ex__ = __copy__ = __deepcopy__ = never
    __hash__ = None


class GuardedDict(dict):
    __iter__ = items = keys = values = __getitem__ = __len__ = __copy__ = __deepcopy__ = never


class GuardedTuple(tuple):
    __slots__ = ()
    __iter__ = __len__ = __getitem__ = __copy__ = __deepcopy__ = never


class Untouchable:
    __str__ = __repr__ = __bool__ = __eq__ = __copy__ = __deepcopy__ = __reduce_ex__ = never
    __hash__ = None

    @property
    def __class__(self):
        raise RuntimeError("a lazy object would wake its query")


@given(PLAIN)
def test_a_copy_is_equal(value):
    """Whatever it is made of."""
    assert copy_value(value) == value


@given(PLAIN)
def test_a_copy_shares_no_container_that_can_be_changed(value):
    """At no depth."""
    originals = {id(each) for each in containers(value) if not isinstance(each, tuple)}
    copies = {id(each) for each in containers(copy_value(value))}

    assert originals & copies == set()


def test_leaves_are_shared():
    """What nobody can spoil is not worth a copy, and what cannot be copied is not tried."""
    leaves = [datetime.now(UTC), object(), threading.Lock(), (n for n in ()), frozenset({1})]
    copied = copy_value(leaves)

    assert all(mine is yours for mine, yours in zip(copied, leaves, strict=True))


def test_what_deepcopy_chokes_on_is_copied_around():
    """An open file or a lock somewhere inside is carried along."""
    with Path(__file__).open() as file:
        event = {"name": "a", "data": {"lock": threading.Lock(), "file": file, "list": [1]}}
        with pytest.raises(TypeError):
            copy.deepcopy(event)
        copied = copy_event(event)

    assert copied == event
    assert copied["data"]["list"] is not event["data"]["list"]


def test_a_generator_is_not_consumed():
    """It belongs to the caller."""
    numbers = iter(n for n in range(3))
    copy_value({"numbers": numbers})

    assert list(numbers) == [0, 1, 2]


def test_subclasses_of_containers_come_out_as_the_plain_kind():
    """Their methods are somebody else's code."""
    value = [OrderedDict(a=1), defaultdict(list, b=[2]), type("L", (list,), {})([3])]
    copied = copy_value(value)

    assert copied == [{"a": 1}, {"b": [2]}, [3]]
    assert [type(each) for each in copied] == [dict, dict, list]


def test_a_named_tuple_keeps_its_names():
    """And what is inside it is copied."""
    point = Point([1], {2})
    copied = copy_value(point)

    assert copied == point
    assert type(copied) is Point
    assert copied.x is not point.x
    assert copied.y is not point.y


def test_sets_byte_arrays_and_queues_are_copied():
    """A queue keeps its bound."""
    value = [{1, 2}, bytearray(b"ab"), deque([[1]], maxlen=3)]
    copied = copy_value(value)

    assert copied == value
    assert copied[2].maxlen == 3
    assert not any(mine is yours for mine, yours in zip(copied, value, strict=True))


@pytest.mark.parametrize("guarded", [Guarded([1]), GuardedTuple([1]), GuardedDict(a=1)])
def test_no_method_of_a_subclass_is_called(guarded):
    """A container is copied as it is stored, whatever its class makes of that."""
    assert next(containers(copy_value([guarded])[0])) in ([1], (1,), {"a": 1})


def test_a_hostile_object_is_not_even_looked_at():
    """Not its text, not its truth, not its `__class__`."""
    hostile = Untouchable()

    assert copy_value({"a": [hostile]})["a"][0] is hostile


@pytest.mark.parametrize("levels", [1, 50, MAX_DEPTH])
def test_nesting_up_to_the_limit_is_kept_whole(levels):
    """Real events are far from it."""
    assert copy_value(nested(levels)) == nested(levels)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 150, 1000, 100_000])
def test_deeper_nesting_is_cut_and_marked(levels):
    """However deep: nothing recurses that far."""
    copied = copy_value(nested(levels))

    assert copied == nested(MAX_DEPTH, TOO_DEEP)


def test_deep_dicts_and_tuples_are_cut_too():
    """Not only lists."""
    by_key, by_tuple = 0, 0
    for _ in range(1000):
        by_key, by_tuple = {"k": by_key}, (by_tuple,)

    assert depth(copy_value(by_key)) == MAX_DEPTH
    assert depth(copy_value(by_tuple)) == MAX_DEPTH


def test_what_holds_itself_is_marked_where_it_does():
    """A list in itself, a dict in its list, a queue in itself; the rest is kept."""
    cycle = {"name": "a", "items": [1]}
    cycle["items"] += [cycle, cycle["items"]]
    queue = deque([1])
    queue.append(queue)

    assert copy_value(cycle) == {"name": "a", "items": [1, CYCLE, CYCLE]}
    assert copy_value([queue]) == [[1, CYCLE]]


def test_the_same_list_twice_is_no_cycle():
    """Shared is not nested."""
    shared = [1]
    copied = copy_value({"a": shared, "b": shared})

    assert copied == {"a": [1], "b": [1]}


def test_the_original_is_left_as_it_was():
    """Even where the copy is cut."""
    cycle = [1]
    cycle.append(cycle)
    copy_value(cycle)

    assert cycle[1] is cycle
    assert len(cycle) == 2


def test_other_threads_may_change_what_is_copied():
    """Each container is taken in one step: no copy ever fails half-way."""
    shared = {f"k{n}": [n] for n in range(50)}
    items = list(range(50))
    event = {"data": shared, "items": items, "set": {*items}, "queue": deque(items)}
    done = threading.Event()

    def change():
        number = 0
        while not done.is_set():
            number += 1
            shared[f"new{number}"] = []
            shared.pop(f"new{number - 1}", None)
            for each in (items, event["queue"]):
                each.append(number)
                each.pop()
            event["set"].add(number)
            event["set"].discard(number)

    def copy_often():
        try:
            for _ in range(3000):
                assert set(copy_event(event)) == set(event)
        finally:
            done.set()

    in_threads([copy_often, change, change])
