"""Signal handlers may emit, flush and reopen, whatever they interrupt."""

import pytest
from log_programs import lines_in, numbers, run, salvaged_from

# The handler runs every half millisecond, interrupts the main thread anywhere, and
# sometimes interrupts itself.
HANDLE = """
    import logging
    import os
    import resource
    import signal
    import sys
    import time
    from itertools import count
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event

    OPTIONS = {
        "the log rotates itself": {"max_bytes": 100_000, "backup_count": 10_000},
        "fsync": {"fsync": "interval"},
    }

    path, seconds, case = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    logging.disable()
    backend = LogFileBackend(path, **OPTIONS.get(case, {}))
    handled = count()

    def handle(*_):
        backend.send(event("handler", next(handled)))
        if case == "it reopens the log":
            backend.reopen()
        elif case == "it flushes":
            backend.flush()

    def disturb():
        if case == "the disk is full at times":
            # One byte more each time, so that writes end at every place in a line.
            room = 20_000 + sent // 1_000 if sent % 1_000 else resource.RLIM_INFINITY
            limit = min(os.stat(path).st_size + room, 2**60) if room > 0 else room
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        elif case == "the log is renamed at times":
            os.rename(path, f"{path}.old-{sent}")

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    sent = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(500):
            backend.send(event("main", sent))
            sent += 1
        disturb()
    signal.setitimer(signal.ITIMER_REAL, 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    backend.close()
    handled = next(handled)
    stats = backend.stats()
    total = sent + handled
    assert stats == {"accepted": total, "sent": total, "pending": 0, "lost": {}}, stats
    print(sent, handled)
"""


@pytest.mark.parametrize(
    ("case", "seconds"),
    [
        ("it emits", 3),
        ("it reopens the log", 3),
        ("it flushes", 0.5),
        ("the log rotates itself", 0.5),
        ("the log is renamed at times", 0.5),
        ("the disk is full at times", 1),
        ("fsync", 0.5),
        pytest.param("it reopens the log", 60, marks=pytest.mark.soak),
        pytest.param("the disk is full at times", 60, marks=pytest.mark.soak),
    ],
)
def test_a_signal_handler_that_emits_neither_deadlocks_nor_loses_events(log, case, seconds):
    """All events of the handler and of the main thread are there, and the counters are exact."""
    main, handled = map(int, run(HANDLE, log, seconds, case).split())
    files = [log, *log.parent.glob("tracking.log.*[0-9]")]
    # Only a full disk may tear a line.
    count = salvaged_from if "disk" in case else lines_in
    found = count(*(file for file in files if file.exists()))

    assert handled > 10
    assert found.keys() == numbers(("main", main), ("handler", handled)).keys()
    # Only after a rename may a line be written again.
    assert case == "the log is renamed at times" or found.total() == main + handled


def test_sighup_may_reopen_while_threads_write(log):
    """The handler runs in the main thread while the others are in the middle of a line."""
    program = """
        import os
        import signal
        import sys
        import threading
        from eventtracking.backends.log_file import LogFileBackend
        from log_programs import send_many

        path = sys.argv[1]
        backend = LogFileBackend(path)
        signal.signal(signal.SIGHUP, lambda *_: backend.reopen())
        threads = [
            threading.Thread(target=send_many, args=(backend, f"thread-{number}", 20_000, 10))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        rotation = 0
        while any(thread.is_alive() for thread in threads):
            os.rename(path, f"{path}.{rotation}")
            rotation += 1
            os.kill(os.getpid(), signal.SIGHUP)
        backend.close()
        stats = backend.stats()
        assert stats == {"accepted": 80_000, "sent": 80_000, "pending": 0, "lost": {}}, stats
    """

    run(program, log)

    found = lines_in(log, *log.parent.glob("tracking.log.[0-9]*"))
    assert found.keys() == numbers(*((f"thread-{number}", 20_000) for number in range(4))).keys()
