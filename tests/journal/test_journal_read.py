"""`journal.read`: every complete event of a log, however damaged the log is."""

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
    """There is one event per line, and the last line needs no newline."""
    assert read_bytes(log, line(ONE) + b"\n" + line(TWO) + b"\n" + line(ONE)) == [ONE, TWO, ONE]


def test_an_empty_log_has_no_events(log):
    """It is not worth a warning."""
    assert read_bytes(log, b"") == []


def test_a_missing_log_is_an_error(log):
    """An empty result would look as if nothing had happened."""
    with pytest.raises(FileNotFoundError):
        list(read(log))


def test_blank_lines_are_skipped(log, caplog):
    """A writer that ends a torn line of another process may leave some."""
    assert read_bytes(log, b"\n\n" + line(ONE) + b"\n\r\n \n" + line(TWO) + b"\r\n") == [ONE, TWO]
    assert caplog.text == ""


@pytest.mark.parametrize("cut", range(1, len(line(ONE))))
def test_a_complete_event_after_a_torn_one_is_read(log, caplog, cut):
    """The torn event may end anywhere: in a string, a number, a key, after a backslash."""
    content = line(TWO) + b"\n" + line(ONE)[:cut] + line(TWO) + b"\n" + line(ONE) + b"\n"

    assert read_bytes(log, content) == [TWO, TWO, ONE]
    assert f"{log}: 1 damaged line(s)" in caplog.text


@pytest.mark.parametrize("cut", range(1, len(line(ONE))))
def test_a_torn_line_yields_no_event(log, cut):
    """A complete object inside its data is not an event."""
    assert read_bytes(log, line(ONE)[:cut] + b"\n" + line(TWO) + b"\n") == [TWO]


def test_an_event_after_several_torn_ones_is_read(log, caplog):
    """Several writers may be killed one after the other."""
    torn = line(ONE)[:-20]

    assert read_bytes(log, torn + torn + b'{"' + line(TWO) + b"\n") == [TWO]
    assert "1 damaged line(s)" in caplog.text


def test_two_events_on_a_line_are_both_read(log, caplog):
    """If a kill cut off only the newline, nothing is damaged."""
    assert read_bytes(log, line(ONE) + line(TWO) + line(ONE) + b"\n") == [ONE, TWO, ONE]
    assert caplog.text == ""


def test_two_events_after_a_torn_one_are_both_read(log):
    """The first of the two misses its newline."""
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
def test_garbage_is_skipped_with_one_warning(log, caplog, garbage):
    """The warning gives the number of damaged lines; the lines around them are read."""
    content = line(ONE) + b"\n" + garbage + b"\n" + garbage + b"\n" + line(TWO) + b"\n"

    assert read_bytes(log, content) == [ONE, TWO]
    assert [record.getMessage() for record in caplog.records] == [
        f"{log}: 2 damaged line(s); the complete events in them were read"
    ]


def test_nul_bytes_before_an_event_are_skipped(log, caplog):
    """`copytruncate` leaves them if another writer opened the file without `O_APPEND`."""
    assert read_bytes(log, b"\0" * 5_000 + line(ONE) + b"\n") == [ONE]
    assert caplog.text == ""


def test_a_large_event_after_a_large_torn_one_is_read(log):
    """Each has a megabyte, and ten thousand objects."""
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
def test_no_complete_event_is_ever_missed(tmp_path_factory, events):
    """Any event is read after any other event that was torn at any byte."""
    log = tmp_path_factory.getbasetemp() / "property.log"
    # Deleted, not truncated: ext4 forces a truncated and rewritten file to the disk.
    log.unlink(missing_ok=True)
    content = b""
    for torn, complete, share in events:
        content += line(torn)[: int(share * len(line(torn)))] + line(complete) + b"\n"

    found = read_bytes(log, content)

    assert [event for event in found if event in [complete for _, complete, _ in events]] == [
        complete for _, complete, _ in events
    ]
