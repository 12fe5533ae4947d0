"""Damaged segment files: only damaged events are lost."""

import os
import random

import pytest
from outbox_programs import UNLIMITED, CountedOutbox, files, left_behind, never_adopting, record

from eventtracking.delivery.outbox import segment_file, segment_header
from eventtracking.delivery.outbox.record_lines import line_of

SEEDS = 20
MANY_SEEDS = 500
HEADER = segment_header.HEADER_BYTES


def flip_byte(content, chance):
    place = chance.randrange(len(content))
    content[place] ^= chance.randrange(1, 256)


def flip_many(content, chance):
    for _ in range(chance.randrange(2, 30)):
        flip_byte(content, chance)


def flip_in_header(content, chance):
    content[chance.randrange(HEADER)] ^= chance.randrange(1, 256)


def zero_a_range(content, chance):
    start = chance.randrange(len(content))
    end = min(len(content), start + chance.randrange(1, 600))
    content[start:end] = bytes(end - start)


def zero_header(content, chance):
    content[:HEADER] = bytes(HEADER)


def truncate(content, chance):
    del content[chance.randrange(len(content)) :]


def cut_tail(content, chance):
    del content[-chance.randrange(1, 40) :]


def empty(content, chance):
    content.clear()


def header_only(content, chance):
    del content[HEADER:]


def insert_garbage(content, chance):
    place = chance.randrange(HEADER, len(content) + 1)
    content[place:place] = chance.randbytes(chance.randrange(1, 300))


def remove_range(content, chance):
    start = chance.randrange(HEADER, len(content))
    del content[start : start + chance.randrange(1, 300)]


def append_garbage(content, chance):
    content += chance.randbytes(chance.randrange(1, 3000))


def cursor_past_end(content, chance):
    set_cursor(content, len(content) + chance.randrange(1, 10**6))


def cursor_in_a_line(content, chance):
    set_cursor(content, chance.randrange(len(content)))


def stale_cursor(content, chance):
    set_cursor(content, HEADER)


def set_cursor(content, cursor):
    state = segment_header._state(cursor, b"")
    start = len(segment_header._TITLE)
    content[start : start + len(state)] = state


KINDS = [
    flip_byte,
    flip_many,
    flip_in_header,
    zero_a_range,
    zero_header,
    truncate,
    cut_tail,
    empty,
    header_only,
    insert_garbage,
    remove_range,
    append_garbage,
    cursor_past_end,
    cursor_in_a_line,
    stale_cursor,
]


@pytest.mark.parametrize("damage", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(MANY_SEEDS, marks=pytest.mark.soak)])
def test_undamaged_events_are_delivered_and_the_others_are_counted(tmp_path, damage, seeds):
    """In order and once each. Delivery ends, and the statistics are exact."""
    for seed in range(seeds):
        one_round(tmp_path / str(seed), damage, random.Random(f"{damage.__name__} {seed}"))


def one_round(folder, damage, chance):
    writer = never_adopting(folder)
    intact = left_behind(folder, *numbered("before", chance))
    records = numbered("damaged", chance)
    path, settled = partly_settled(writer, records, chance)
    after = left_behind(folder, *numbered("after", chance))
    content = bytearray(path.read_bytes())
    header = bytes(content[:HEADER])
    damage(content, chance)
    path.write_bytes(content)
    undamaged = [each for each in records if is_whole(line_of(each), content)]
    others = [[*segment_file.read_waiting(str(each))] for each in (intact, after)]
    counted = CountedOutbox(folder)

    found = delivered(counted, len(records) + 2 * 40)
    mine = [each for each in found if each.id.startswith("damaged")]

    assert [each for each in found if each not in mine] == [*others[0], *others[1]]
    # Only events that were written, in order.
    assert mine == [each for each in records if each in mine]
    assert len(set(mine)) == len(mine)
    if content[: HEADER - 1] == header[:-1]:
        missing = {each for each in undamaged if each not in records[:settled]} - set(mine)
    elif content[:HEADER] and damage is not cursor_in_a_line:
        missing = set(undamaged) - set(mine)
    else:
        missing = set()
    assert not missing
    stats = counted.stats()
    assert stats["pending"] == 0
    assert stats["sent"] == len(found)
    if len(undamaged) == len(records) and damage in (stale_cursor, cursor_past_end, flip_in_header):
        assert stats["lost"] == {}
    assert not path.exists() or not undamaged


def is_whole(line, content):
    return line in content or content.endswith(line[:-1])


def numbered(writer, chance):
    return [
        record(number, writer, chance.choice([0, 10, 500]))
        for number in range(chance.randrange(1, 30))
    ]


def partly_settled(writer, records, chance):
    """Leave a segment that was delivered in part; return its path and how many events were."""
    folder = writer.outbox.folder
    before = files(folder)
    writer.put(*records)
    settled = chance.randrange(len(records))
    writer.deliver(settled, window=5)
    writer.kill()
    (path,) = set(files(folder)) - set(before)
    return path, settled


def delivered(counted, limit):
    """Return the events that *counted* delivers, in at most *limit* batches."""
    found = []
    for _ in range(limit):
        batch = counted.outbox.peek(7, UNLIMITED)
        counted.settle(batch)
        found += batch
        if not batch and not counted.outbox.pending:
            return found
    raise AssertionError("delivery does not end")


def test_an_outbox_with_random_files_works(tmp_path, caplog):
    """They are logged and left alone."""
    chance = random.Random(1)
    for number in range(50):
        path = tmp_path / f"{number:020d}-ab.segment"
        path.write_bytes(chance.randbytes(chance.randrange(5000)))
    counted = CountedOutbox(tmp_path)
    counted.put(record(0))

    assert counted.deliver() == [record(0)]
    assert counted.stats()["sent"] == 1
    assert os.listdir(tmp_path)
    assert "it contains no event of eventtracking" in caplog.text
