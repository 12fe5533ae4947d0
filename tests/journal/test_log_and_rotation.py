"""Whoever renames, deletes, truncates or closes the log, the events end in it."""

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

# Writes in bursts, so that a rotation meets it in one as well as between two. "hup" opens
# its log anew when it is told to, as many daemons do.
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
    # At the end of the interpreter there are no handlers any more.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    backend.close()
    books = backend.stats()
    assert books == {"accepted": lines, "sent": lines, "pending": 0, "lost": {}}, books
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
    """Read the rotated file to its end, at once, and delete it: what comes later is lost."""
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


def rotate_under(writers, log, rotate, seconds):
    """Rotate *log* every so many seconds until the *writers* end; return all files."""
    files = []
    deadline = time.monotonic() + HANG_SECONDS
    while any(writer.poll() is None for writer in writers):
        assert time.monotonic() < deadline, "waited in vain"
        # Since the rotation before, nothing may have been written yet.
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
def test_rotation_loses_nothing_even_when_the_old_file_is_deleted_at_once(
    log, move, lines, burst, seconds
):
    """Each event is in the log or in an archive: twice perhaps, missing never."""
    writers = start_writers(log, lines, burst)

    files = rotate_under(writers, log, lambda *args: compress(move(*args)), seconds)

    assert len(files) > 2
    assert lines_in(*files).keys() == numbers(*((writer, lines) for writer in "wxyz")).keys()


def test_rotation_loses_nothing_of_threads_that_are_at_the_old_file_still(log):
    """A line may be on its way into a file that another thread has just found out to be gone."""
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
        books = backend.stats()
        assert books == {"accepted": 64_000, "sent": 64_000, "pending": 0, "lost": {}}, books
    """

    files = rotate_under([start(program, log)], log, lambda *args: compress(rename(*args)), 0)

    expected = numbers(*((f"thread-{number}", 8_000) for number in range(8)))
    assert lines_in(*files).keys() == expected.keys()


def test_a_signal_to_reopen_moves_every_writer_to_the_new_file(log):
    """The `postrotate` of many configurations: rename, send SIGHUP, compress."""
    writers = start_writers(log, 15_000, 100)

    def move_and_tell(path, number):
        rotated = rename(path, number)
        for writer in writers:
            if writer.poll() is None:
                writer.send_signal(signal.SIGHUP)
        return compress(rotated)

    files = rotate_under(writers, log, move_and_tell, 0.1)

    assert len(files) > 2
    assert lines_in(*files).keys() == numbers(*((writer, 15_000) for writer in "wxyz")).keys()


def test_reopen_moves_to_the_file_that_is_at_the_path_now(log):
    """For operators, and for handlers of SIGHUP; safe to call twice, and without need."""
    backend = LogFileBackend(log)
    for number, rotate in enumerate([lambda: None, partial(rename, log, 1), lambda: None]):
        rotate()
        backend.reopen()
        backend.reopen()
        backend.send(event("w", number))
    backend.close()

    assert lines_in(log.with_name("old-1.log")) == {("w", 0): 1}
    assert lines_in(log) == {("w", 1): 1, ("w", 2): 1}


def test_copytruncate_leaves_no_holes_and_tears_one_line_at_most(log):
    """What it loses between copying and truncating is lost; the rest of the log is in order."""
    writers = start_writers(log, 15_000, 100)

    files = rotate_under(writers, log, copy_and_truncate, 0.1)
    raw = [file.read_bytes() for file in files]
    lines = [line for content in raw for line in content.splitlines()]
    torn = [line for line in lines if not (line.startswith(b'{"name"') and line.endswith(b"}}"))]

    assert not any(b"\0" in content for content in raw)
    assert len(torn) <= 2 * len(files)


@pytest.mark.skipif(not shutil.which("logrotate"), reason="logrotate is not installed")
@pytest.mark.parametrize("create", ["create 0640", "nocreate"])
def test_logrotate_itself_loses_nothing(log, create):
    """Ten forced rotations, each compressed at once, under four writers."""
    log.parent.chmod(0o755)
    configuration = log.with_name("logrotate.conf")
    configuration.write_text(f"{log} {{\n{create}\nrotate 1000\ncompress\nmissingok\n}}\n")
    configuration.chmod(0o644)
    state = log.with_name("logrotate.state")
    writers = start_writers(log, 15_000, 100)

    rotations = 0
    while any(writer.poll() is None for writer in writers) or rotations < 10:
        command = ["logrotate", "-f", "-s", str(state), str(configuration)]
        subprocess.run(command, check=True, timeout=HANG_SECONDS, capture_output=True)
        rotations += 1
        time.sleep(0.05)
    for writer in writers:
        finish(writer)
    files = [*log.parent.glob("tracking.log*")]

    assert len(files) > 2
    assert lines_in(*files).keys() == numbers(*((writer, 15_000) for writer in "wxyz")).keys()


class Meddler:
    """
    A clock that rotates the log whenever it is asked, for so many *times*.

    A look begins with the clock, so each one finds out that the log has just gone.
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
    """Write fifty lines, the last ones not looked after yet; return the file and its books."""
    counters = Counters()
    file = LineFile(log, counters=counters, clock=clock)
    for number in range(50):
        assert file.append(encode(event("w", number)))
    return file, counters


@pytest.mark.parametrize("finish_with", ["flush", "close"])
def test_the_end_of_a_burst_outlasts_rotations_without_a_break(log, finish_with):
    """A thousand in a row, each between a line and the look after it, lose none."""
    clock = Meddler(log, tick=0.001)
    file, counters = send_a_burst(log, clock)

    clock.times = 1_000
    finished = getattr(file, finish_with)()

    assert finished
    assert clock.times == 0
    assert lines_in(*clock.archives, log).keys() == numbers(("w", 50)).keys()
    assert counters.stats()["sent"] - file.recalled == 50
    assert counters.lost() == {}


def test_rotations_without_an_end_do_not_hold_up_the_end(log):
    """After five seconds of them `close` gives up, says so, and counts what it cannot vouch for."""
    clock = Meddler(log, tick=0.1)
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
    """At once, be it the only event of a program or one of several."""
    backend = LogFileBackend(log)
    send_many(backend, "before", before, 10)
    os.unlink(log)

    backend.send(event("w", 0))

    assert lines_in(log)[("w", 0)] == 1
    assert backend.stats() == {"accepted": before + 1, "sent": before + 1, "pending": 0, "lost": {}}


@pytest.mark.parametrize("last", ["pass", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_the_last_event_before_the_end_is_at_the_path(log, last):
    """Renamed and deleted just before it, and no later event to find that out."""
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
def test_the_end_of_a_burst_is_looked_after_too(log, finish_with):
    """In a burst lines are remembered; whichever way it ends, none is left behind."""
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


def test_a_folder_that_is_deleted_is_made_again(log):
    """An operator who cleans up too much stops no tracking."""
    log = log.with_name("deep") / "er" / "tracking.log"
    backend = LogFileBackend(log)
    backend.send(event("w", 0))
    shutil.rmtree(log.parents[1])

    backend.send(event("w", 1))

    assert ("w", 1) in lines_in(log)


def test_a_log_that_cannot_be_opened_anew_has_the_events_wait(log):
    """A folder in its place: nothing is written where nobody looks, and nothing is lost."""
    backend = LogFileBackend(log)
    backend.send(event("w", 0))
    os.unlink(log)
    log.mkdir()
    send_many(backend, "x", 3, 10)
    waiting = backend.stats()
    log.rmdir()
    backend.send(event("y", 0, 5))
    backend.close()

    # What was written last before the deletion is not sent after all, and waits too.
    assert waiting == {"accepted": 4, "sent": 1, "pending": 3, "lost": {}}
    assert backend.stats() == {"accepted": 5, "sent": 5, "pending": 0, "lost": {}}
    assert lines_in(log) == numbers(("x", 3), ("y", 1))


def test_the_log_of_a_program_that_changes_its_folder_stays_where_it_is(log):
    """A daemon goes to `/`; its log, named by a relative path, does not follow."""
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
    here = "/proc/self/fd"
    for name in os.listdir(here):
        if os.path.exists(f"{here}/{name}") and os.path.samefile(f"{here}/{name}", log):
            return int(name)
    raise AssertionError("not open")


@pytest.mark.parametrize(
    "options", [{}, {"max_bytes": 10**9, "backup_count": 1}, {"fsync": "always"}]
)
def test_a_descriptor_that_something_else_closed_is_noticed(log, options):
    """A daemon closes every descriptor when it starts; its log goes on."""
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
def test_a_descriptor_that_was_given_to_another_file_is_left_to_it(log, burst, options):
    """Our events end in our log; what has the number now is not closed, and soon left alone."""
    backend = LogFileBackend(log, **options)
    send_many(backend, "w", burst, 10)
    number = descriptor_of(log)
    stranger = os.open(log.with_name("stranger"), os.O_RDWR | os.O_CREAT)
    os.dup2(stranger, number)
    send_many(backend, "x", 500, 10)
    backend.close()

    assert os.path.sameopenfile(stranger, number)
    os.close(number)
    os.close(stranger)
    assert lines_in(log).keys() == numbers(("w", burst), ("x", 500)).keys()
    assert log.with_name("stranger").stat().st_size < log.stat().st_size / 2
