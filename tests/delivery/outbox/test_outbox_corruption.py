"""Damaged files cost what was damaged, and nothing else."""

import os
import random

import pytest
from outbox_programs import ANY, Kept, files, left_behind, record

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


def zero_a_stretch(content, chance):
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


def remove_stretch(content, chance):
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
    zero_a_stretch,
    zero_header,
    truncate,
    cut_tail,
    empty,
    header_only,
    insert_garbage,
    remove_stretch,
    append_garbage,
    cursor_past_end,
    cursor_in_a_line,
    stale_cursor,
]


@pytest.mark.parametrize("damage", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(MANY_SEEDS, marks=pytest.mark.soak)])
def test_what_is_intact_is_delivered_and_the_rest_is_counted(tmp_path, damage, seeds):
    """In order, each once; the next process starts, comes to an end, and its books are even."""
    for seed in range(seeds):
        one_round(tmp_path / str(seed), damage, random.Random(f"{damage.__name__} {seed}"))


def one_round(folder, damage, chance):
    intact = left_behind(folder, *numbered("before", chance))
    records = numbered("damaged", chance)
    path, settled = partly_settled(folder, records, chance)
    after = left_behind(folder, *numbered("after", chance))
    content = bytearray(path.read_bytes())
    header = bytes(content[:HEADER])
    damage(content, chance)
    path.write_bytes(content)
    still = [each for each in records if is_whole(line_of(each), content)]
    neighbours = [[*segment_file.waiting(str(each))] for each in (intact, after)]
    kept = Kept(folder)

    found = delivered(kept, len(records) + 2 * 40)
    mine = [each for each in found if each.id.startswith("damaged")]

    assert [each for each in found if each not in mine] == [*neighbours[0], *neighbours[1]]
    # Never anything that was not written, and all in order.
    assert mine == [each for each in records if each in mine]
    assert len(set(mine)) == len(mine)
    if content[: HEADER - 1] == header[:-1]:
        missing = {each for each in still if each not in records[:settled]} - set(mine)
    elif content[:HEADER] and damage is not cursor_in_a_line:
        missing = set(still) - set(mine)
    else:
        missing = set()
    assert not missing
    books = kept.books()
    assert books["pending"] == 0
    assert books["sent"] == len(found)
    if len(still) == len(records) and damage in (stale_cursor, cursor_past_end, flip_in_header):
        assert books["lost"] == {}
    assert not path.exists() or not still


def is_whole(line, content):
    return line in content or content.endswith(line[:-1])


def numbered(writer, chance):
    return [
        record(number, writer, chance.choice([0, 10, 500]))
        for number in range(chance.randrange(1, 30))
    ]


def partly_settled(folder, records, chance):
    """Leave a journal of which a part was delivered; return its path and how large that is."""
    there = files(folder)
    kept = Kept(folder)
    kept.outbox._orphans._look_at = float("inf")
    kept.put(*records)
    settled = chance.randrange(len(records))
    kept.deliver(settled, window=5)
    kept.die()
    (path,) = set(files(folder)) - set(there)
    return path, settled


def delivered(kept, most):
    """Return what *kept* delivers, which comes to an end."""
    found = []
    for _ in range(most):
        batch = kept.outbox.peek(7, ANY)
        kept.settle(batch)
        found += batch
        if not batch and not kept.outbox.pending:
            return found
    raise AssertionError("it goes round in circles")


def test_an_outbox_of_nothing_but_garbage_starts(tmp_path, caplog):
    """Every file in it is random, and it is as good as an empty one."""
    chance = random.Random(1)
    for number in range(50):
        path = tmp_path / f"{number:020d}-ab.journal"
        path.write_bytes(chance.randbytes(chance.randrange(5000)))
    kept = Kept(tmp_path)
    kept.put(record(0))

    assert kept.deliver() == [record(0)]
    assert kept.books()["sent"] == 1
    assert os.listdir(tmp_path)
    assert "no event of ours is in it" in caplog.text
