"""The log file backend as its users configure it."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from itertools import count

import pytest

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.journal import LineFile, read
from eventtracking.stats import Counters
from eventtracking.tracker import Tracker

LINE = b'{"name":"line.written"}\n'


@pytest.fixture
def umask():
    """Let a test set the umask, and bring it back."""
    before = os.umask(0)
    yield os.umask
    os.umask(before)


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_an_event_is_one_line_of_json(tmp_path):
    """In the file when `send` returns, in UTF-8, with nothing but the event."""
    log = tmp_path / "tracking.log"
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    backend = LogFileBackend(log)

    backend.send({"name": "é", "timestamp": moment, "data": {"a": "\n"}, "context": {}})

    assert (
        log.read_bytes()
        == (
            '{"name":"é","timestamp":"2026-01-02T03:04:05+00:00","data":{"a":"\\n"},"context":{}}\n'
        ).encode()
    )
    backend.close()


def test_the_path_may_be_text_bytes_in_disguise_or_a_path(tmp_path):
    """Whatever names a file elsewhere in Python."""

    class Named:
        def __fspath__(self):
            return os.fsencode(tmp_path / "bytes.log")

    for path in (str(tmp_path / "text.log"), tmp_path / "path.log", Named()):
        backend = LogFileBackend(path, max_bytes=10_000, backup_count=1)
        backend.send({"name": "a"})
        backend.close()

    assert sorted(os.listdir(tmp_path)) == ["bytes.log", "path.log", "text.log"]


def test_missing_folders_are_made(tmp_path):
    """The first start on a fresh machine needs no `mkdir`."""
    log = tmp_path / "a" / "b" / "tracking.log"

    LogFileBackend(log).close()

    assert log.read_bytes() == b""


@pytest.mark.parametrize(
    ("mode", "mask", "expected"),
    [(0o640, 0o022, 0o640), (0o640, 0o077, 0o600), (0o666, 0o002, 0o664), (0o600, 0, 0o600)],
)
def test_a_new_file_has_the_mode_that_was_asked_for(tmp_path, umask, mode, mask, expected):
    """Under the umask of the process, and after a rotation as before it."""
    log = tmp_path / "tracking.log"
    umask(mask)

    backend = LogFileBackend(log, mode=mode, max_bytes=10, backup_count=1)
    for _ in range(3):
        backend.send({"name": "long enough to rotate"})
    backend.close()

    assert [permissions(path) for path in (log, tmp_path / "tracking.log.1")] == [expected] * 2


def test_by_default_others_cannot_read_events(tmp_path, umask):
    """0640: the owner writes, the group reads."""
    umask(0)

    LogFileBackend(tmp_path / "tracking.log").close()

    assert permissions(tmp_path / "tracking.log") == 0o640


def test_the_mode_of_a_file_that_is_there_is_left_alone(tmp_path):
    """An operator gave it those."""
    log = tmp_path / "tracking.log"
    log.touch()
    log.chmod(0o604)

    LogFileBackend(log).close()

    assert permissions(log) == 0o604


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder", "Is a directory"),
        ("file/tracking.log", "Not a directory"),
        ("a" * 300, "File name too long"),
        ("a\0b", "embedded null"),
    ],
)
def test_a_path_that_cannot_be_written_is_an_error_at_the_start(tmp_path, name, reason):
    """It names the path and says why, before the first event is lost."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(ImproperlyConfigured, match=reason) as raised:
        LogFileBackend(f"{tmp_path}/{name}")

    assert repr(f"{tmp_path}/{name}") in str(raised.value)


def test_a_folder_without_permission_is_an_error_at_the_start():
    """Also for root, who may write nearly everywhere: /proc takes no files."""
    with pytest.raises(ImproperlyConfigured, match="cannot append to '/proc/nowhere/a'"):
        LogFileBackend("/proc/nowhere/a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": 7}, "path must be a path, got 7"),
        ({"max_bytes": 0}, "max_bytes must be a whole number of bytes, 1 or more, or None, got 0"),
        (
            {"max_bytes": "1 MB"},
            "max_bytes must be a whole number of bytes, 1 or more, or None, got '1 MB'",
        ),
        ({"backup_count": -1}, "backup_count must be a whole number of files, 0 or more, got -1"),
        (
            {"backup_count": True},
            "backup_count must be a whole number of files, 0 or more, got True",
        ),
        ({"mode": "0640"}, "mode must be permissions such as 0o640, got '0640'"),
        ({"mode": 640}, "mode must be permissions such as 0o640, got 640"),
        (
            {"fsync": "sometimes"},
            "fsync must be one of 'never', 'interval', 'always', got 'sometimes'",
        ),
        ({"fsync": True}, "fsync must be one of 'never', 'interval', 'always', got True"),
        (
            {"backlog_bytes": None},
            "backlog_bytes must be a whole number of bytes, 0 or more, got None",
        ),
        (
            {"max_bytes": 10},
            "backup_count must be 1 or more, got 0: with max_bytes, the rotated events need a file",
        ),
    ],
)
def test_a_wrong_option_is_an_error_that_names_it(tmp_path, options, message):
    """The option, its rule and its value are in the text, and no file is created."""
    with pytest.raises(ImproperlyConfigured) as raised:
        LogFileBackend(**{"path": tmp_path / "tracking.log", **options})

    assert str(raised.value) == f"LogFileBackend: {message}"
    assert os.listdir(tmp_path) == []


def test_several_wrong_options_are_reported_at_once(tmp_path):
    """A line for each, in the order of the signature."""
    with pytest.raises(ImproperlyConfigured) as raised:
        LogFileBackend(tmp_path / "a", backlog_bytes=-1, mode="rw", max_bytes=10)

    assert [line.split()[1] for line in str(raised.value).splitlines()] == [
        "backup_count",
        "mode",
        "backlog_bytes",
    ]


def test_own_rotation_keeps_so_many_files(tmp_path):
    """`path.1` is the newest; beyond `backup_count` the oldest goes."""
    backend = LogFileBackend(tmp_path / "tracking.log", max_bytes=40, backup_count=2)
    for number in range(10):
        backend.send({"name": f"number {number}"})
    backend.close()
    names = {
        path.name: [event["name"] for event in read(path)]
        for path in tmp_path.glob("tracking.log*")
        if path.suffix != ".lock"
    }

    assert names == {
        "tracking.log": ["number 8", "number 9"],
        "tracking.log.1": ["number 6", "number 7"],
        "tracking.log.2": ["number 4", "number 5"],
    }


def test_an_event_longer_than_the_file_may_be_is_written_all_the_same(tmp_path):
    """In a file of its own."""
    backend = LogFileBackend(tmp_path / "tracking.log", max_bytes=10, backup_count=5)
    for number in range(3):
        backend.send({"name": f"number {number}"})
    backend.close()

    assert [(tmp_path / f"tracking.log{end}").read_text() for end in (".2", ".1", "")] == [
        '{"name":"number 0"}\n',
        '{"name":"number 1"}\n',
        '{"name":"number 2"}\n',
    ]


def test_a_rotation_that_fails_costs_no_event(tmp_path, caplog):
    """Too long a log is the smaller evil; one warning says so."""
    log = tmp_path / "tracking.log"
    # Nobody can lock a folder's name for writing.
    (tmp_path / "tracking.log.lock").mkdir()
    backend = LogFileBackend(log, max_bytes=10, backup_count=1)
    for number in range(5):
        backend.send({"name": f"number {number}"})
    backend.close()

    assert [event["name"] for event in read(log)] == [f"number {number}" for number in range(5)]
    assert backend.stats() == {"accepted": 5, "sent": 5, "pending": 0, "lost": {}}
    assert len(caplog.records) == 1
    assert "Is a directory" in caplog.text


def test_the_books_begin_at_zero_and_add_up(tmp_path):
    """`accepted == sent + pending + lost`, also after `close`."""
    backend = LogFileBackend(tmp_path / "tracking.log")
    books = [backend.stats()]
    for _ in range(3):
        backend.send({"name": "a"})
    books.append(backend.stats())
    assert backend.close()
    assert backend.close()
    backend.send({"name": "late"})
    backend.reopen()
    backend.flush()
    books.append(backend.stats())

    assert books == [
        {"accepted": 0, "sent": 0, "pending": 0, "lost": {}},
        {"accepted": 3, "sent": 3, "pending": 0, "lost": {}},
        {"accepted": 4, "sent": 3, "pending": 0, "lost": {"closed": 1}},
    ]
    assert len(list(read(tmp_path / "tracking.log"))) == 3


def test_flush_says_that_all_is_written(tmp_path):
    """With or without a time-out; nothing here waits for one."""
    backend = LogFileBackend(tmp_path / "tracking.log")
    backend.send({"name": "a"})

    assert [backend.flush(), backend.flush(0), backend.flush(timeout=1.0)] == [True] * 3
    backend.close()


def test_a_closed_backend_gives_its_descriptor_back(tmp_path):
    """A program that reads its settings anew a thousand times has no more files open."""

    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    for _ in range(50):
        backend = LogFileBackend(tmp_path / "tracking.log", max_bytes=50, backup_count=1)
        for _ in range(10):
            backend.send({"name": "long enough"})
        backend.reopen()
        backend.close()

    assert descriptors() <= before + 1


def test_the_repr_names_the_file(tmp_path):
    """Enough to find it at night."""
    backend = LogFileBackend(tmp_path / "tracking.log")

    assert repr(backend) == f"<LogFileBackend '{tmp_path}/tracking.log'>"
    backend.close()


def test_behind_a_tracker_the_event_is_whole(tmp_path):
    """Name, time, data and context, in this order."""
    log = tmp_path / "tracking.log"
    tracker = Tracker({"log": LogFileBackend(log)})
    with tracker.context("user", {"user_id": 7}):
        tracker.emit("page.viewed", {"path": "/"})
    assert tracker.close()

    event = json.loads(log.read_bytes())

    assert list(event) == ["name", "timestamp", "data", "context"]
    assert (event["data"], event["context"]) == ({"path": "/"}, {"user_id": 7})


def ticking(seconds):
    """Return a clock that goes on by so many *seconds* each time it is asked."""
    return partial(next, count(1_000.0, seconds))


def test_a_burst_looks_at_its_file_rarely(tmp_path):
    """By the clock: not after each line, which would cost as much again, and not too late."""
    log = tmp_path / "tracking.log"
    file = LineFile(log, counters=Counters(), clock=ticking(0.000_001))
    for _ in range(100):
        file.append(LINE)
    log.unlink()

    missed = next(number for number in count() if file.append(LINE) and log.exists())

    assert 1 < missed < 200
    assert log.read_bytes().count(LINE) > missed
    assert file.close()


def descriptors(path):
    """Return the descriptors of this process that are open for the file at *path*."""
    names = os.listdir("/proc/self/fd")
    return [int(n) for n in names if os.path.realpath(f"/proc/self/fd/{n}") == str(path)]


def test_recalled_lines_come_before_newer_ones(tmp_path):
    """The log is deleted in a burst, and other code closes its descriptor: the order is kept."""
    log = tmp_path / "tracking.log"
    counters = Counters()
    file = LineFile(log, counters=counters, clock=ticking(0))
    for _ in range(100):
        file.append(LINE)
    [descriptor] = descriptors(log)
    log.unlink()
    os.close(descriptor)
    file.append(b'{"name":"newest"}\n')
    lines = log.read_bytes().splitlines(keepends=True)

    assert lines[-1] == b'{"name":"newest"}\n'
    assert {*lines[:-1]} == {LINE}
    assert counters.stats()["sent"] - file.recalled == 101
    assert file.close()


def test_a_relative_path_in_a_folder_that_is_gone_is_said_so(tmp_path, monkeypatch):
    """The message names the path, not a file of ours that nobody knows."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()

    with pytest.raises(
        ImproperlyConfigured, match=r"'tracking\.log': the working directory is gone"
    ):
        LogFileBackend("tracking.log")


AT_THE_END_OF_THE_STACK = """
import inspect, sys
from eventtracking.backends.log_file import LogFileBackend
from eventtracking.tracker import Tracker

def descend(frames):
    return descend(frames - 1) if frames else tracker.emit("a", {"list": [1]})

sent = 0
for left in [*range(70)] * 2:
    log = LogFileBackend(sys.argv[1])
    tracker = Tracker({"log": log})
    try:
        descend(sys.getrecursionlimit() - len(inspect.stack(0)) - left)
    except RecursionError:
        pass
    assert log.close()
    router, books = tracker.routing_backend.stats(), tracker.stats()["backends"]["log"]
    sent += books["sent"]
    assert books["accepted"] == router["sent"], (left, books)
    assert books["accepted"] == books["sent"] + sum(books["lost"].values()), (left, books)
print(sent)
"""


def test_an_event_at_the_end_of_the_stack_is_written_or_lost_and_not_both(tmp_path):
    """Written, and then no frame is left to look after it: the next look does."""
    log = tmp_path / "tracking.log"
    run = subprocess.run(
        [sys.executable, "-c", AT_THE_END_OF_THE_STACK, str(log)],
        capture_output=True,
        timeout=300,
        check=False,
    )

    assert (run.returncode, run.stderr.decode()) == (0, "")
    assert len(log.read_bytes().splitlines()) == int(run.stdout)
