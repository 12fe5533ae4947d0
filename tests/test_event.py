"""Copies of events: a change to one copy never shows in another."""

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

Point = namedtuple("Point", "x y")  # noqa: PYI024 - the untyped kind is supported too

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
    raise RuntimeError("this method must not be called")


class HostileList(list):
    __iter__ = __len__ = __bool__ = __eq__ = __reduce_ex__ = __copy__ = __deepcopy__ = never
    __hash__ = None


class HostileDict(dict):
    __iter__ = items = keys = values = __getitem__ = __len__ = __copy__ = __deepcopy__ = never


class HostileTuple(tuple):
    __slots__ = ()
    __iter__ = __len__ = __getitem__ = __copy__ = __deepcopy__ = never


class HostileObject:
    __str__ = __repr__ = __bool__ = __eq__ = __copy__ = __deepcopy__ = __reduce_ex__ = never
    __hash__ = None

    @property
    def __class__(self):
        raise RuntimeError("a lazy object would run its database query")


@given(PLAIN)
def test_a_copy_equals_its_original(value):
    """Values of any type, nested in any way, are copied."""
    assert copy_value(value) == value


@given(PLAIN)
def test_a_copy_shares_no_mutable_container(value):
    """Containers are new at every depth."""
    originals = {id(each) for each in containers(value) if not isinstance(each, tuple)}
    copies = {id(each) for each in containers(copy_value(value))}

    assert originals & copies == set()


def test_leaves_are_shared():
    """An immutable value needs no copy, and an object such as a lock cannot be copied."""
    leaves = [datetime.now(UTC), object(), threading.Lock(), (n for n in ()), frozenset({1})]
    copied = copy_value(leaves)

    assert all(copy is leaf for copy, leaf in zip(copied, leaves, strict=True))


def test_values_that_deepcopy_refuses_are_shared():
    """An event may hold an open file or a lock; everything around it is copied."""
    with Path(__file__).open() as file:
        event = {"name": "a", "data": {"lock": threading.Lock(), "file": file, "list": [1]}}
        with pytest.raises(TypeError):
            copy.deepcopy(event)
        copied = copy_event(event)

    assert copied == event
    assert copied["data"]["list"] is not event["data"]["list"]


def test_a_generator_is_not_consumed():
    """The generator belongs to the caller."""
    numbers = iter(n for n in range(3))
    copy_value({"numbers": numbers})

    assert list(numbers) == [0, 1, 2]


def test_subclasses_of_containers_become_the_plain_type():
    """The methods of a subclass may run any code, so none of them is kept."""
    value = [OrderedDict(a=1), defaultdict(list, b=[2]), type("L", (list,), {})([3])]
    copied = copy_value(value)

    assert copied == [{"a": 1}, {"b": [2]}, [3]]
    assert [type(each) for each in copied] == [dict, dict, list]


def test_a_named_tuple_keeps_its_names():
    """It keeps its type, and its items are copied."""
    point = Point([1], {2})
    copied = copy_value(point)

    assert copied == point
    assert type(copied) is Point
    assert copied.x is not point.x
    assert copied.y is not point.y


def test_sets_byte_arrays_and_deques_are_copied():
    """A deque keeps its maximum length."""
    value = [{1, 2}, bytearray(b"ab"), deque([[1]], maxlen=3)]
    copied = copy_value(value)

    assert copied == value
    assert copied[2].maxlen == 3
    assert not any(copy is original for copy, original in zip(copied, value, strict=True))


@pytest.mark.parametrize("hostile", [HostileList([1]), HostileTuple([1]), HostileDict(a=1)])
def test_no_method_of_a_subclass_is_called(hostile):
    """The stored items are copied, even if the methods of the class hide or change them."""
    assert next(containers(copy_value([hostile])[0])) in ([1], (1,), {"a": 1})


def test_an_object_that_is_not_a_container_is_left_untouched():
    """Its `__str__`, `__bool__` and `__class__` are never read."""
    hostile = HostileObject()

    assert copy_value({"a": [hostile]})["a"][0] is hostile


@pytest.mark.parametrize("levels", [1, 50, MAX_DEPTH])
def test_nesting_up_to_the_limit_is_kept(levels):
    """Real events stay far below the limit."""
    assert copy_value(nested(levels)) == nested(levels)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 150, 1000, 100_000])
def test_deeper_nesting_is_cut_and_marked(levels):
    """Any depth is accepted: the copy never recurses beyond the limit."""
    copied = copy_value(nested(levels))

    assert copied == nested(MAX_DEPTH, TOO_DEEP)


def test_deep_dicts_and_tuples_are_cut_too():
    """The limit holds for every kind of container."""
    by_key, by_tuple = 0, 0
    for _ in range(1000):
        by_key, by_tuple = {"k": by_key}, (by_tuple,)

    assert depth(copy_value(by_key)) == MAX_DEPTH
    assert depth(copy_value(by_tuple)) == MAX_DEPTH


def test_a_container_inside_itself_is_replaced_by_a_mark():
    """The mark stands where the cycle closes; everything else is kept."""
    cycle = {"name": "a", "items": [1]}
    cycle["items"] += [cycle, cycle["items"]]
    endless = deque([1])
    endless.append(endless)

    assert copy_value(cycle) == {"name": "a", "items": [1, CYCLE, CYCLE]}
    assert copy_value([endless]) == [[1, CYCLE]]


def test_the_same_list_in_two_places_is_not_a_cycle():
    """Each place gets its own copy."""
    shared = [1]
    copied = copy_value({"a": shared, "b": shared})

    assert copied == {"a": [1], "b": [1]}


def test_the_original_is_never_changed():
    """A cycle is cut in the copy only."""
    cycle = [1]
    cycle.append(cycle)
    copy_value(cycle)

    assert cycle[1] is cycle
    assert len(cycle) == 2


def test_other_threads_may_change_a_value_while_it_is_copied():
    """Each container is read in one step, so no copy fails because its size changed."""
    shared = {f"k{n}": [n] for n in range(50)}
    items = list(range(50))
    event = {"data": shared, "items": items, "set": {*items}, "deque": deque(items)}
    done = threading.Event()

    def change():
        number = 0
        while not done.is_set():
            number += 1
            shared[f"new{number}"] = []
            shared.pop(f"new{number - 1}", None)
            for each in (items, event["deque"]):
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
