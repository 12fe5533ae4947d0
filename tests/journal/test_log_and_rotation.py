"""Rotation: events reach the log although it is renamed, deleted, truncated or closed."""

import gzip
import os
import shutil
import signal
import subprocess
import time
from functools import partial

import pytest
from log_programs import (
    HANG_SECONDS,
    event,
    finish,
    lines_in,
    numbers,
    run,
    send_many,
    start,
)

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.journal import LineFile
from eventtracking.serialization import encode
from eventtracking.stats import Counters

# Writes in bursts, so that rotations happen during a burst and between two. Reopens its log
# on SIGHUP, as many daemons do.
WRITE = """
    import signal
    import sys
    import time
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event

    writer, path, lines, burst = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    backend = LogFileBackend(path)
    signal.signal(signal.SIGHUP, lambda *_: backend.reopen())
    print("ready", flush=True)
    for number in range(lines):
        backend.send(event(writer, number, 800))
        if number % burst == 0:
            time.sleep(0.005)
    # At interpreter exit there are no handlers any more.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    backend.close()
    stats = backend.stats()
    assert stats == {"accepted": lines, "sent": lines, "pending": 0, "lost": {}}, stats
"""


def rename(log, number):
    """Rotate as logrotate does with `nocreate`."""
    rotated = log.with_name(f"old-{number}.log")
    os.rename(log, rotated)
    return rotated


def rename_and_create(log, number):
    """Rotate as logrotate does with `create`."""
    rotated = rename(log, number)
    log.touch()
    return rotated


def compress(rotated):
    """Compress the rotated file at once and delete it, so that later lines in it are lost."""
    archive = rotated.with_name(rotated.name + ".gz")
    archive.write_bytes(gzip.compress(rotated.read_bytes(), 1))
    rotated.unlink()
    return archive


def copy_and_truncate(log, number):
    """Rotate as logrotate does with `copytruncate`."""
    copy = log.with_name(f"old-{number}.log")
    shutil.copyfile(log, copy)
    os.truncate(log, 0)
    return copy


def rotate_until_exit(writers, log, rotate, seconds):
    """Rotate *log* every *seconds* until the *writers* exit; return all files."""
    files = []
    deadline = time.monotonic() + HANG_SECONDS
    while any(writer.poll() is None for writer in writers):
        assert time.monotonic() < deadline, "the writers did not exit"
        # There may have been no event since the last rotation.
        if log.exists():
            files.append(rotate(log, len(files)))
        time.sleep(seconds)
    for writer in writers:
        finish(writer)
    return [*files, log] if log.exists() else files


def start_writers(log, lines, burst):
    writers = [start(WRITE, writer, log, lines, burst) for writer in "wxyz"]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    return writers


@pytest.mark.parametrize("move", [rename, rename_and_create])
@pytest.mark.parametrize(
    ("lines", "burst", "seconds"),
    [
        pytest.param(15_000, 100, 0.1, id="each 100 ms"),
        pytest.param(15_000, 1_000, 0, id="without a break"),
        pytest.param(300_000, 1_000, 0, id="long", marks=pytest.mark.soak),
    ],
)
def test_rotation_loses_nothing_even_if_the_old_file_is_deleted_at_once(
    log, move, lines, burst, seconds
):
    """Each event is in the log or in an archive, possibly twice."""
    writers = start_writers(log, lines, burst)

    files = rotate_until_exit(writers, log, lambda *args: compress(move(*args)), seconds)

    assert len(files) > 2
    assert lines_in(*files).keys() == numbers(*((writer, lines) for writer in "wxyz")).keys()


def test_rotation_loses_no_line_of_a_thread_that_still_writes_to_the_old_file(log):
    """A thread may write a line to a file just after another thread has replaced it."""
    program = """
        import sys
        import threading
        from eventtracking.backends.log_file import LogFileBackend
        from log_programs import send_many

        sys.setswitchinterval(0.00001)
        backend = LogFileBackend(sys.argv[1])
        threads = [
            threading.Thread(target=send_many, args=(backend, f"thread-{number}", 8_000, 10))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        backend.close()
        stats = backend.stats()
        assert stats == {"accepted": 64_000, "sent": 64_000, "pending": 0, "lost": {}}, stats
    """

    files = rotate_until_exit([start(program, log)], log, lambda *args: compress(rename(*args)), 0)

    expected = numbers(*((f"thread-{number}", 8_000) for number in range(8)))
    assert lines_in(*files).keys() == expected.keys()


def test_a_signal_to_reopen_moves_every_writer_to_the_new_file(log):
    """Many configurations of logrotate rename the file, send SIGHUP, and compress it."""
    writers = start_writers(log, 15_000, 100)

    def rename_and_signal(path, number):
        rotated = rename(path, number)
        for writer in writers:
            if writer.poll() is None:
                writer.send_signal(signal.SIGHUP)
        return compress(rotated)

    files = rotate_until_exit(writers, log, rename_and_signal, 0.1)

    assert len(files) > 2
    assert lines_in(*files).keys() == numbers(*((writer, 15_000) for writer in "wxyz")).keys()


def test_reopen_switches_to_the_file_at_the_path(log):
    """It may be called twice, or when the file was not replaced."""
    backend = LogFileBackend(log)
    for number, rotate in enumerate([lambda: None, partial(rename, log, 1), lambda: None]):
        rotate()
        backend.reopen()
        backend.reopen()
        backend.send(event("w", number))
    backend.close()

    assert lines_in(log.with_name("old-1.log")) == {("w", 0): 1}
    assert lines_in(log) == {("w", 1): 1, ("w", 2): 1}


def test_copytruncate_leaves_no_nul_bytes_and_tears_few_lines(log):
    """Lines written between the copy and the truncation are lost; the others are intact."""
    writers = start_writers(log, 15_000, 100)

    files = rotate_until_exit(writers, log, copy_and_truncate, 0.1)
    raw = [file.read_bytes() for file in files]
    lines = [line for content in raw for line in content.splitlines()]
    torn = [line for line in lines if not (line.startswith(b'{"name"') and line.endswith(b"}}"))]

    assert not any(b"\0" in content for content in raw)
    assert len(torn) <= 2 * len(files)


def keep_leftovers(log, number):
    """Rename the files that a rotation did not compress: the next one would overwrite them."""
    for path in log.parent.glob("tracking.log[.-]*"):
        if path.suffix in (".1", ".backup"):
            path.rename(log.with_name(f"{log.name}+{number}{path.suffix}"))


@pytest.mark.skipif(not shutil.which("logrotate"), reason="logrotate is not installed")
@pytest.mark.parametrize("create", ["create 0640", "nocreate"])
def test_logrotate_loses_nothing(log, create):
    """Four processes write during ten forced rotations, each of which compresses the file."""
    log.parent.chmod(0o755)
    configuration = log.with_name("logrotate.conf")
    configuration.write_text(f"{log} {{\n{create}\nrotate 1000\ncompress\nmissingok\n}}\n")
    configuration.chmod(0o644)
    state = log.with_name("logrotate.state")
    writers = start_writers(log, 15_000, 100)

    rotations = failures = 0
    command = ["logrotate", "-f", "-s", str(state), str(configuration)]
    while any(writer.poll() is None for writer in writers) or rotations < 10:
        done = subprocess.run(
            command, check=False, timeout=HANG_SECONDS, capture_output=True, text=True
        )
        # Writers may create the file before logrotate does, twice in a row.
        assert done.returncode == 0 or "File exists" in done.stderr, done.stderr
        failures += done.returncode != 0
        rotations += 1
        keep_leftovers(log, rotations)
        time.sleep(0.05)
    for writer in writers:
        finish(writer)
    files = [*log.parent.glob("tracking.log*")]

    assert len(files) > 2
    lost = numbers(*((writer, 15_000) for writer in "wxyz")).keys() - lines_in(*files).keys()
    # A rotation that fails has moved two files to the same name itself.
    assert not lost or failures


class RotatingClock:
    """
    A clock that rotates the log whenever it is read, as often as `times` says.

    A verification reads the clock first, so each one finds that the log was just renamed.
    """

    def __init__(self, log, tick):
        self.archives = []
        self.times = 0
        self._log = log
        self._now = 0.0
        self._tick = tick

    def __call__(self):
        if self.times and self._log.exists():
            self.times -= 1
            self._now += self._tick
            self.archives.append(compress(rename(self._log, len(self.archives))))
        return self._now


def send_a_burst(log, clock):
    """Write fifty lines, of which the last are not verified; return the file and its counters."""
    counters = Counters()
    file = LineFile(log, counters=counters, clock=clock)
    for number in range(50):
        assert file.append(encode(event("w", number)))
    return file, counters


@pytest.mark.parametrize("finish_with", ["flush", "close"])
def test_flush_and_close_survive_a_thousand_rotations_in_a_row(log, finish_with):
    """Each rotation comes between a line and its verification, and no line is lost."""
    clock = RotatingClock(log, tick=0.001)
    file, counters = send_a_burst(log, clock)

    clock.times = 1_000
    finished = getattr(file, finish_with)()

    assert finished
    assert clock.times == 0
    assert lines_in(*clock.archives, log).keys() == numbers(("w", 50)).keys()
    assert counters.stats()["sent"] - file.recalled == 50
    assert counters.lost() == {}


def test_endless_rotations_do_not_block_close(log):
    """After five seconds `close` returns False, and counts the unverified lines as lost."""
    clock = RotatingClock(log, tick=0.1)
    file, counters = send_a_burst(log, clock)

    clock.times = 1_000
    closed = file.close()

    lost = counters.lost()["backend_error"]
    assert not closed
    assert 40 < len(clock.archives) < 60
    assert 0 < lost < 50
    assert counters.stats()["sent"] - file.recalled == 50 - lost
    assert not file.close()


@pytest.mark.parametrize("before", [0, 1, 10])
def test_an_event_after_the_log_was_deleted_is_in_a_new_log(log, before):
    """It is there at once, whether or not there were events before."""
    backend = LogFileBackend(log)
    send_many(backend, "before", before, 10)
    os.unlink(log)

    backend.send(event("w", 0))

    assert lines_in(log)[("w", 0)] == 1
    assert backend.stats() == {"accepted": before + 1, "sent": before + 1, "pending": 0, "lost": {}}


@pytest.mark.parametrize("last", ["pass", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_the_last_event_before_the_exit_is_at_the_path(log, last):
    """The log is renamed and deleted just before it, and no later event follows."""
    program = f"""
        import os
        import sys
        from eventtracking.backends.log_file import LogFileBackend
        from log_programs import event

        backend = LogFileBackend(sys.argv[1])
        backend.send(event("w", 0))
        os.rename(sys.argv[1], sys.argv[1] + ".old")
        os.unlink(sys.argv[1] + ".old")
        backend.send(event("w", 1))
        {last}
    """
    run(program, log, status=-9 if "kill" in last else 0)

    assert lines_in(log)[("w", 1)] == 1


@pytest.mark.parametrize("finish_with", ["flush", "close", "__del__"])
def test_the_last_lines_of_a_burst_are_verified(log, finish_with):
    """`flush`, `close` and the destructor verify the remembered lines."""
    backend = LogFileBackend(log)
    send_many(backend, "w", 5_000, 10)
    rotated = rename(log, 1)
    send_many(backend, "x", 3, 10)
    archive = compress(rotated)
    send_many(backend, "y", 3, 10)
    if finish_with == "__del__":
        del backend
    else:
        getattr(backend, finish_with)()

    found = lines_in(archive, log)

    assert found.keys() == numbers(("w", 5_000), ("x", 3), ("y", 3)).keys()


def test_a_deleted_folder_is_created_again(log):
    """Tracking continues although an operator deleted the whole folder."""
    log = log.with_name("outer") / "inner" / "tracking.log"
    backend = LogFileBackend(log)
    backend.send(event("w", 0))
    shutil.rmtree(log.parents[1])

    backend.send(event("w", 1))

    assert ("w", 1) in lines_in(log)


def test_events_wait_while_the_log_cannot_be_reopened(log):
    """A folder is in its place: the events are not written elsewhere, and none is lost."""
    backend = LogFileBackend(log)
    backend.send(event("w", 0))
    os.unlink(log)
    log.mkdir()
    send_many(backend, "x", 3, 10)
    waiting = backend.stats()
    log.rmdir()
    backend.send(event("y", 0, 5))
    backend.close()

    # The line written just before the deletion was recalled, and waits too.
    assert waiting == {"accepted": 4, "sent": 1, "pending": 3, "lost": {}}
    assert backend.stats() == {"accepted": 5, "sent": 5, "pending": 0, "lost": {}}
    assert lines_in(log) == numbers(("x", 3), ("y", 1))


def test_a_relative_path_does_not_follow_the_working_directory(log):
    """A daemon that changes to `/` keeps writing to the same log."""
    program = """
        import os
        import sys
        from eventtracking.backends.log_file import LogFileBackend
        from log_programs import event

        os.chdir(sys.argv[1])
        os.mkdir("elsewhere")
        backend = LogFileBackend("tracking.log")
        os.chdir("elsewhere")
        for number in range(100):
            backend.send(event("w", number))
        backend.reopen()
        backend.send(event("w", 100))
        assert os.listdir() == []
    """
    run(program, log.parent)

    assert lines_in(log) == numbers(("w", 101))


def descriptor_of(log):
    """Return the descriptor that this process has open for *log*."""
    folder = "/proc/self/fd"
    for name in os.listdir(folder):
        if os.path.exists(f"{folder}/{name}") and os.path.samefile(f"{folder}/{name}", log):
            return int(name)
    raise AssertionError("the log is not open")


@pytest.mark.parametrize(
    "options", [{}, {"max_bytes": 10**9, "backup_count": 1}, {"fsync": "always"}]
)
def test_a_descriptor_closed_by_other_code_is_noticed(log, options):
    """A daemon may close every descriptor when it starts; the log is opened again."""
    backend = LogFileBackend(log, **options)
    send_many(backend, "w", 3, 10)
    os.close(descriptor_of(log))
    send_many(backend, "x", 3, 10)
    backend.close()

    assert lines_in(log) == numbers(("w", 3), ("x", 3))
    assert backend.stats() == {"accepted": 6, "sent": 6, "pending": 0, "lost": {}}


@pytest.mark.parametrize("burst", [0, 500])
@pytest.mark.parametrize(
    "options", [{}, {"max_bytes": 10**9, "backup_count": 1}, {"fsync": "always"}]
)
def test_a_descriptor_that_now_belongs_to_another_file_is_not_closed(log, burst, options):
    """Every event reaches the log, and writing to the other file soon stops."""
    backend = LogFileBackend(log, **options)
    send_many(backend, "w", burst, 10)
    descriptor = descriptor_of(log)
    other = os.open(log.with_name("other"), os.O_RDWR | os.O_CREAT)
    os.dup2(other, descriptor)
    send_many(backend, "x", 500, 10)
    backend.close()

    assert os.path.sameopenfile(other, descriptor)
    os.close(descriptor)
    os.close(other)
    assert lines_in(log).keys() == numbers(("w", burst), ("x", 500)).keys()
    assert log.with_name("other").stat().st_size < log.stat().st_size / 2
