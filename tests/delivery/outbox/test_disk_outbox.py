"""The outbox on disk: order, adoption, limits and folders."""

import os
import shutil
import time

import pytest
from outbox_programs import (
    HANG_SECONDS,
    UNLIMITED,
    CountedOutbox,
    files,
    ids,
    left_behind,
    many,
    record,
    run,
)

from eventtracking.delivery import Destination, Limits, NetworkBackend, Ok, Retry
from eventtracking.delivery.outbox import segment_file, segment_header
from eventtracking.exceptions import ImproperlyConfigured


class TestOneProcess:
    """Adding, peeking and settling."""

    def test_events_are_delivered_in_order(self, tmp_path):
        """Over many windows, and from several files."""
        counted = CountedOutbox(tmp_path, max_bytes=700_000)
        events = counted.put(*many(300, size=1000))

        assert len(files(tmp_path)) > 3
        assert counted.deliver(window=7) == events
        assert counted.stats() == {"accepted": 300, "sent": 300, "pending": 0, "lost": {}}

    def test_unsettled_events_are_returned_again(self, tmp_path):
        """Until they are settled, and before all others."""
        counted = CountedOutbox(tmp_path)
        events = counted.put(*many(10))

        assert counted.outbox.peek(4, UNLIMITED) == events[:4]
        counted.settle([events[1], events[3]])
        assert counted.outbox.peek(4, UNLIMITED) == [events[0], events[2]]
        counted.settle([events[0], events[2]])
        assert counted.outbox.peek(4, UNLIMITED) == events[4:8]
        assert counted.stats()["pending"] == 6

    def test_a_window_is_limited_in_bytes_but_contains_at_least_one_event(self, tmp_path):
        """An event larger than the limit would wait for ever otherwise."""
        counted = CountedOutbox(tmp_path)
        events = counted.put(*many(5, size=1000))

        assert counted.outbox.peek(5, 10) == events[:1]
        counted.settle(events[:1])
        assert counted.outbox.peek(5, 2 * len(events[1].payload)) == events[1:3]

    def test_an_event_that_is_settled_twice_counts_once(self, tmp_path):
        """The number returned is that of the events that were still there."""
        counted = CountedOutbox(tmp_path)
        events = counted.put(*many(3))
        counted.outbox.peek(3, UNLIMITED)

        assert counted.outbox.settle(events[:2]) == 2
        assert counted.outbox.settle(events) == 1
        assert counted.outbox.settle(events) == 0

    def test_an_event_larger_than_a_block_is_read_as_a_whole(self, tmp_path):
        """A block has a quarter of a megabyte."""
        counted = CountedOutbox(tmp_path)
        events = counted.put(record(0), record(1, size=1_000_000), record(2))

        assert counted.deliver() == events

    def test_two_events_with_the_same_id_are_both_delivered(self, tmp_path):
        """In different windows, so that settling one does not settle the other."""
        counted = CountedOutbox(tmp_path)
        counted.put(record(0), record(0), record(1))

        assert ids(counted.deliver()) == ["w-0", "w-0", "w-1"]
        assert counted.stats()["sent"] == 3

    def test_no_file_is_created_before_the_first_event(self, tmp_path):
        """Checking settings, for example, leaves nothing behind."""
        counted = CountedOutbox(tmp_path / "new" / "outbox")
        assert not files(counted.outbox.folder)
        assert counted.outbox.peek(1, UNLIMITED) == []
        counted.put(record(0))

        assert len(files(counted.outbox.folder)) == 1
        assert os.stat(counted.outbox.folder).st_mode & 0o777 == 0o700

    def test_a_file_is_deleted_when_all_its_events_have_arrived(self, tmp_path):
        """The file that is being written is deleted when the outbox is closed."""
        counted = CountedOutbox(tmp_path, max_bytes=700_000)
        counted.put(*many(300, size=1000))
        counted.deliver()
        assert len(files(tmp_path)) <= 1

        assert counted.outbox.close() == []
        assert files(tmp_path) == []

    def test_a_relative_folder_does_not_move(self, tmp_path, monkeypatch):
        """A daemon changes its working directory."""
        monkeypatch.chdir(tmp_path)
        counted = CountedOutbox("outbox")
        monkeypatch.chdir("/")
        counted.put(record(0))

        assert len(files(tmp_path / "outbox")) == 1

    def test_a_closed_outbox_accepts_nothing(self, tmp_path):
        """Closing twice is harmless."""
        counted = CountedOutbox(tmp_path)
        counted.put(record(0))
        assert counted.outbox.close() == []
        assert counted.outbox.close() == []

        assert counted.put(record(1)) == []
        assert counted.outbox.peek(9, UNLIMITED) == []
        assert counted.outbox.settle([record(0)]) == 0
        assert counted.stats() == {
            "accepted": 2,
            "sent": 0,
            "pending": 1,
            "lost": {"queue_full": 1},
        }

    def test_a_damaged_line_in_its_own_file_is_counted(self, tmp_path):
        """By the process that wrote it. The other events arrive."""
        counted = CountedOutbox(tmp_path)
        events = counted.put(*many(5))
        (path,) = files(tmp_path)
        content = path.read_bytes()
        path.write_bytes(content.replace(events[2].payload, b"#" * len(events[2].payload)))

        assert counted.deliver() == [*events[:2], *events[3:]]
        assert counted.stats() == {"accepted": 5, "sent": 4, "pending": 0, "lost": {"corrupt": 1}}

    def test_events_lost_by_truncation_are_counted_and_later_ones_arrive(self, tmp_path):
        """Another program truncated the file while it was in use."""
        counted = CountedOutbox(tmp_path)
        counted.put(*many(5))
        counted.deliver(5)
        counted.put(*many(5, writer="gone"))
        os.truncate(files(tmp_path)[0], segment_header.HEADER_BYTES)

        assert counted.deliver() == []
        assert counted.deliver() == []
        counted.put(record(0, writer="new"))
        assert ids(counted.deliver()) == ["new-0"]
        assert counted.stats() == {"accepted": 11, "sent": 6, "pending": 0, "lost": {"corrupt": 5}}


class TestAdoption:
    """The files of ended processes."""

    def test_the_next_process_delivers_the_events_that_are_left(self, tmp_path):
        """Each exactly once, the oldest file first."""
        first = CountedOutbox(tmp_path)
        first.put(*many(10, writer="first"))
        first.deliver(4)
        first.kill()
        left_behind(tmp_path, *many(3, writer="second"))
        third = CountedOutbox(tmp_path)
        third.put(record(0, writer="third"))

        found = ids(third.deliver())

        expected = [f"first-{each}" for each in range(4, 10)]
        assert found == [*expected, "second-0", "second-1", "second-2", "third-0"]
        assert third.stats() == {"accepted": 10, "sent": 10, "pending": 0, "lost": {}}
        assert len(files(tmp_path)) == 1

    def test_events_are_pending_until_the_last_orphan_is_delivered(self, tmp_path):
        """Otherwise a worker would become idle while files are left."""
        for writer in "abc":
            left_behind(tmp_path, *many(5, writer=writer))
        counted = CountedOutbox(tmp_path)

        batch = counted.outbox.peek(5, UNLIMITED)
        counted.settle(batch)
        seen = [counted.outbox.pending]
        while batch := counted.outbox.peek(5, UNLIMITED):
            counted.settle(batch)
            seen.append(counted.outbox.pending)

        assert all(seen[:2])
        assert seen[-1] == 0
        assert counted.stats()["sent"] == 15

    def test_the_files_of_a_living_process_are_left_alone(self, tmp_path):
        """Two outboxes in one folder deliver their own events."""
        one, other = CountedOutbox(tmp_path), CountedOutbox(tmp_path)
        one.put(*many(3, writer="one"))
        other.put(*many(3, writer="other"))

        assert ids(other.deliver()) == ["other-0", "other-1", "other-2"]
        assert ids(one.deliver()) == ["one-0", "one-1", "one-2"]

    def test_orphans_are_found_while_a_process_runs(self, tmp_path):
        """It scans the folder every half a minute."""
        now = [0.0]
        counted = CountedOutbox(tmp_path, clock=lambda: now[0])
        counted.put(record(0))
        counted.deliver()
        left_behind(tmp_path, record(0, writer="late"))

        assert counted.outbox.peek(1, UNLIMITED) == []
        now[0] = 31.0
        assert ids(counted.deliver()) == ["late-0"]

    def test_closing_leaves_undelivered_events_to_the_next_process(self, tmp_path):
        """Including those that this process had adopted."""
        left_behind(tmp_path, *many(5, writer="old"))
        counted = CountedOutbox(tmp_path)
        counted.put(*many(5))
        counted.deliver(2)
        counted.outbox.peek(2, UNLIMITED)

        assert counted.outbox.close() == []
        assert counted.stats()["pending"] == 8
        later = CountedOutbox(tmp_path)
        assert len(later.deliver()) == 8
        assert later.stats()["accepted"] == 8

    def test_an_incomplete_last_line_is_counted(self, tmp_path):
        """The event was never accepted, but no other process can count it."""
        path = left_behind(tmp_path, *many(3))
        os.truncate(path, path.stat().st_size - 10)
        counted = CountedOutbox(tmp_path)

        assert ids(counted.deliver()) == ["w-0", "w-1"]
        assert counted.stats() == {"accepted": 3, "sent": 2, "pending": 0, "lost": {"corrupt": 1}}
        assert files(tmp_path) == []

    def test_unknown_files_are_left_alone_and_logged_once(self, tmp_path, caplog):
        """Unknown content, a link and a folder with valid names, and an invalid name."""
        unknown = left_behind(tmp_path, record(0))
        unknown.write_bytes(b"unknown\n")
        link = tmp_path / f"{7:020d}-ab.segment"
        link.symlink_to(unknown)
        folder = tmp_path / f"{8:020d}-ab.segment"
        folder.mkdir()
        (tmp_path / "notes.txt").write_text("mine")
        now = [0.0]
        counted = CountedOutbox(tmp_path, clock=lambda: now[0])
        counted.deliver()
        now[0] = 31.0
        counted.deliver()

        logged = [each.message for each in caplog.records]
        assert sorted(message.split(" ", 1)[0] for message in logged) == sorted(
            map(str, (unknown, link, folder))
        )
        assert all("is left alone" in message for message in logged)
        assert unknown.read_bytes() == b"unknown\n"
        assert counted.stats()["accepted"] == 0

    def test_thousands_of_files_need_few_descriptors_and_little_memory(self, tmp_path):
        """Ten thousand killed processes left a gigabyte."""
        result = run(
            """
            import json, os, resource, sys
            from eventtracking.delivery.outbox import segment_header
            from eventtracking.delivery.outbox.record_lines import line_of
            from outbox_programs import UNLIMITED, CountedOutbox, record

            folder = sys.argv[1]
            header = segment_header.HEADER_BYTES
            counted = CountedOutbox(folder)
            counted.put(record(0))
            counted.kill()
            (name,) = os.listdir(folder)
            head = open(os.path.join(folder, name), "rb").read(header)
            for number in range(10_000):
                path = os.path.join(folder, f"{number:020d}-ab.segment")
                with open(path, "wb") as file:
                    file.write(head + line_of(record(number)))
                    if number % 100 == 0:
                        file.write(line_of(record(1, size=100_000)))
                        file.truncate(2_000_000)
            counted = CountedOutbox(folder)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
            start = os.times()
            first = counted.outbox.peek(100, UNLIMITED)
            end = os.times()
            opened = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else 0
            counted.settle(first)
            for _ in range(50):
                counted.settle(counted.outbox.peek(500, UNLIMITED))
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            seconds = end.user + end.system - start.user - start.system
            print(json.dumps([first[0].id, opened, grown, counted.stats()["sent"], seconds]))
            """,
            tmp_path,
        )
        print(f"descriptors, kilobytes, sent, seconds: {result[1:]}")  # noqa: T201  # the figures

        assert result[0] == "w-0"
        assert result[1] <= 14
        assert result[2] < 20_000
        assert result[3] > 100


class Sink(Destination):
    """A destination that is down at first."""

    label = "Sink"
    limits = Limits(500, 1_000_000, 100_000)

    def __init__(self):
        self.is_down = True
        self.arrived = []

    def encode(self, event):
        return b"{}"

    def deliver(self, batch, timeout):
        if self.is_down:
            return Retry(reason="down")
        self.arrived += batch
        return Ok()


class TestLimits:
    """A full folder."""

    def test_a_full_folder_accepts_events_again_when_it_has_room(self, tmp_path):
        """The limit is for all segments, including those of other processes."""
        now = [0.0]
        left_behind(tmp_path, *many(300, writer="old", size=1000))
        counted = CountedOutbox(tmp_path, max_bytes=700_000, clock=lambda: now[0])

        events = counted.put(*many(1000, size=1000))

        assert 300 < len(events) < 460
        assert segment_file.total_bytes(str(tmp_path)) < 700_000 + 80_000
        assert counted.stats()["lost"] == {"queue_full": 1000 - len(events)}
        assert len(counted.deliver()) == 300 + len(events)
        assert len(counted.put(*many(100, writer="new", size=1000))) == 100

    def test_room_made_by_another_process_is_noticed(self, tmp_path):
        """A full folder is checked every second."""
        now = [0.0]
        other = left_behind(tmp_path, *many(100, size=1000))
        counted = CountedOutbox(tmp_path, max_bytes=80_000, clock=lambda: now[0])

        assert counted.put(record(0)) == []
        other.unlink()
        assert counted.put(record(0)) == []
        now[0] = 2.0
        assert counted.put(record(0)) == [record(0)]

    def test_the_oldest_events_can_be_dropped_for_the_newest(self, tmp_path):
        """A whole file at a time, but no file of which events are being sent."""
        counted = CountedOutbox(tmp_path, max_bytes=700_000)
        events = counted.put(*many(1000, size=1000))
        window = counted.outbox.peek(10, UNLIMITED)

        dropped = counted.outbox.drop_oldest()

        assert window == events[:10]
        assert dropped
        assert dropped == events[(at := events.index(dropped[0])) : at + len(dropped)]
        assert at > 10
        counted.counters.lose("queue_full", len(dropped))
        assert len(counted.put(*many(10, writer="new"))) == 10
        assert [*counted.deliver()] == [
            *events[:at],
            *events[at + len(dropped) :],
            *many(10, writer="new"),
        ]
        assert counted.stats()["pending"] == 0

    def test_the_oldest_orphan_is_dropped_first(self, tmp_path):
        """Its events count as accepted and as lost."""
        left_behind(tmp_path, *many(5, writer="old"))
        left_behind(tmp_path, *many(5, writer="older"))
        counted = CountedOutbox(tmp_path)

        assert ids(counted.outbox.drop_oldest()) == [f"old-{each}" for each in range(5)]
        assert len(files(tmp_path)) == 1
        counted.counters.lose("queue_full", 5)
        assert counted.stats()["accepted"] == 5
        assert len(counted.outbox.drop_oldest()) == 5
        assert counted.outbox.drop_oldest() == []

    @pytest.mark.parametrize("on_full", ["drop_newest", "drop_oldest", "block"])
    def test_a_backend_with_a_full_outbox_follows_on_full(self, tmp_path, on_full):
        """With 50 000 events and 5 MB, each is counted, and those that are kept arrive."""
        sink = Sink()
        total = 1000 if on_full == "block" else 50_000
        backend = NetworkBackend(
            sink,
            outbox=tmp_path,
            max_outbox_bytes=5_000_000 if on_full != "block" else 200_000,
            on_full=on_full,
            block_timeout=0.001,
            exit_timeout=0,
        )
        for number in range(total):
            backend.put("thing.done", b'{"number":%d,"filling":"%b"}' % (number, b"x" * 200))
        full = backend.stats()
        size = segment_file.total_bytes(str(tmp_path))
        sink.is_down = False
        assert backend.flush(HANG_SECONDS)
        backend.close()
        stats = backend.stats()

        assert full["accepted"] == total == full["pending"] + full["lost"]["queue_full"]
        assert size < (5_000_000 if on_full != "block" else 200_000) + 600_000
        assert stats["accepted"] == stats["sent"] + stats["lost"]["queue_full"] == total
        numbers = [int(each.payload[10:].split(b",")[0]) for each in sink.arrived]
        assert numbers == sorted(set(numbers))
        assert (numbers[-1] == total - 1) == (on_full == "drop_oldest")

    def test_a_process_that_finds_the_folder_full_delivers_its_events(self, tmp_path):
        """Its own event is refused, which must not stop delivery."""
        left_behind(tmp_path, *many(200, writer="old", size=1000))
        sink = Sink()
        sink.is_down = False
        backend = NetworkBackend(sink, outbox=tmp_path, max_outbox_bytes=100_000)
        backend.put("thing.done", record(0).payload)
        deadline = time.monotonic() + HANG_SECONDS
        while len(sink.arrived) < 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        backend.close()

        assert len(sink.arrived) == 200
        assert backend.stats()["lost"] == {"queue_full": 1}


class TestFolders:
    """The owner and the permissions of a folder."""

    def test_a_folder_that_others_may_write_to_is_refused(self, tmp_path):
        """Any user could add events. The error gives the command that corrects it."""
        tmp_path.chmod(0o777)

        with pytest.raises(ImproperlyConfigured, match=r"SomeBackend: outbox .*run: chmod go-w /"):
            CountedOutbox(tmp_path, owner="SomeBackend")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_a_folder_of_another_user_is_refused(self, tmp_path):
        """That user could read and add events."""
        os.chown(tmp_path, 12345, -1)

        with pytest.raises(ImproperlyConfigured, match="belongs to user 12345; run: chown 0 /"):
            CountedOutbox(tmp_path)

    def test_a_file_in_its_place_is_refused(self, tmp_path):
        """When the backend is built, not at the first event."""
        (tmp_path / "outbox").touch()

        with pytest.raises(ImproperlyConfigured, match="must be a folder"):
            CountedOutbox(tmp_path / "outbox")

    def test_the_error_names_the_backend(self, tmp_path):
        """By its class, as in the settings."""
        tmp_path.chmod(0o777)

        with pytest.raises(ImproperlyConfigured, match=r"^NetworkBackend: outbox must be"):
            NetworkBackend(Sink(), outbox=tmp_path)

    def test_two_kinds_of_backends_cannot_share_a_folder(self, tmp_path):
        """Each would send events of the other. A closed backend does not count."""
        counted = CountedOutbox(tmp_path, owner="OneBackend")

        with pytest.raises(
            ImproperlyConfigured, match=r"^OtherBackend: outbox .*: OneBackend uses it$"
        ):
            CountedOutbox(tmp_path, owner="OtherBackend")
        counted.outbox.close()
        assert CountedOutbox(tmp_path, owner="OtherBackend").put(record(0))

    def test_a_deleted_folder_is_created_again(self, tmp_path):
        """For the next file. Open files are still delivered."""
        counted = CountedOutbox(tmp_path / "outbox", max_bytes=700_000)
        counted.put(*many(10, size=1000))
        shutil.rmtree(tmp_path / "outbox")
        counted.put(*many(200, writer="new", size=1000))

        assert len(counted.deliver()) == 210
        assert counted.stats()["pending"] == 0


def test_the_representation_names_the_folder(tmp_path):
    """It shows nothing else."""
    outbox = CountedOutbox(tmp_path).outbox

    assert repr(outbox) == f"<DiskOutbox '{tmp_path}'>"
