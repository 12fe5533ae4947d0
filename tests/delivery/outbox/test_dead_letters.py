"""The file of the events that a destination rejected."""

import json

from outbox_programs import CountedOutbox, record

from eventtracking.delivery.outbox.dead_letters import DeadLetters


def test_a_rejected_event_is_stored_with_the_reason(tmp_path):
    """As one JSON object a line, readable only for its owner."""
    counted = CountedOutbox(tmp_path)
    counted.outbox.store_dead_letter(record(1), "400 bad name", 400)
    counted.outbox.store_dead_letter(record(2)._replace(name="\ud800"), "unknown", None)
    path = tmp_path / "dead.jsonl"
    first, second = map(json.loads, path.read_bytes().splitlines())

    assert first == {
        "id": "w-1",
        "time": 1001.0,
        "reason": "400 bad name",
        "status": 400,
        "name": "thing.done",
        "payload": json.loads(record(1).payload),
    }
    assert (second["id"], second["name"]) == ("w-2", "?")
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_event_that_cannot_be_stored_is_logged(tmp_path, caplog):
    """A link in the place of the file is not followed."""
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "dead.jsonl").symlink_to(elsewhere)
    counted = CountedOutbox(tmp_path)
    counted.outbox.store_dead_letter(record(1), "400", 400)

    assert not elsewhere.exists()
    assert "dead.jsonl: a rejected event could not be stored" in caplog.text


def test_the_size_of_the_file_is_limited(tmp_path, caplog):
    """To the size of the outbox."""
    counted = CountedOutbox(tmp_path, max_bytes=1000)
    for number in range(10):
        counted.outbox.store_dead_letter(record(number, size=100), "400", 400)

    assert 700 < (tmp_path / "dead.jsonl").stat().st_size <= 1000
    assert caplog.text.count("could not be stored (the file has reached its maximum size") == 1


def test_an_incomplete_line_does_not_affect_the_next_one(tmp_path):
    """A new line is begun."""
    (tmp_path / "dead.jsonl").write_bytes(b'{"id":"x","pay')
    counted = CountedOutbox(tmp_path)
    counted.outbox.store_dead_letter(record(1), "400", 400)

    assert [each.record.id for each in DeadLetters(str(tmp_path)).read()] == ["w-1"]
