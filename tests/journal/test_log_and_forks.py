"""Forks at any moment: no process hangs, and each event is written once."""

import json

import pytest
from log_programs import lines_in, numbers, run

# Threads write while the main thread forks. Every second child ends by os._exit, the
# others exit normally. Up to eight children run at a time.
FORK = """
    import json
    import os
    import sys
    import threading
    import time
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event, wait_for

    path, forks = sys.argv[1], int(sys.argv[2])
    backend = LogFileBackend(path)
    done = threading.Event()
    sent = {}

    def write(writer):
        number = 0
        while not done.is_set():
            for _ in range(20):
                backend.send(event(writer, number))
                number += 1
            time.sleep(0.001)
        sent[writer] = number

    def run_child(child):
        for number in range(3):
            backend.send(event(f"child-{child}", number))
        is_exact = backend.stats() == {"accepted": 3, "sent": 3, "pending": 0, "lost": {}}
        if child % 2:
            os._exit(not is_exact)
        sys.exit(not is_exact)

    # So that the main thread gets its turn, and forks while the others are writing.
    sys.setswitchinterval(0.0001)
    threads = []
    children = []
    for child in range(forks):
        while len(threads) < 3 + 5 * child // (forks - 1):
            args = (f"thread-{len(threads)}",)
            threads.append(threading.Thread(target=write, args=args, daemon=True))
            threads[-1].start()
        pid = os.fork()
        if not pid:
            run_child(child)
        children.append(pid)
        if len(children) == 8:
            assert wait_for(children.pop(0)) == 0
    for pid in children:
        assert wait_for(pid) == 0
    done.set()
    for thread in threads:
        thread.join()
    total = sum(sent.values())
    stats = backend.stats()
    assert stats == {"accepted": total, "sent": total, "pending": 0, "lost": {}}, stats
    print(json.dumps(sent))
"""

# A child is forked while events wait because the disk is full.
FORK_WAITING = """
    import logging
    import os
    import sys
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event, wait_for

    path = sys.argv[1]
    os.symlink("/dev/full", path)
    logging.disable()
    backend = LogFileBackend(path)
    for number in range(3):
        backend.send(event("parent", number))
    assert backend.stats()["pending"] == 3
    os.unlink(path)
    pid = os.fork()
    if not pid:
        assert backend.stats() == {"accepted": 0, "sent": 0, "pending": 0, "lost": {}}
        for number in range(3):
            backend.send(event("child", number))
        sys.exit()
    assert wait_for(pid) == 0
    backend.close()
    assert backend.stats() == {"accepted": 3, "sent": 3, "pending": 0, "lost": {}}
"""

# A signal handler forks the child, whatever the main thread is doing.
FORK_IN_HANDLER = """
    import os
    import signal
    import sys
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event, wait_for

    path = sys.argv[1]
    backend = LogFileBackend(path, max_bytes=5_000, backup_count=1_000)
    children = []

    def fork(*_):
        pid = os.fork()
        if not pid:
            signal.setitimer(signal.ITIMER_REAL, 0)
            backend.send(event(f"child-{os.getpid()}", 0))
            os._exit(0)
        children.append(pid)

    signal.signal(signal.SIGALRM, fork)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    number = 0
    while len(children) < 100:
        backend.send(event("parent", number))
        number += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert all(wait_for(pid) == 0 for pid in children)
    stats = backend.stats()
    assert stats == {"accepted": number, "sent": number, "pending": 0, "lost": {}}, stats
    print(number, *children)
"""


@pytest.mark.parametrize("forks", [1_000, pytest.param(20_000, marks=pytest.mark.soak)])
def test_forks_under_load_neither_hang_nor_lose_nor_duplicate_events(log, forks):
    """Three to eight threads write meanwhile; each child sends three events and exits."""
    sent = json.loads(run(FORK, log, forks))
    children = [(f"child-{number}", 3) for number in range(forks)]

    assert len(sent) == 8
    assert lines_in(log) == numbers(*sent.items(), *children)


def test_waiting_events_of_the_parent_are_not_written_by_the_child(log):
    """The child starts with counters at zero and an empty backlog."""
    run(FORK_WAITING, log)

    assert lines_in(log) == numbers(("parent", 3), ("child", 3))


def test_a_signal_handler_may_fork(log):
    """It may interrupt a burst, or a rotation."""
    parent, *children = map(int, run(FORK_IN_HANDLER, log).split())
    files = [log, *log.parent.glob("tracking.log.[0-9]*")]

    assert lines_in(*files) == numbers(
        ("parent", parent), *((f"child-{pid}", 1) for pid in children)
    )
