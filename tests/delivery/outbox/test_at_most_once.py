"""The outbox of a destination that keeps repeats: no event is sent twice."""

from outbox_programs import UNLIMITED, CountedOutbox, ids, left_behind, many, record


def test_events_that_were_being_sent_are_not_sent_again(tmp_path):
    """They are lost, `rejected`. The others of the window are sent."""
    counted = CountedOutbox(tmp_path, idempotent=False)
    events = counted.put(*many(10))
    counted.outbox.peek(8, UNLIMITED)
    counted.settle(events[0:1])
    counted.settle(events[4:5])
    counted.outbox.mark_sending(events[2:4])
    counted.outbox.mark_sending(events[6:8])
    counted.outbox.mark_waiting(events[7:8])
    counted.kill()
    later = CountedOutbox(tmp_path, idempotent=False)

    assert later.deliver() == [events[1], events[5], *events[7:]]
    assert later.stats() == {"accepted": 8, "sent": 5, "pending": 0, "lost": {"rejected": 3}}
    assert [loss[0] for loss in later.lost] == ["w-2", "w-3", "w-6"]


def test_an_outbox_that_may_repeat_events_sends_them_again(tmp_path):
    """The mark says only that they may have arrived."""
    counted = CountedOutbox(tmp_path, idempotent=False)
    events = counted.put(*many(3))
    counted.outbox.peek(8, UNLIMITED)
    counted.outbox.mark_sending(events[:2])
    counted.kill()

    assert CountedOutbox(tmp_path).deliver() == events


def test_a_window_is_not_larger_than_the_marks_in_the_header(tmp_path):
    """Even if settled events lie between the others."""
    counted = CountedOutbox(tmp_path, idempotent=False)
    events = counted.put(*many(1000))

    assert counted.outbox.peek(500, UNLIMITED) == events[:256]
    counted.settle(events[1:256])
    assert counted.outbox.peek(500, UNLIMITED) == events[:1]
    counted.settle(events[:1])
    assert counted.deliver(window=500) == events[256:]


def test_a_damaged_header_causes_no_repeats(tmp_path):
    """All waiting events may have been sent. They are lost, and counted."""
    path = left_behind(tmp_path, *many(3), idempotent=False)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    later = CountedOutbox(tmp_path, idempotent=False)

    assert later.deliver() == []
    assert later.stats() == {"accepted": 3, "sent": 0, "pending": 0, "lost": {"rejected": 3}}


def test_damaged_lines_do_not_shift_the_marks(tmp_path):
    """Each mark belongs to a line, damaged or not."""
    path = left_behind(tmp_path, *many(600), idempotent=False)
    content = path.read_bytes()
    for number in (0, 3, *range(10, 400)):
        payload = record(number).payload
        content = content.replace(payload, b"#" * len(payload))
    path.write_bytes(content)
    counted = CountedOutbox(tmp_path, idempotent=False)
    window = counted.outbox.peek(100, UNLIMITED)
    counted.outbox.mark_sending([*window[1:3], window[-1]])
    counted.kill()
    later = CountedOutbox(tmp_path, idempotent=False)

    assert ids(window) == [f"w-{each}" for each in (1, 2, *range(4, 10))]
    expected = [1, *range(5, 9), *range(400, 600)]
    assert later.deliver() == [record(number) for number in expected]
    assert later.stats()["pending"] == 0
    assert later.stats()["lost"]["rejected"] == 3
