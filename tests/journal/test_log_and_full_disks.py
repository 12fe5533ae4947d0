"""Full and failing disks: events wait in memory, and losses are counted."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from log_programs import HANG_SECONDS, HERE, event, lines_in, numbers, run, salvaged_from, until

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.serialization import encode

BOUND = 50_000

# Sends events until the disk is full, makes room, and sends more; prints both statistics.
FILL = """
    import json
    import os
    import sys
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event

    path, bound, make_room = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    backend = LogFileBackend(path, backlog_bytes=bound)
    if make_room == "limit":
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    for number in range(400):
        backend.send(event("w", number, 840))
    full = backend.stats()
    if make_room == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    else:
        os.unlink(make_room)
    for number in range(400, 450):
        backend.send(event("w", number, 840))
    backend.close()
    print(json.dumps([full, backend.stats()]))
"""


@pytest.fixture(params=["limit", "tmpfs"])
def small_disk(request, log):
    """A log with room for 200 kB, and the limit or file to remove to make more."""
    if request.param == "limit":
        yield log, "limit"
        return
    disk = log.parent / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
        timeout=HANG_SECONDS,
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        (disk / "filler").write_bytes(bytes(1_048_576 - 200_000))
        yield disk / "tracking.log", str(disk / "filler")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True, timeout=HANG_SECONDS)


@pytest.mark.parametrize("bound", [10_000_000, BOUND, 0])
def test_on_a_full_disk_every_event_is_written_or_counted(small_disk, bound):
    """Of 450 events, 400 are sent while the disk fills up; nothing raises, the sum is exact."""
    log, filler = small_disk

    out = run(FILL, log, bound, filler, stderr=warned)
    full, end = json.loads(out)
    found = [number for _, number in salvaged_from(log)]
    lost = end["lost"].get("backend_error", 0)

    assert full["accepted"] == 400 == full["sent"] + full["pending"] + sum(full["lost"].values())
    assert end == {"accepted": 450, "sent": len(found), "pending": 0, "lost": end["lost"]}
    assert len(found) + lost == 450
    # In order, and each once: the oldest events, and those sent after there is room again.
    kept = full["sent"] + full["pending"]
    assert found == [*range(kept), *range(400, 450)]
    assert 100 < full["sent"] < 300
    assert (lost == 0) == (bound == 10_000_000)


def warned(stderr):
    """Return whether a program warned only that it cannot write and that events are lost."""
    lines = stderr.splitlines()
    return 1 <= len(lines) <= 3 and all(
        line.startswith(("Writing to ", "Lost 1 event(s)")) for line in lines
    )


def test_a_line_torn_by_a_full_disk_damages_no_other(small_disk):
    """The torn event is written again after it, complete, followed by the next ones."""
    log, filler = small_disk

    out = run(FILL, log, 10_000_000, filler, stderr=warned)
    full, _ = json.loads(out)
    lines = log.read_bytes().splitlines()
    complete = event("w", full["sent"], 840)

    assert json.loads(lines[-1]) == event("w", 449, 840)
    assert [json.loads(line) for line in lines if line.endswith(b"}}")][full["sent"]] == complete
    assert len(lines) in (450, 451)


# Makes room for a few bytes at a time, so that writes end at every place in a line.
DRIP = """
    import json
    import logging
    import os
    import resource
    import sys
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event

    path, drop, fsync, bound = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    logging.disable()
    backend = LogFileBackend(path, fsync=fsync, backlog_bytes=bound)
    for number in range(200):
        room = (os.stat(path).st_size + drop, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_FSIZE, room)
        backend.send(event("w", number))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    backend.close()
    print(json.dumps(backend.stats()))
"""


@pytest.mark.parametrize("bound", [10_000_000, 0])
@pytest.mark.parametrize("fsync", ["never", "interval"])
@pytest.mark.parametrize("drop", [1, 7, 50, 69, 70, 71, 72, 73, 100])
def test_an_event_is_written_once_wherever_its_line_is_torn(log, drop, fsync, bound):
    """A write may end in the line, or just before its newline; the counters are exact."""
    stats = json.loads(run(DRIP, log, drop, fsync, bound))
    found = salvaged_from(log)
    lost = stats["lost"].get("backend_error", 0)

    assert set(found.values()) <= {1}
    assert stats == {"accepted": 200, "sent": len(found), "pending": 0, "lost": stats["lost"]}
    assert len(found) + lost == 200
    assert bound == 0 or lost == 0
    assert log.read_bytes()[-1:] == b"\n"


def test_a_newline_cut_off_by_a_full_disk_is_written_without_another_event(log):
    """The event counts as sent, and the newline follows when there is room."""
    program = """
        import os
        import resource
        import sys
        from eventtracking.backends.log_file import LogFileBackend
        from log_programs import event, until

        path, size = sys.argv[1], int(sys.argv[2])
        backend = LogFileBackend(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, resource.RLIM_INFINITY))
        backend.send(event("w", 0))
        assert backend.stats() == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}
        assert os.stat(path).st_size == size - 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        until(lambda: os.stat(path).st_size == size)
    """

    run(program, log, len(encode(event("w", 0))), stderr=warned)

    assert lines_in(log) == {("w", 0): 1}


def test_the_oldest_events_wait_and_the_others_are_lost(log, caplog):
    """`backlog_bytes` limits the waiting events; losses beyond it are `backend_error`."""
    log.symlink_to("/dev/full")
    line = len(b'{"name":"line.written","data":{"writer":"w","number":0,"padding":""}}\n')
    backend = LogFileBackend(log, backlog_bytes=3 * line)
    for number in range(10):
        backend.send(event("w", number))

    waiting = backend.stats()
    flushed = backend.flush()
    log.unlink()
    backend.close()

    assert waiting == {"accepted": 10, "sent": 0, "pending": 3, "lost": {"backend_error": 7}}
    assert not flushed
    assert backend.stats() == {
        "accepted": 10,
        "sent": 3,
        "pending": 0,
        "lost": {"backend_error": 7},
    }
    assert lines_in(log) == numbers(("w", 3))
    # One message for the cause and one for the loss, not one for each event.
    assert [record.message[:15] for record in caplog.records] == [
        f"Writing to {log}"[:15],
        "Lost 1 event(s)",
    ]
    assert "No space left on device" in caplog.text
    assert "'line.written'" not in caplog.text
    assert "line.written" in caplog.text


def test_events_that_close_cannot_write_are_counted_as_lost(log):
    """`close` returns False, and the statistics add up."""
    log.symlink_to("/dev/full")
    backend = LogFileBackend(log)
    backend.send(event("w", 0))

    assert backend.close() is False
    backend.send(event("w", 1))
    assert backend.stats() == {
        "accepted": 2,
        "sent": 0,
        "pending": 0,
        "lost": {"backend_error": 1, "closed": 1},
    }


def test_events_that_wait_at_exit_are_logged(log):
    """One warning gives their number and the path."""
    log.symlink_to("/dev/full")
    program = """
        import sys
        from eventtracking.backends.log_file import LogFileBackend

        backend = LogFileBackend(sys.argv[1])
        backend.send({"name": "a"})
        backend.send({"name": "b"})
    """
    cause = f"Writing to {log} failed ([Errno 28] No space left on device); 1 event(s) wait\n"

    run(program, log, stderr=f"{cause}{log}: 2 event(s) could not be written\n")


def test_waiting_events_are_written_without_a_new_one(log):
    """A quiet program catches up when the disk has room again."""
    log.symlink_to("/dev/full")
    backend = LogFileBackend(log)
    backend.send(event("w", 0))
    log.unlink()

    until(lambda: backend.stats()["sent"])

    assert lines_in(log) == {("w", 0): 1}
    backend.close()


def test_a_log_handler_that_emits_cannot_loop_or_deadlock(log):
    """The warning about the disk becomes an event; both events wait, and both are written."""
    log.symlink_to("/dev/full")
    program = """
        import logging
        import os
        import sys
        from eventtracking.backends.log_file import LogFileBackend

        class Emit(logging.Handler):
            def emit(self, record):
                backend.send({"name": "warned"})

        logging.getLogger().addHandler(Emit())
        backend = LogFileBackend(sys.argv[1])
        backend.send({"name": "first"})
        assert backend.stats()["pending"] == 2
        os.unlink(sys.argv[1])
        backend.close()
        assert backend.stats()["sent"] == 2
    """

    run(program, log)

    assert log.read_bytes() == b'{"name":"first"}\n{"name":"warned"}\n'


needs_strace = pytest.mark.skipif(
    not shutil.which("strace")
    or subprocess.run(
        ["strace", "-f", "-o", os.devnull, "-e", "inject=getppid:error=EIO", "true"],
        check=False,
        capture_output=True,
        timeout=HANG_SECONDS,
    ).returncode
    != 0,
    reason="strace, or the right to trace, is missing",
)

SEND_20 = """
import json
import sys
from eventtracking.backends.log_file import LogFileBackend
from log_programs import event

backend = LogFileBackend(sys.argv[1], fsync=sys.argv[2])
for number in range(20):
    backend.send(event("w", number, 840))
backend.close()
print(json.dumps(backend.stats()))
"""


def trace(log, options, *, fsync="never"):
    """Send 20 events under strace; return the statistics, stderr and the trace of the log."""
    traced = log.with_name("trace")
    environ = {**os.environ, "PYTHONPATH": str(HERE)}
    program = [sys.executable, "-c", SEND_20]
    log.touch()
    done = subprocess.run(
        ["strace", "-f", "-o", traced, "-P", log, *options, *program, log, fsync],
        env=environ,
        check=True,
        capture_output=True,
        timeout=HANG_SECONDS,
    )
    return json.loads(done.stdout), done.stderr.decode(), traced.read_text()


@needs_strace
@pytest.mark.parametrize("fault", ["error=ENOSPC", "error=EIO", "error=EINTR", "retval=400"])
@pytest.mark.parametrize("when", ["5", "5..12", "20"])
def test_failing_and_short_writes_lose_nothing(log, fault, when):
    """Whatever write(2) returns, each event is in the file once, in order."""
    stats, stderr, _ = trace(log, ["-e", "trace=write", "-e", f"inject=write:{fault}:when={when}"])

    assert not stderr or warned(stderr)
    assert stats == {"accepted": 20, "sent": 20, "pending": 0, "lost": {}}
    assert [number for _, number in lines_in(log)] == [*range(20)]
    assert lines_in(log) == numbers(("w", 20))


@needs_strace
def test_fsync_always_forces_each_event_to_the_disk(log):
    """`send` returns only after its event is on the disk."""
    _, _, traced = trace(log, ["-e", "trace=write,fdatasync"], fsync="always")

    calls = [line.split()[1].partition("(")[0] for line in traced.splitlines() if "(" in line]
    assert calls == ["write", "fdatasync"] * 20


@needs_strace
@pytest.mark.parametrize(("fsync", "least", "most"), [("never", 0, 0), ("interval", 1, 5)])
def test_fsync_is_called_as_rarely_as_configured(log, fsync, least, most):
    """`"interval"` syncs every second and on `close`; `"never"` does not sync."""
    _, _, traced = trace(log, ["-e", "trace=fdatasync"], fsync=fsync)

    assert least <= traced.count("fdatasync(") <= most


@needs_strace
@pytest.mark.parametrize("fsync", ["always", "interval"])
def test_a_failing_fsync_is_logged_and_neither_raised_nor_repeated(log, fsync):
    """A second call would report success although the data is lost. Each event is written once."""
    stats, stderr, traced = trace(
        log, ["-e", "trace=write,fdatasync", "-e", "inject=fdatasync:error=EIO"], fsync=fsync
    )

    assert stats == {"accepted": 20, "sent": 20, "pending": 0, "lost": {}}
    assert lines_in(log) == numbers(("w", 20))
    assert stderr == f"Writing to {log} failed ([Errno 5] Input/output error); 0 event(s) wait\n"
    assert 1 <= traced.count("fdatasync(") <= 20


def test_interval_syncs_without_another_event(log, monkeypatch):
    """A second after the last event, it is on the disk."""
    synced, fdatasync = [], os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: synced.append(fdatasync(file)))
    backend = LogFileBackend(log, fsync="interval")
    backend.send(event("w", 0))

    until(lambda: synced)

    backend.close()
    assert lines_in(log) == {("w", 0): 1}


def test_fsync_of_a_pipe_or_device_is_not_an_error(tmp_path):
    """It has no disk behind it."""
    backend = LogFileBackend("/dev/null", fsync="always")
    backend.send(event("w", 0))
    backend.close()

    assert backend.stats()["sent"] == 1
