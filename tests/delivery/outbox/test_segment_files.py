"""One segment file: its records after cuts and damage, its header, its lock and its name."""

import os
import tempfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbox_programs import files, ids, left_behind, record

from eventtracking.delivery import Record
from eventtracking.delivery.outbox import segment_file, segment_header
from eventtracking.delivery.outbox.record_lines import line_of

NAMES = st.text(st.characters(exclude_categories=()), max_size=20)
RECORDS = st.lists(
    st.builds(
        Record,
        st.text("abcdef0123456789-", min_size=1, max_size=12),
        st.floats(0, 4e9),
        NAMES,
        st.text(max_size=40).map(orjson.dumps),
    ),
    max_size=6,
)


def read(path):
    """Return the waiting records in the segment at *path*, and `None` for each damaged line."""
    return [*segment_file.read_waiting(str(path))]


def as_stored(each):
    """Return a record as a segment stores it: UTF-8 cannot represent lone surrogates."""
    return each._replace(name=each.name.encode("utf-8", "replace").decode())


@given(RECORDS)
def test_every_record_is_read_as_it_was_written(records):
    """With any name, any payload and any time."""
    with tempfile.TemporaryDirectory() as folder:
        path = left_behind(folder, record(0), *records)

        assert read(path)[1:] == [as_stored(each) for each in records]


@given(RECORDS, st.data())
def test_a_file_that_is_cut_off_keeps_the_records_before_the_cut(records, data):
    """Only the record at the cut is lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = left_behind(folder, record(0), *records)
        lines = path.read_bytes()[segment_header.HEADER_BYTES :].splitlines(keepends=True)
        size = data.draw(st.integers(segment_header.HEADER_BYTES, path.stat().st_size))
        os.truncate(path, size)
        left = size - segment_header.HEADER_BYTES
        line_ends = [sum(map(len, lines[: number + 1])) for number in range(len(lines))]
        # A line without its newline is complete.
        complete = sum(end - 1 <= left for end in line_ends)
        is_torn = left not in (0, *line_ends, *(end - 1 for end in line_ends))

        expected = [record(0), *map(as_stored, records)][:complete] + [None] * is_torn
        assert read(path) == expected


@given(st.integers(0, 10), st.data())
def test_a_flipped_bit_destroys_at_most_one_record(number, data):
    """At any place. In the header or in a newline it destroys none."""
    with tempfile.TemporaryDirectory() as folder:
        records = [record(each) for each in range(number + 1)]
        path = left_behind(folder, *records)
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        was_newline = content[place] == ord("\n")
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)

        found = [each for each in read(path) if each]

        is_in_a_record = place >= segment_header.HEADER_BYTES and not was_newline
        assert len(found) >= len(records) - is_in_a_record
        assert set(found) <= set(records)


def test_a_file_of_another_version_is_left_alone(tmp_path):
    """Only that version can read it."""
    path = left_behind(tmp_path, record(0))
    title = b"eventtracking-outbox\t2"
    path.write_bytes(b"%b\t%08x\tanything\n" % (title, segment_header.crc32(title)))

    with pytest.raises(segment_header.UnknownFileError, match="another version"):
        read(path)
    with pytest.raises(segment_header.UnknownFileError):
        segment_file.adopt(str(path))


def test_a_file_of_another_program_is_left_alone(tmp_path):
    """Even with the name of a segment."""
    path = left_behind(tmp_path, record(0))
    path.write_text("a text\n" * 100)

    with pytest.raises(segment_header.UnknownFileError, match="contains no event of eventtracking"):
        read(path)


@pytest.mark.parametrize("cursor", [b"99999999999999999999", b"00000000000000000000"])
def test_an_invalid_cursor_is_ignored(tmp_path, cursor):
    """All records are read again."""
    path = left_behind(tmp_path, record(0), record(1))
    state = b"%b\t%b" % (cursor, b"." * segment_header.MAX_MARKS)
    content = path.read_bytes()
    start = len(segment_header._TITLE)
    state = b"%08x\t%b" % (segment_header.crc32(state), state)
    path.write_bytes(content[:start] + state + content[start + len(state) :])

    assert ids(read(path)) == ["w-0", "w-1"]


def test_a_whole_line_after_an_incomplete_one_is_found(tmp_path):
    """A full disk cut off a line at any place, and its event was written again after it."""
    line = line_of(record(1))
    for length in range(1, len(line)):
        path = left_behind(tmp_path, record(0))
        with path.open("ab") as file:
            file.write(line[:length] + line + line[:length] + line[:length] + line)

        assert ids(read(path)) == ["w-0", "w-1", "w-1"]


def test_a_file_is_locked_until_it_is_released(tmp_path):
    """No other process delivers from it before, and any may afterwards."""
    segment, appender = segment_file.create(str(tmp_path), 1000)
    (path,) = map(str, files(tmp_path))

    assert segment_file.is_locked(path)
    assert segment_file.adopt(path) is None
    segment.release()
    assert not segment_file.is_locked(path)
    adopted = segment_file.adopt(path)
    assert adopted is not None
    assert segment_file.adopt(path) is None
    adopted.delete()
    assert segment_file.adopt(path) is None
    assert appender.is_open()


def test_a_file_can_be_read_only_by_its_owner(tmp_path):
    """Events may contain private data."""
    path = left_behind(tmp_path, record(0))

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_is_not_followed(tmp_path):
    """A user who could create one would choose the file that is written."""
    elsewhere = left_behind(tmp_path / "elsewhere", record(0))
    link = tmp_path / elsewhere.name
    link.symlink_to(elsewhere)

    with pytest.raises(OSError, match="symbolic link"):
        segment_file.adopt(str(link))


def test_a_stale_temporary_file_is_deleted(tmp_path):
    """Its process was killed before the file got its name. A new one is left alone."""
    old = tmp_path / f"{1:020d}-ab.segment.tmp"
    new = Path(f"{left_behind(tmp_path, record(0))}.tmp")
    old.touch()
    new.touch()

    assert [*segment_file.segment_names(str(tmp_path))] == [new.stem]
    assert not old.exists()
    assert new.exists()
