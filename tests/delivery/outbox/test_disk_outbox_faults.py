"""The outbox on disk: full disks, threads, signal handlers and forks."""

import gc
import logging
import os
import signal
import subprocess
import threading

import pytest
from outbox_programs import (
    HANG_SECONDS,
    CountedOutbox,
    files,
    ids,
    many,
    record,
    run,
    start,
)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
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
    """Errors while writing."""

    def test_events_on_a_full_disk_and_in_memory_are_delivered_in_order(self, small_disk):
        """Delivering needs no room on the disk."""
        counted = CountedOutbox(small_disk / "outbox")
        events = counted.put(*many(3000, size=1000))

        assert len(events) == 3000
        assert counted.outbox.backlog
        assert counted.deliver() == events
        assert counted.stats() == {"accepted": 3000, "sent": 3000, "pending": 0, "lost": {}}

    def test_events_in_memory_are_written_when_the_disk_has_room_again(self, small_disk):
        """In order, even though a line was cut off by the full disk."""
        counted = CountedOutbox(small_disk / "outbox")
        filler = small_disk / "filler"
        filler.write_bytes(bytes(700_000))
        events = counted.put(*many(600, size=1000))
        assert counted.outbox.backlog
        filler.unlink()
        events += counted.put(record(600))
        assert not counted.outbox.backlog
        counted.kill()
        later = CountedOutbox(small_disk / "outbox")

        assert later.deliver() == events
        assert later.stats() == {"accepted": 601, "sent": 601, "pending": 0, "lost": {}}

    def test_the_memory_is_limited_as_well(self, small_disk):
        """Further events are refused. Closing returns those that are lost."""
        counted = CountedOutbox(small_disk / "outbox", max_memory_bytes=100_000)
        events = counted.put(*many(3000, size=1000))

        in_memory = counted.outbox.backlog
        assert 80 < in_memory < 100
        lost = counted.outbox.close()
        assert lost == events[-in_memory:]
        counted.counters.lose("closed", len(lost))
        assert counted.stats()["lost"] == {"queue_full": 3000 - len(events), "closed": in_memory}

    def test_a_limit_of_the_file_size_begins_another_file(self, tmp_path):
        """An event that was cut off at the limit is written again as a whole."""
        result = run(
            """
            import json, resource, sys
            from outbox_programs import CountedOutbox, files, record

            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
            counted = CountedOutbox(sys.argv[1])
            events = counted.put(*[record(each, size=100) for each in range(100)])
            number = len(files(sys.argv[1]))
            print(json.dumps([number, counted.deliver() == events, counted.stats()]))
            """,
            tmp_path,
        )

        assert result[0] > 2
        assert result[1:] == [True, {"accepted": 100, "sent": 100, "pending": 0, "lost": {}}]

    def test_a_disk_that_cannot_be_written_to_is_logged(self, tmp_path, caplog):
        """Once a minute, with the reason. The events are delivered from memory."""
        counted = CountedOutbox(tmp_path / "outbox")
        (tmp_path / "outbox").rmdir()
        (tmp_path / "outbox").touch()
        events = counted.put(*many(5))

        assert counted.deliver() == events
        assert counted.stats() == {"accepted": 5, "sent": 5, "pending": 0, "lost": {}}
        assert [each.levelno for each in caplog.records] == [logging.WARNING]
        assert caplog.text.count("; 1 event(s) wait in memory") == 1

    def test_no_event_is_lost_when_other_code_closes_the_descriptor(self, tmp_path):
        """A daemon library closes all files. The next event is written to a new one."""
        counted = CountedOutbox(tmp_path)
        counted.put(record(0))
        os.close(counted.outbox._writer._appender.descriptor)
        counted.put(record(1), record(2))

        assert ids(counted.deliver()) == ["w-0", "w-1", "w-2"]
        assert counted.stats()["sent"] == 3


class TestThreadsAndSignals:
    """Threads, signal handlers and forks at any moment."""

    def test_threads_that_write_to_many_files_lose_no_event(self, tmp_path):
        """Eight threads write while a ninth one delivers."""
        counted = CountedOutbox(tmp_path, max_bytes=10_000_000, segment_bytes=3_000)

        def write(writer):
            counted.put(*many(400, writer=f"t{writer}"))

        threads = [threading.Thread(target=write, args=[each]) for each in range(8)]
        for thread in threads:
            thread.start()
        delivered = []
        while any(thread.is_alive() for thread in threads) or counted.outbox.pending:
            delivered += counted.deliver(100)
        for thread in threads:
            thread.join(HANG_SECONDS)
        delivered += counted.deliver()

        assert counted.stats() == {"accepted": 3200, "sent": 3200, "pending": 0, "lost": {}}
        for writer in range(8):
            mine = [each for each in ids(delivered) if each.startswith(f"t{writer}-")]
            assert sorted(mine) == sorted(f"t{writer}-{number}" for number in range(400))
        assert len(files(tmp_path)) <= 1

    def test_a_signal_handler_may_emit_during_an_emit(self, tmp_path):
        """Even while a file is created. There is no deadlock, and no event is lost or doubled."""
        result = run(
            """
            import json, signal, sys, time
            from itertools import count
            from outbox_programs import CountedOutbox, record

            counted = CountedOutbox(sys.argv[1], segment_bytes=500)
            numbers = count()

            def handle(*_):
                counted.put(record(next(numbers), writer="signal"))

            signal.signal(signal.SIGALRM, handle)
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            for number in range(3000):
                counted.put(record(number))
                if number % 100 == 0:
                    counted.deliver(50)
            signal.setitimer(signal.ITIMER_REAL, 0)
            counted.deliver()
            stats = counted.stats()
            unsent = 3000 + next(numbers) - stats["sent"]
            print(json.dumps([unsent, stats["pending"], stats["lost"]]))
            """,
            tmp_path,
        )

        assert result == [0, 0, {}]

    def test_a_forked_child_writes_its_own_file_and_keeps_the_locks_of_its_parent(self, tmp_path):
        """Waiting events remain with the parent. The events of both arrive once."""
        result = run(
            """
            import json, os, sys
            from eventtracking.delivery.outbox import segment_file
            from outbox_programs import UNLIMITED, CountedOutbox, files, forked, ids, record

            folder = sys.argv[1]
            counted = CountedOutbox(folder)
            os.register_at_fork(after_in_child=counted.outbox.forget)
            counted.put(*[record(each) for each in range(10)])
            window = counted.outbox.peek(3, UNLIMITED)

            def child():
                assert counted.outbox.pending == 0
                assert counted.put(record(0, "child")) == [record(0, "child")]
                counted.put(record(1, "child"))

            ended = [forked(child) for _ in range(3)]
            locked = [segment_file.is_locked(str(path)) for path in files(folder)]
            counted.settle(window)
            counted.outbox.scan()
            print(json.dumps([ended, locked, sorted(ids(counted.deliver()))]))
            """,
            tmp_path,
        )

        # The file of the parent is locked, and those of the children are orphans.
        assert result[:2] == [[0, 0, 0], [True, False, False, False]]
        assert result[2] == sorted(
            [*(f"w-{each}" for each in range(3, 10)), *["child-0", "child-1"] * 3]
        )

    def test_a_child_that_outlives_its_parent_does_not_hold_the_files_of_the_parent(self, tmp_path):
        """The parent is killed, and the next process adopts its files at once."""
        program = """
            import os, sys, time
            from outbox_programs import CountedOutbox, record

            counted = CountedOutbox(sys.argv[1])
            os.register_at_fork(after_in_child=counted.outbox.forget)
            counted.put(record(0), record(1))
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
                counted = CountedOutbox(tmp_path)
                assert ids(counted.deliver()) == ["w-0", "w-1"]
            finally:
                os.kill(child, signal.SIGKILL)

    def test_forks_while_threads_emit_hang_no_child(self, tmp_path):
        """No child inherits a lock that is held, and no event arrives twice."""
        result = run(
            """
            import json, os, sys, threading
            from outbox_programs import CountedOutbox, forked, ids, record

            counted = CountedOutbox(sys.argv[1], segment_bytes=2_000)
            os.register_at_fork(after_in_child=counted.outbox.forget)
            stop = threading.Event()
            written = [0] * 3

            def write(writer):
                while not stop.is_set():
                    counted.put(record(written[writer], f"t{writer}"))
                    written[writer] += 1

            threads = [threading.Thread(target=write, args=[each]) for each in range(3)]
            for thread in threads:
                thread.start()

            def child(number):
                counted.put(*[record(each, f"child{number}") for each in range(3)])

            ended = {forked(lambda: child(number)) for number in range(60)}
            stop.set()
            for thread in threads:
                thread.join(300)
            found = ids(counted.deliver())
            counted.outbox.scan()
            found += ids(counted.deliver())
            twice = len(found) - len(set(found))
            print(json.dumps([[*ended], len(found) - sum(written), twice, counted.stats()["lost"]]))
            """,
            tmp_path,
        )

        assert result == [[0], 180, 0, {}]
