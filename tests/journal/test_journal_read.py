"""`journal.read` gives back every whole event of a log, whatever was done to it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.journal import read

ONE = {
    "name": "one",
    "timestamp": "2026-11-23T10:00:00+00:00",
    "data": {"text": 'a "quoted" {brace} and a \\', "list": [1, {"a": {}}], "item": {"name": "x"}},
    "context": {"user": {"name": "ana", "context": {}}, "course": {"name": "y", "time": 1}},
}
TWO = {"name": "two", "time": "now", "context": {"path": "/"}, "event": {}}


def line(event):
    return json.dumps(event, separators=(",", ":")).encode()


def read_bytes(path, content):
    path.write_bytes(content)
    return list(read(path))


def test_a_log_is_read_in_order(log):
    """One event a line, and the last line needs no newline."""
    assert read_bytes(log, line(ONE) + b"\n" + line(TWO) + b"\n" + line(ONE)) == [ONE, TWO, ONE]


def test_an_empty_log_has_no_events(log):
    """Nor is that worth a word."""
    assert read_bytes(log, b"") == []


def test_a_log_that_is_not_there_is_an_error(log):
    """An empty answer would say that nothing happened."""
    with pytest.raises(FileNotFoundError):
        list(read(log))


def test_blank_lines_are_skipped(log, caplog):
    """A writer that is careful not to hurt a neighbour leaves some."""
    assert read_bytes(log, b"\n\n" + line(ONE) + b"\n\r\n \n" + line(TWO) + b"\r\n") == [ONE, TWO]
    assert caplog.text == ""


@pytest.mark.parametrize("cut", range(1, len(line(ONE))))
def test_a_whole_event_behind_a_torn_head_is_read(log, caplog, cut):
    """Wherever a kill tore the line before it: in a text, a number, a key, behind a backslash."""
    content = line(TWO) + b"\n" + line(ONE)[:cut] + line(TWO) + b"\n" + line(ONE) + b"\n"

    assert read_bytes(log, content) == [TWO, TWO, ONE]
    assert f"{log}: 1 damaged line(s)" in caplog.text


@pytest.mark.parametrize("cut", range(1, len(line(ONE))))
def test_a_torn_line_gives_no_event_of_its_own(log, cut):
    """What happens to be an object inside of it never happened."""
    assert read_bytes(log, line(ONE)[:cut] + b"\n" + line(TWO) + b"\n") == [TWO]


def test_several_heads_may_stand_before_an_event(log, caplog):
    """Kills can come one after the other."""
    head = line(ONE)[:-20]

    assert read_bytes(log, head + head + b'{"' + line(TWO) + b"\n") == [TWO]
    assert "1 damaged line(s)" in caplog.text


def test_two_events_on_a_line_are_both_read(log, caplog):
    """A kill may take nothing but the newline. Then nothing is damaged."""
    assert read_bytes(log, line(ONE) + line(TWO) + line(ONE) + b"\n") == [ONE, TWO, ONE]
    assert caplog.text == ""


def test_a_torn_head_before_two_events_hides_neither(log):
    """The newline was taken from the first of them."""
    assert read_bytes(log, line(ONE)[:30] + line(ONE) + line(TWO) + b"\n") == [ONE, TWO]


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage",
        b"\x00\xff\xfe",
        b"42",
        b"[1, 2]",
        b'"text"',
        b"}",
        b"{",
        b'{"a":1}}',
        b'"b":2},"c":{}}',
        b'some other log {"level": "info"}',
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b'{"' * 50_000,
        b"\\" * 100_000 + b'"',
    ],
    ids=lambda garbage: str(garbage[:20]),
)
def test_garbage_is_left_out_and_told_of(log, caplog, garbage):
    """One warning a file, with the number of lines; the lines around it are read."""
    content = line(ONE) + b"\n" + garbage + b"\n" + garbage + b"\n" + line(TWO) + b"\n"

    assert read_bytes(log, content) == [ONE, TWO]
    assert [record.getMessage() for record in caplog.records] == [
        f"{log}: 2 damaged line(s); the complete events in them were read"
    ]


def test_the_holes_of_a_careless_writer_hide_nothing(log, caplog):
    """`copytruncate` under a descriptor without `O_APPEND` leaves NUL bytes at the front."""
    assert read_bytes(log, b"\0" * 5_000 + line(ONE) + b"\n") == [ONE]
    assert caplog.text == ""


def test_an_event_of_a_megabyte_is_read_behind_a_torn_one(log):
    """With ten thousand objects in each."""
    big = {"name": "big", "data": {"items": [{"n": n, "pad": "x" * 80} for n in range(10_000)]}}

    assert read_bytes(log, line(big)[:-7] + line(big) + b"\n") == [big]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=12,
)
_events = st.fixed_dictionaries(
    {
        "name": st.text(),
        "timestamp": st.text(),
        "data": st.dictionaries(st.text(), _json),
        "context": st.dictionaries(st.text(), _json),
    }
)


@given(events=st.lists(st.tuples(_events, _events, st.floats(0, 1, exclude_max=True)), max_size=4))
def test_no_whole_event_is_ever_missed(tmp_path_factory, events):
    """Any events, each behind the head of another one that was torn at any byte."""
    log = tmp_path_factory.getbasetemp() / "property.log"
    # Anew each time: ext4 forces a file to the disk that is truncated and written.
    log.unlink(missing_ok=True)
    content = b""
    for torn, whole, share in events:
        content += line(torn)[: int(share * len(line(torn)))] + line(whole) + b"\n"

    found = read_bytes(log, content)

    assert [event for event in found if event in [whole for _, whole, _ in events]] == [
        whole for _, whole, _ in events
    ]
