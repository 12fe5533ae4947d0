"""Several writers of one log: lines never mix, and none is missing."""

import pytest
from log_programs import lines_in, numbers, run, run_all

WRITE = """
    import sys
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import send_many

    writer, path, lines, least, most = sys.argv[1:]
    backend = LogFileBackend(path)
    send_many(backend, writer, int(lines), int(least), int(most))
    assert backend.stats() == {
        "accepted": int(lines), "sent": int(lines), "pending": 0, "lost": {}
    }, backend.stats()
"""

ROTATE = """
    import sys
    import threading
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import send_many

    writer, path, threads, lines, least, most, max_bytes = sys.argv[1:]
    backend = LogFileBackend(path, max_bytes=int(max_bytes), backup_count=200)
    args = int(lines), int(least), int(most)
    writers = [
        threading.Thread(target=send_many, args=(backend, f"{writer}.{number}", *args))
        for number in range(int(threads))
    ]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    sent = int(threads) * int(lines)
    assert backend.stats() == {
        "accepted": sent, "sent": sent, "pending": 0, "lost": {}
    }, backend.stats()
"""


@pytest.mark.parametrize(
    ("lines", "least", "most"),
    [
        pytest.param(50_000, 840, 841, id="900 bytes"),
        pytest.param(6_000, 300, 70_000, id="300 bytes to 70 kB"),
        pytest.param(25, 1_000_000, 1_000_001, id="1 MB"),
        pytest.param(500_000, 840, 841, id="900 bytes, long", marks=pytest.mark.soak),
    ],
)
def test_the_lines_of_four_processes_never_mix(log, lines, least, most):
    """Every line of the shared log can be parsed, and each event is in it exactly once."""
    run_all(WRITE, "wxyz", log, lines, least, most)

    assert lines_in(log) == numbers(*((writer, lines) for writer in "wxyz"))


@pytest.mark.parametrize(
    ("threads", "lines", "sizes", "max_bytes"),
    [
        pytest.param(1, 10_000, (1_000, 20_000), 10_000_000, id="four processes"),
        pytest.param(4, 1_000, (1_000, 20_000), 2_000_000, id="four processes of four threads"),
        pytest.param(2, 200, (100, 900), 9_000, id="a file for every few lines"),
        pytest.param(4, 20_000, (1_000, 20_000), 40_000_000, id="long", marks=pytest.mark.soak),
    ],
)
def test_rotation_by_max_bytes_neither_loses_nor_duplicates_events(
    log, threads, lines, sizes, max_bytes
):
    """Four processes write and rotate one log; each event is in one of its files, once."""
    run_all(ROTATE, "wxyz", log, threads, lines, *sizes, max_bytes)
    files = [log, *log.parent.glob("*.log.[0-9]*")]
    writers = [f"{writer}.{number}" for writer in "wxyz" for number in range(threads)]

    assert len(files) > 5
    assert lines_in(*files) == numbers(*((writer, lines) for writer in writers))


def test_fifty_threads_share_one_backend(log):
    """No line is torn, duplicated or missing, and the counters are exact."""
    run(ROTATE, "w", log, 50, 400, 10, 3_000, 10**12)

    assert lines_in(log) == numbers(*((f"w.{number}", 400) for number in range(50)))
