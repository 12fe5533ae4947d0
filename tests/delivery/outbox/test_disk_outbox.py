"""Events in files: kept in order until they arrived, whatever becomes of the process."""

import gc
import json
import logging
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
from outbox_programs import (
    ANY,
    HANG_SECONDS,
    Kept,
    files,
    ids,
    left_behind,
    record,
    run,
    start,
)

from eventtracking.delivery import Destination, Limits, NetworkBackend, Ok, Retry
from eventtracking.delivery.outbox import segment_file, segment_header
from eventtracking.exceptions import ImproperlyConfigured


def many(number, **form):
    return [record(each, **form) for each in range(number)]


class TestOneProcess:
    """Putting in, looking, settling."""

    def test_events_come_out_in_the_order_they_were_put_in(self, tmp_path):
        """Over many windows, and from more than one file."""
        kept = Kept(tmp_path, max_bytes=700_000)
        events = kept.put(*many(300, size=1000))

        assert len(files(tmp_path)) > 3
        assert kept.deliver(window=7) == events
        assert kept.books() == {"accepted": 300, "sent": 300, "pending": 0, "lost": {}}

    def test_what_is_not_settled_comes_again(self, tmp_path):
        """Until it is; and nothing else comes before."""
        kept = Kept(tmp_path)
        events = kept.put(*many(10))

        assert kept.outbox.peek(4, ANY) == events[:4]
        kept.settle([events[1], events[3]])
        assert kept.outbox.peek(4, ANY) == [events[0], events[2]]
        kept.settle([events[0], events[2]])
        assert kept.outbox.peek(4, ANY) == events[4:8]
        assert kept.books()["pending"] == 6

    def test_a_window_is_bounded_in_bytes_but_holds_one_event(self, tmp_path):
        """One that is larger than asked for would wait for ever."""
        kept = Kept(tmp_path)
        events = kept.put(*many(5, size=1000))

        assert kept.outbox.peek(5, 10) == events[:1]
        kept.settle(events[:1])
        assert kept.outbox.peek(5, 2 * len(events[1].payload)) == events[1:3]

    def test_what_is_settled_twice_counts_once(self, tmp_path):
        """The number tells how many were still there."""
        kept = Kept(tmp_path)
        events = kept.put(*many(3))
        kept.outbox.peek(3, ANY)

        assert kept.outbox.settle(events[:2]) == 2
        assert kept.outbox.settle(events) == 1
        assert kept.outbox.settle(events) == 0

    def test_an_event_larger_than_a_read_comes_whole(self, tmp_path):
        """Blocks are of a quarter of a megabyte; payloads need not be."""
        kept = Kept(tmp_path)
        events = kept.put(record(0), record(1, size=1_000_000), record(2))

        assert kept.deliver() == events

    def test_two_events_with_one_id_both_come(self, tmp_path):
        """In different windows, so that settling one does not settle the other."""
        kept = Kept(tmp_path)
        kept.put(record(0), record(0), record(1))

        assert ids(kept.deliver()) == ["w-0", "w-0", "w-1"]
        assert kept.books()["sent"] == 3

    def test_no_file_is_made_before_the_first_event(self, tmp_path):
        """Building settings to look at them leaves nothing behind."""
        kept = Kept(tmp_path / "new" / "outbox")
        assert not files(kept.outbox.folder)
        assert kept.outbox.peek(1, ANY) == []
        kept.put(record(0))

        assert len(files(kept.outbox.folder)) == 1
        assert os.stat(kept.outbox.folder).st_mode & 0o777 == 0o700

    def test_files_are_deleted_when_all_in_them_arrived(self, tmp_path):
        """All but the one that is written to; and that too, when the outbox is closed."""
        kept = Kept(tmp_path, max_bytes=700_000)
        kept.put(*many(300, size=1000))
        kept.deliver()
        assert len(files(tmp_path)) <= 1

        assert kept.outbox.close() == []
        assert files(tmp_path) == []

    def test_the_folder_stays_where_it_was(self, tmp_path, monkeypatch):
        """A daemon changes its working directory."""
        monkeypatch.chdir(tmp_path)
        kept = Kept("outbox")
        monkeypatch.chdir("/")
        kept.put(record(0))

        assert len(files(tmp_path / "outbox")) == 1

    def test_a_closed_outbox_keeps_nothing(self, tmp_path):
        """And closing twice is harmless."""
        kept = Kept(tmp_path)
        kept.put(record(0))
        assert kept.outbox.close() == []
        assert kept.outbox.close() == []

        assert kept.put(record(1)) == []
        assert kept.outbox.peek(9, ANY) == []
        assert kept.outbox.settle([record(0)]) == 0
        assert kept.books() == {"accepted": 2, "sent": 0, "pending": 1, "lost": {"queue_full": 1}}

    def test_a_damaged_line_in_a_file_of_ours_is_counted(self, tmp_path):
        """While the process lives; its neighbours arrive."""
        kept = Kept(tmp_path)
        events = kept.put(*many(5))
        (path,) = files(tmp_path)
        content = path.read_bytes()
        path.write_bytes(content.replace(events[2].payload, b"#" * len(events[2].payload)))

        assert kept.deliver() == [*events[:2], *events[3:]]
        assert kept.books() == {"accepted": 5, "sent": 4, "pending": 0, "lost": {"corrupt": 1}}

    def test_a_file_that_is_cut_short_is_counted_and_the_next_events_arrive(self, tmp_path):
        """Somebody truncated it under us."""
        kept = Kept(tmp_path)
        kept.put(*many(5))
        kept.deliver(5)
        kept.put(*many(5, writer="gone"))
        os.truncate(files(tmp_path)[0], segment_header.HEADER_BYTES)

        assert kept.deliver() == []
        assert kept.deliver() == []
        kept.put(record(0, writer="new"))
        assert ids(kept.deliver()) == ["new-0"]
        assert kept.books() == {"accepted": 11, "sent": 6, "pending": 0, "lost": {"corrupt": 5}}


class TestTakingOver:
    """What another process left."""

    def test_the_next_process_delivers_what_is_left(self, tmp_path):
        """From where the last one was, each exactly once, the oldest file first."""
        first = Kept(tmp_path)
        first.put(*many(10, writer="first"))
        first.deliver(4)
        first.die()
        left_behind(tmp_path, *many(3, writer="second"))
        third = Kept(tmp_path)
        third.put(record(0, writer="third"))

        found = ids(third.deliver())

        expected = [f"first-{each}" for each in range(4, 10)]
        assert found == [*expected, "second-0", "second-1", "second-2", "third-0"]
        assert third.books() == {"accepted": 10, "sent": 10, "pending": 0, "lost": {}}
        assert len(files(tmp_path)) == 1

    def test_what_is_taken_over_is_pending_until_the_last_file(self, tmp_path):
        """Otherwise a worker would go to sleep with events still in files."""
        for writer in "abc":
            left_behind(tmp_path, *many(5, writer=writer))
        kept = Kept(tmp_path)

        batch = kept.outbox.peek(5, ANY)
        kept.settle(batch)
        seen = [kept.outbox.pending]
        while batch := kept.outbox.peek(5, ANY):
            kept.settle(batch)
            seen.append(kept.outbox.pending)

        assert all(seen[:2])
        assert seen[-1] == 0
        assert kept.books()["sent"] == 15

    def test_what_a_living_process_has_is_left_to_it(self, tmp_path):
        """Two outboxes on one folder deliver their own events, each once."""
        one, other = Kept(tmp_path), Kept(tmp_path)
        one.put(*many(3, writer="one"))
        other.put(*many(3, writer="other"))

        assert ids(other.deliver()) == ["other-0", "other-1", "other-2"]
        assert ids(one.deliver()) == ["one-0", "one-1", "one-2"]

    def test_what_is_left_later_is_found_later(self, tmp_path):
        """A look every half a minute, when another process may have died."""
        now = [0.0]
        kept = Kept(tmp_path, clock=lambda: now[0])
        kept.put(record(0))
        kept.deliver()
        left_behind(tmp_path, record(0, writer="late"))

        assert kept.outbox.peek(1, ANY) == []
        now[0] = 31.0
        assert ids(kept.deliver()) == ["late-0"]

    def test_closing_leaves_the_rest_to_the_next_process(self, tmp_path):
        """Also what this process had taken over."""
        left_behind(tmp_path, *many(5, writer="old"))
        kept = Kept(tmp_path)
        kept.put(*many(5))
        kept.deliver(2)
        kept.outbox.peek(2, ANY)

        assert kept.outbox.close() == []
        assert kept.books()["pending"] == 8
        later = Kept(tmp_path)
        assert len(later.deliver()) == 8
        assert later.books()["accepted"] == 8

    def test_a_torn_last_line_is_counted(self, tmp_path):
        """It was never acknowledged, but nobody else could count it."""
        path = left_behind(tmp_path, *many(3))
        os.truncate(path, path.stat().st_size - 10)
        kept = Kept(tmp_path)

        assert ids(kept.deliver()) == ["w-0", "w-1"]
        assert kept.books() == {"accepted": 3, "sent": 2, "pending": 0, "lost": {"corrupt": 1}}
        assert files(tmp_path) == []

    def test_strange_files_are_left_alone_and_told_of_once(self, tmp_path, caplog):
        """Foreign content under a name like ours, a link, a folder, another name."""
        foreign = left_behind(tmp_path, record(0))
        foreign.write_bytes(b"not ours\n")
        link = tmp_path / f"{7:020d}-ab.journal"
        link.symlink_to(foreign)
        folder = tmp_path / f"{8:020d}-ab.journal"
        folder.mkdir()
        (tmp_path / "notes.txt").write_text("mine")
        now = [0.0]
        kept = Kept(tmp_path, clock=lambda: now[0])
        kept.deliver()
        now[0] = 31.0
        kept.deliver()

        told = [each.message for each in caplog.records]
        assert sorted(message.split(" ", 1)[0] for message in told) == sorted(
            map(str, (foreign, link, folder))
        )
        assert all("is left alone" in message for message in told)
        assert foreign.read_bytes() == b"not ours\n"
        assert kept.books()["accepted"] == 0

    def test_thousands_of_files_need_few_descriptors_and_no_memory(self, tmp_path):
        """Ten thousand processes died with a gigabyte waiting; the next one starts at once."""
        result = run(
            """
            import json, os, resource, sys
            from eventtracking.delivery.outbox import segment_header
            from eventtracking.delivery.outbox.record_lines import line_of
            from outbox_programs import ANY, Kept, record

            folder = sys.argv[1]
            header = segment_header.HEADER_BYTES
            kept = Kept(folder)
            kept.put(record(0))
            kept.die()
            (name,) = os.listdir(folder)
            head = open(os.path.join(folder, name), "rb").read(header)
            for number in range(10_000):
                path = os.path.join(folder, f"{number:020d}-ab.journal")
                with open(path, "wb") as file:
                    file.write(head + line_of(record(number)))
                    if number % 100 == 0:
                        # Large ones.
                        file.write(line_of(record(1, size=100_000)))
                        file.truncate(2_000_000)
            kept = Kept(folder)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
            start = os.times()
            first = kept.outbox.peek(100, ANY)
            end = os.times()
            opened = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else 0
            kept.settle(first)
            for _ in range(50):
                kept.settle(kept.outbox.peek(500, ANY))
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            books = kept.books()
            seconds = end.user + end.system - start.user - start.system
            print(json.dumps([first[0].id, opened, grown, books["sent"], seconds]))
            """,
            tmp_path,
        )
        print(f"descriptors, kilobytes, sent, seconds: {result[1:]}")  # noqa: T201  # the figures

        assert result[0] == "w-0"
        assert result[1] <= 14
        assert result[2] < 20_000
        assert result[3] > 100


class TestBounds:
    """When there is no room."""

    def test_a_full_folder_refuses_and_takes_again_when_there_is_room(self, tmp_path):
        """All journals together count, those of other processes too."""
        now = [0.0]
        left_behind(tmp_path, *many(300, writer="old", size=1000))
        kept = Kept(tmp_path, max_bytes=700_000, clock=lambda: now[0])

        events = kept.put(*many(1000, size=1000))

        assert 300 < len(events) < 460
        assert segment_file.total_bytes(str(tmp_path)) < 700_000 + 80_000
        assert kept.books()["lost"] == {"queue_full": 1000 - len(events)}
        assert len(kept.deliver()) == 300 + len(events)
        assert len(kept.put(*many(100, writer="new", size=1000))) == 100

    def test_room_that_another_process_made_is_noticed(self, tmp_path):
        """A look every second while it is full."""
        now = [0.0]
        other = left_behind(tmp_path, *many(100, size=1000))
        kept = Kept(tmp_path, max_bytes=80_000, clock=lambda: now[0])

        assert kept.put(record(0)) == []
        other.unlink()
        assert kept.put(record(0)) == []
        now[0] = 2.0
        assert kept.put(record(0)) == [record(0)]

    def test_the_oldest_can_be_given_up_for_the_newest(self, tmp_path):
        """A whole file at a time, and none of which something is on its way."""
        kept = Kept(tmp_path, max_bytes=700_000)
        events = kept.put(*many(1000, size=1000))
        window = kept.outbox.peek(10, ANY)

        dropped = kept.outbox.drop_oldest()

        assert window == events[:10]
        assert dropped
        assert dropped == events[(at := events.index(dropped[0])) : at + len(dropped)]
        assert at > 10
        kept.counters.lose("queue_full", len(dropped))
        assert len(kept.put(*many(10, writer="new"))) == 10
        assert [*kept.deliver()] == [
            *events[:at],
            *events[at + len(dropped) :],
            *many(10, writer="new"),
        ]
        assert kept.books()["pending"] == 0

    def test_of_what_others_left_the_oldest_is_given_up_first(self, tmp_path):
        """It counts as accepted and as lost."""
        left_behind(tmp_path, *many(5, writer="old"))
        left_behind(tmp_path, *many(5, writer="older"))
        kept = Kept(tmp_path)

        assert ids(kept.outbox.drop_oldest()) == [f"old-{each}" for each in range(5)]
        assert len(files(tmp_path)) == 1
        kept.counters.lose("queue_full", 5)
        assert kept.books()["accepted"] == 5
        assert len(kept.outbox.drop_oldest()) == 5
        assert kept.outbox.drop_oldest() == []

    @pytest.mark.parametrize("on_full", ["drop_newest", "drop_oldest", "block"])
    def test_at_the_bound_a_backend_does_what_on_full_says(self, tmp_path, on_full):
        """50 000 events, 5 MB, nobody answers: each is counted, and what is left arrives."""
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
        books = backend.stats()

        assert full["accepted"] == total == full["pending"] + full["lost"]["queue_full"]
        assert size < (5_000_000 if on_full != "block" else 200_000) + 600_000
        assert books["accepted"] == books["sent"] + books["lost"]["queue_full"] == total
        numbers = [int(each.payload[10:].split(b",")[0]) for each in sink.got]
        assert numbers == sorted(set(numbers))
        assert (numbers[-1] == total - 1) == (on_full == "drop_oldest")

    def test_a_process_that_finds_the_folder_full_delivers_what_fills_it(self, tmp_path):
        """Its own event is refused; what dead processes left goes out all the same."""
        left_behind(tmp_path, *many(200, writer="old", size=1000))
        sink = Sink()
        sink.is_down = False
        backend = NetworkBackend(sink, outbox=tmp_path, max_outbox_bytes=100_000)
        backend.put("thing.done", record(0).payload)
        deadline = time.monotonic() + HANG_SECONDS
        while len(sink.got) < 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        backend.close()

        assert len(sink.got) == 200
        assert backend.stats()["lost"] == {"queue_full": 1}


class Sink(Destination):
    """A destination that is down at first."""

    label = "Sink"
    limits = Limits(500, 1_000_000, 100_000)

    def __init__(self):
        self.is_down = True
        self.got = []

    def encode(self, event):
        return b"{}"

    def deliver(self, batch, timeout):
        if self.is_down:
            return Retry(reason="down")
        self.got += batch
        return Ok()


class TestFolders:
    """Whose folder it may be."""

    def test_a_folder_that_others_may_write_to_is_refused(self, tmp_path):
        """Anybody could plant events in it. The error says what to do."""
        tmp_path.chmod(0o777)

        with pytest.raises(ImproperlyConfigured, match=r"SomeBackend: outbox .*run: chmod go-w /"):
            Kept(tmp_path, who="SomeBackend")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_a_folder_of_another_user_is_refused(self, tmp_path):
        """That one could read the events, and plant some."""
        os.chown(tmp_path, 12345, -1)

        with pytest.raises(ImproperlyConfigured, match="belongs to user 12345; run: chown 0 /"):
            Kept(tmp_path)

    def test_a_file_in_its_place_is_refused(self, tmp_path):
        """When the backend is built, not at the first event."""
        (tmp_path / "outbox").touch()

        with pytest.raises(ImproperlyConfigured, match="must be a folder"):
            Kept(tmp_path / "outbox")

    def test_the_backend_that_is_refused_is_named(self, tmp_path):
        """As its class is called in the settings."""
        tmp_path.chmod(0o777)

        with pytest.raises(ImproperlyConfigured, match=r"^NetworkBackend: outbox must be"):
            NetworkBackend(Sink(), outbox=tmp_path)

    def test_two_kinds_of_backends_cannot_share_a_folder(self, tmp_path):
        """Each would send what the other one left. One that was closed is in nobody's way."""
        kept = Kept(tmp_path, who="OneBackend")

        with pytest.raises(ImproperlyConfigured, match=r"^OtherBackend: outbox .* OneBackend has$"):
            Kept(tmp_path, who="OtherBackend")
        kept.outbox.close()
        assert Kept(tmp_path, who="OtherBackend").put(record(0))

    def test_a_folder_that_vanishes_is_made_again(self, tmp_path):
        """For the next file; what was in the old ones is delivered from there all the same."""
        kept = Kept(tmp_path / "outbox", max_bytes=700_000)
        kept.put(*many(10, size=1000))
        shutil.rmtree(tmp_path / "outbox")
        kept.put(*many(200, writer="new", size=1000))

        assert len(kept.deliver()) == 210
        assert kept.books()["pending"] == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
        timeout=HANG_SECONDS,
    )
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield disk
    finally:
        gc.collect()
        subprocess.run(["umount", "-l", str(disk)], check=True, timeout=HANG_SECONDS)


class TestFullDisks:
    """When writing fails."""

    def test_a_full_disk_drains_to_nothing(self, small_disk):
        """What waits on it, and what waits in memory because of it, in order."""
        kept = Kept(small_disk / "outbox")
        events = kept.put(*many(3000, size=1000))

        assert len(events) == 3000
        assert kept.outbox._writer.backlog
        assert kept.deliver() == events
        assert kept.books() == {"accepted": 3000, "sent": 3000, "pending": 0, "lost": {}}

    def test_when_there_is_room_again_events_go_to_the_disk(self, small_disk):
        """In order, and the line that the full disk tore harms none."""
        kept = Kept(small_disk / "outbox")
        filler = small_disk / "filler"
        filler.write_bytes(bytes(700_000))
        events = kept.put(*many(600, size=1000))
        assert kept.outbox._writer.backlog
        filler.unlink()
        events += kept.put(record(600))
        assert not kept.outbox._writer.backlog
        kept.die()
        later = Kept(small_disk / "outbox")

        assert later.deliver() == events
        assert later.books() == {"accepted": 601, "sent": 601, "pending": 0, "lost": {}}

    def test_memory_is_bounded_too(self, small_disk):
        """Beyond that nothing is kept, and what is lost at the end is told."""
        kept = Kept(small_disk / "outbox", max_memory_bytes=100_000)
        events = kept.put(*many(3000, size=1000))

        in_memory = len(kept.outbox._writer.backlog)
        assert 80 < in_memory < 100
        lost = kept.outbox.close()
        assert lost == events[-in_memory:]
        kept.counters.lose("closed", len(lost))
        assert kept.books()["lost"] == {"queue_full": 3000 - len(events), "closed": in_memory}

    def test_a_limit_for_one_file_begins_another(self, tmp_path):
        """Nothing need wait in memory for it. What the limit tore is written again, whole."""
        result = run(
            """
            import json, resource, sys
            from outbox_programs import Kept, files, record

            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
            kept = Kept(sys.argv[1])
            events = kept.put(*[record(each, size=100) for each in range(100)])
            number = len(files(sys.argv[1]))
            print(json.dumps([number, kept.deliver() == events, kept.books()]))
            """,
            tmp_path,
        )

        assert result[0] > 2
        assert result[1:] == [True, {"accepted": 100, "sent": 100, "pending": 0, "lost": {}}]

    def test_a_disk_that_takes_nothing_is_told_of(self, tmp_path, caplog):
        """Once a minute, with the reason; the events arrive from memory."""
        kept = Kept(tmp_path / "outbox")
        (tmp_path / "outbox").rmdir()
        (tmp_path / "outbox").touch()
        events = kept.put(*many(5))

        assert kept.deliver() == events
        assert kept.books() == {"accepted": 5, "sent": 5, "pending": 0, "lost": {}}
        assert [each.levelno for each in caplog.records] == [logging.WARNING]
        assert caplog.text.count("; 1 event(s) wait in memory") == 1

    def test_no_event_is_lost_when_descriptors_are_closed_by_others(self, tmp_path):
        """A daemon library closes all files; the next event goes to a new one."""
        kept = Kept(tmp_path)
        kept.put(record(0))
        os.close(kept.outbox._writer._pen.descriptor)
        kept.put(record(1), record(2))

        assert ids(kept.deliver()) == ["w-0", "w-1", "w-2"]
        assert kept.books()["sent"] == 3


class TestThreadsAndSignals:
    """Whoever comes when, and in the middle of what."""

    def test_threads_that_write_and_roll_lose_nothing(self, tmp_path):
        """Eight of them, while a ninth delivers; each thread's events in its order."""
        kept = Kept(tmp_path, max_bytes=10_000_000)
        kept.outbox._writer._journal_bytes = 3_000

        def write(writer):
            kept.put(*many(400, writer=f"t{writer}"))

        threads = [threading.Thread(target=write, args=[each]) for each in range(8)]
        for thread in threads:
            thread.start()
        delivered = []
        while any(thread.is_alive() for thread in threads) or kept.outbox.pending:
            delivered += kept.deliver(100)
        for thread in threads:
            thread.join(HANG_SECONDS)
        delivered += kept.deliver()

        assert kept.books() == {"accepted": 3200, "sent": 3200, "pending": 0, "lost": {}}
        for writer in range(8):
            mine = [each for each in ids(delivered) if each.startswith(f"t{writer}-")]
            assert sorted(mine) == sorted(f"t{writer}-{number}" for number in range(400))
        assert len(files(tmp_path)) <= 1

    def test_a_signal_handler_may_emit_during_an_emit(self, tmp_path):
        """While a file is begun, too: no deadlock, and nothing lost or doubled."""
        result = run(
            """
            import json, signal, sys, time
            from itertools import count
            from outbox_programs import Kept, record

            kept = Kept(sys.argv[1])
            kept.outbox._writer._journal_bytes = 500
            numbers = count()

            def handle(*_):
                kept.put(record(next(numbers), writer="signal"))

            signal.signal(signal.SIGALRM, handle)
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            for number in range(3000):
                kept.put(record(number))
                if number % 100 == 0:
                    kept.deliver(50)
            signal.setitimer(signal.ITIMER_REAL, 0)
            kept.deliver()
            books = kept.books()
            unsent = 3000 + next(numbers) - books["sent"]
            print(json.dumps([unsent, books["pending"], books["lost"]]))
            """,
            tmp_path,
        )

        assert result == [0, 0, {}]

    def test_a_forked_child_writes_a_file_of_its_own_and_unlocks_nothing(self, tmp_path):
        """What waits stays the parent's; both sides' events arrive once."""
        result = run(
            """
            import json, os, sys
            from outbox_programs import ANY, Kept, files, forked, ids, record, segment_file

            folder = sys.argv[1]
            kept = Kept(folder)
            os.register_at_fork(after_in_child=kept.outbox.forget)
            kept.put(*[record(each) for each in range(10)])
            window = kept.outbox.peek(3, ANY)

            def child():
                assert kept.outbox.pending == 0
                assert kept.put(record(0, "child")) == [record(0, "child")]
                kept.put(record(1, "child"))

            ended = [forked(child) for _ in range(3)]
            locked = [segment_file.is_locked(str(path)) for path in files(folder)]
            kept.settle(window)
            kept.outbox._orphans._look_at = 0.0
            print(json.dumps([ended, locked, sorted(ids(kept.deliver()))]))
            """,
            tmp_path,
        )

        # The parent's is locked, those of the children are orphans.
        assert result[:2] == [[0, 0, 0], [True, False, False, False]]
        assert result[2] == sorted(
            [*(f"w-{each}" for each in range(3, 10)), *["child-0", "child-1"] * 3]
        )

    def test_a_child_that_lives_longer_does_not_hold_its_parents_files(self, tmp_path):
        """The parent is killed, and the next process takes over at once."""
        program = """
            import os, sys, time
            from outbox_programs import Kept, record

            kept = Kept(sys.argv[1])
            os.register_at_fork(after_in_child=kept.outbox.forget)
            kept.put(record(0), record(1))
            if os.fork() == 0:
                print(os.getpid(), flush=True)
                time.sleep(300)
                os._exit(0)
            os.kill(os.getpid(), 9)
        """
        with start(program, tmp_path) as process:
            child = int(process.stdout.readline())
            try:
                process.wait(HANG_SECONDS)
                kept = Kept(tmp_path)
                assert ids(kept.deliver()) == ["w-0", "w-1"]
            finally:
                os.kill(child, signal.SIGKILL)

    def test_forks_while_threads_emit_hang_nobody(self, tmp_path):
        """Each child emits and ends; no lock is left held, no event comes twice."""
        result = run(
            """
            import json, os, sys, threading
            from outbox_programs import Kept, forked, ids, record

            kept = Kept(sys.argv[1])
            kept.outbox._writer._journal_bytes = 2_000
            os.register_at_fork(after_in_child=kept.outbox.forget)
            stop = threading.Event()
            written = [0] * 3

            def write(writer):
                while not stop.is_set():
                    kept.put(record(written[writer], f"t{writer}"))
                    written[writer] += 1

            threads = [threading.Thread(target=write, args=[each]) for each in range(3)]
            for thread in threads:
                thread.start()

            def child(number):
                kept.put(*[record(each, f"child{number}") for each in range(3)])

            ended = {forked(lambda: child(number)) for number in range(60)}
            stop.set()
            for thread in threads:
                thread.join(300)
            found = ids(kept.deliver())
            kept.outbox._orphans._look_at = 0.0
            found += ids(kept.deliver())
            twice = len(found) - len(set(found))
            print(json.dumps([[*ended], len(found) - sum(written), twice, kept.books()["lost"]]))
            """,
            tmp_path,
        )

        assert result == [[0], 180, 0, {}]


class TestDeadLetters:
    """What a destination refuses for good."""

    def test_a_refused_event_is_kept_with_its_reason(self, tmp_path):
        """One JSON object a line, for its owner only."""
        kept = Kept(tmp_path)
        kept.outbox.bury(record(1), "400 bad name", 400)
        kept.outbox.bury(record(2)._replace(name="\ud800"), "odd", None)
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

    def test_one_that_cannot_be_kept_is_told_of(self, tmp_path, caplog):
        """The file is a link that somebody planted: it is not followed."""
        elsewhere = tmp_path / "elsewhere"
        (tmp_path / "dead.jsonl").symlink_to(elsewhere)
        kept = Kept(tmp_path)
        kept.outbox.bury(record(1), "400", 400)

        assert not elsewhere.exists()
        assert "dead.jsonl: a refused event could not be kept" in caplog.text

    def test_the_file_is_bounded(self, tmp_path, caplog):
        """By what the outbox may hold."""
        kept = Kept(tmp_path, max_bytes=1000)
        for number in range(10):
            kept.outbox.bury(record(number, size=100), "400", 400)

        assert 700 < (tmp_path / "dead.jsonl").stat().st_size <= 1000
        assert caplog.text.count("could not be kept (it is as large as it may be") == 1

    def test_a_torn_line_harms_no_other(self, tmp_path):
        """The next one begins on a line of its own."""
        (tmp_path / "dead.jsonl").write_bytes(b'{"id":"x","pay')
        kept = Kept(tmp_path)
        kept.outbox.bury(record(1), "400", 400)

        assert [each.record.id for each in kept.outbox._dead.read()] == ["w-1"]


class TestAtMostOnce:
    """Destinations that would count an event twice."""

    def test_what_was_begun_and_not_settled_is_not_sent_again(self, tmp_path):
        """It is lost, `rejected`; its neighbours in the window are sent."""
        kept = Kept(tmp_path, idempotent=False)
        events = kept.put(*many(10))
        kept.outbox.peek(8, ANY)
        kept.settle(events[0:1])
        kept.settle(events[4:5])
        kept.outbox.begin(events[2:4])
        kept.outbox.begin(events[6:8])
        kept.outbox.release(events[7:8])
        kept.die()
        later = Kept(tmp_path, idempotent=False)

        assert later.deliver() == [events[1], events[5], *events[7:]]
        assert later.books() == {"accepted": 8, "sent": 5, "pending": 0, "lost": {"rejected": 3}}
        assert [loss[0] for loss in later.lost] == ["w-2", "w-3", "w-6"]

    def test_one_that_may_repeat_sends_them_again(self, tmp_path):
        """The mark says that they may have arrived, not that they did."""
        kept = Kept(tmp_path, idempotent=False)
        events = kept.put(*many(3))
        kept.outbox.peek(8, ANY)
        kept.outbox.begin(events[:2])
        kept.die()

        assert Kept(tmp_path).deliver() == events

    def test_a_window_is_no_larger_than_what_can_be_noted(self, tmp_path):
        """However much is asked for; also when what was settled is in the middle of it."""
        kept = Kept(tmp_path, idempotent=False)
        events = kept.put(*many(1000))

        assert kept.outbox.peek(500, ANY) == events[:256]
        kept.settle(events[1:256])
        assert kept.outbox.peek(500, ANY) == events[:1]
        kept.settle(events[:1])
        assert kept.deliver(window=500) == events[256:]

    def test_a_damaged_note_sends_nothing_twice(self, tmp_path):
        """Nobody knows what was sent: all that waits is lost, and counted."""
        path = left_behind(tmp_path, *many(3), idempotent=False)
        content = bytearray(path.read_bytes())
        content[60] ^= 1
        path.write_bytes(content)
        later = Kept(tmp_path, idempotent=False)

        assert later.deliver() == []
        assert later.books() == {"accepted": 3, "sent": 0, "pending": 0, "lost": {"rejected": 3}}

    def test_damaged_lines_do_not_shift_the_notes(self, tmp_path):
        """They count as lines, so each note stays with its event."""
        path = left_behind(tmp_path, *many(600), idempotent=False)
        content = path.read_bytes()
        for number in (0, 3, *range(10, 400)):
            payload = record(number).payload
            content = content.replace(payload, b"#" * len(payload))
        path.write_bytes(content)
        kept = Kept(tmp_path, idempotent=False)
        window = kept.outbox.peek(100, ANY)
        kept.outbox.begin([*window[1:3], window[-1]])
        kept.die()
        later = Kept(tmp_path, idempotent=False)

        assert ids(window) == [f"w-{each}" for each in (1, 2, *range(4, 10))]
        expected = [1, *range(5, 9), *range(400, 600)]
        assert later.deliver() == [record(number) for number in expected]
        assert later.books()["pending"] == 0
        assert later.books()["lost"]["rejected"] == 3


def test_its_representation_names_the_folder(tmp_path):
    """And nothing else."""
    outbox = Kept(tmp_path).outbox

    assert repr(outbox) == f"<DiskOutbox '{tmp_path}'>"
