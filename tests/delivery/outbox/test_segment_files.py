"""One file of an outbox: what was written whole comes back, whatever became of the rest."""

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
    """Return what waits in the journal at *path*; `None` for each damaged line."""
    return [*segment_file.waiting(str(path))]


def as_kept(each):
    """Return a record as a journal keeps it: lone surrogates are no UTF-8."""
    return each._replace(name=each.name.encode("utf-8", "replace").decode())


@given(RECORDS)
def test_every_record_comes_back_as_it_was(records):
    """Any name, any payload, any time."""
    with tempfile.TemporaryDirectory() as folder:
        path = left_behind(folder, record(0), *records)

        assert read(path)[1:] == [as_kept(each) for each in records]


@given(RECORDS, st.data())
def test_a_file_cut_at_any_byte_keeps_the_whole_records_before_it(records, data):
    """A kill or a lost end costs the record in which it struck, and no other."""
    with tempfile.TemporaryDirectory() as folder:
        path = left_behind(folder, record(0), *records)
        lines = path.read_bytes()[segment_header.HEADER_BYTES :].splitlines(keepends=True)
        size = data.draw(st.integers(segment_header.HEADER_BYTES, path.stat().st_size))
        os.truncate(path, size)
        left = size - segment_header.HEADER_BYTES
        ends = [sum(map(len, lines[: number + 1])) for number in range(len(lines))]
        # One that misses nothing but its newline is whole.
        whole = sum(end - 1 <= left for end in ends)
        is_torn = left not in (0, *ends, *(end - 1 for end in ends))

        assert read(path) == [record(0), *map(as_kept, records)][:whole] + [None] * is_torn


@given(st.integers(0, 10), st.data())
def test_a_flipped_bit_costs_one_record_at_most(number, data):
    """Wherever it is, in the header too; and if it is in a newline, it costs none."""
    with tempfile.TemporaryDirectory() as folder:
        records = [record(each) for each in range(number + 1)]
        path = left_behind(folder, *records)
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        was_newline = content[place] == ord("\n")
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)

        found = [each for each in read(path) if each]

        damaged = place >= segment_header.HEADER_BYTES and not was_newline
        assert len(found) >= len(records) - damaged
        assert set(found) <= set(records)


def test_a_header_that_names_another_version_is_left_alone(tmp_path):
    """What a newer version of the library wrote is for that version to read."""
    path = left_behind(tmp_path, record(0))
    title = b"eventtracking-outbox\t2"
    path.write_bytes(b"%b\t%08x\twhatever it is then\n" % (title, segment_header.crc32(title)))

    with pytest.raises(segment_header.Foreign, match="another version"):
        read(path)
    with pytest.raises(segment_header.Foreign):
        segment_file.adopt(str(path))


def test_a_file_of_somebody_else_is_left_alone(tmp_path):
    """A name like ours is not enough."""
    path = left_behind(tmp_path, record(0))
    path.write_text("a diary\n" * 100)

    with pytest.raises(segment_header.Foreign, match="no event of ours"):
        read(path)


@pytest.mark.parametrize("cursor", [b"99999999999999999999", b"00000000000000000000"])
def test_a_cursor_that_points_nowhere_counts_for_nothing(tmp_path, cursor):
    """Beyond the end, or into the header: everything is read again."""
    path = left_behind(tmp_path, record(0), record(1))
    state = b"%b\t%b" % (cursor, b"." * segment_header.MOST_MARKS)
    content = path.read_bytes()
    start = len(segment_header._TITLE)
    state = b"%08x\t%b" % (segment_header.crc32(state), state)
    path.write_bytes(content[:start] + state + content[start + len(state) :])

    assert ids(read(path)) == ["w-0", "w-1"]


def test_a_whole_line_behind_a_torn_one_is_found(tmp_path):
    """A full disk tore a line, wherever, and its event was written again behind it."""
    line = line_of(record(1))
    for length in range(1, len(line)):
        path = left_behind(tmp_path, record(0))
        with path.open("ab") as file:
            file.write(line[:length] + line + line[:length] + line[:length] + line)

        assert ids(read(path)) == ["w-0", "w-1", "w-1"]


def test_a_journal_is_locked_until_it_is_given_up(tmp_path):
    """So nobody else delivers from it; and afterwards anybody may."""
    journal, pen = segment_file.create(str(tmp_path), 1000)
    (path,) = map(str, files(tmp_path))

    assert segment_file.is_locked(path)
    assert segment_file.adopt(path) is None
    journal.release()
    assert not segment_file.is_locked(path)
    adopted = segment_file.adopt(path)
    assert adopted is not None
    assert segment_file.adopt(path) is None
    adopted.remove()
    assert segment_file.adopt(path) is None
    assert pen.is_open()


def test_a_journal_is_for_its_owner_only(tmp_path):
    """Events may hold what not everybody on the machine is to read."""
    path = left_behind(tmp_path, record(0))

    assert path.stat().st_mode & 0o777 == 0o600


def test_no_link_is_followed(tmp_path):
    """Whoever could plant one would choose the file that is written to."""
    elsewhere = left_behind(tmp_path / "elsewhere", record(0))
    link = tmp_path / elsewhere.name
    link.symlink_to(elsewhere)

    with pytest.raises(OSError, match="symbolic link"):
        segment_file.adopt(str(link))


def test_what_a_kill_left_half_made_is_removed_later(tmp_path):
    """A file that never got its name holds no event; a fresh one may still get it."""
    old = tmp_path / f"{1:020d}-ab.journal.tmp"
    fresh = Path(f"{left_behind(tmp_path, record(0))}.tmp")
    old.touch()
    fresh.touch()

    assert [*segment_file.names(str(tmp_path))] == [fresh.stem]
    assert not old.exists()
    assert fresh.exists()
