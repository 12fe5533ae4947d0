"""`LogFileBackend`: options, files, rotation and statistics."""

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
    """Let a test set the umask, and restore it afterwards."""
    before = os.umask(0)
    yield os.umask
    os.umask(before)


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_an_event_is_one_line_of_json(tmp_path):
    """It is in the file when `send` returns, in UTF-8."""
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


def test_the_path_may_be_text_or_any_path_object(tmp_path):
    """An `__fspath__` that returns bytes is accepted as well."""

    class BytesPath:
        def __fspath__(self):
            return os.fsencode(tmp_path / "bytes.log")

    for path in (str(tmp_path / "text.log"), tmp_path / "path.log", BytesPath()):
        backend = LogFileBackend(path, max_bytes=10_000, backup_count=1)
        backend.send({"name": "a"})
        backend.close()

    assert sorted(os.listdir(tmp_path)) == ["bytes.log", "path.log", "text.log"]


def test_missing_folders_are_created(tmp_path):
    """The first start on a new machine needs no `mkdir`."""
    log = tmp_path / "a" / "b" / "tracking.log"

    LogFileBackend(log).close()

    assert log.read_bytes() == b""


@pytest.mark.parametrize(
    ("mode", "mask", "expected"),
    [(0o640, 0o022, 0o640), (0o640, 0o077, 0o600), (0o666, 0o002, 0o664), (0o600, 0, 0o600)],
)
def test_a_new_file_has_the_chosen_mode(tmp_path, umask, mode, mask, expected):
    """The umask of the process applies, also to the file created by a rotation."""
    log = tmp_path / "tracking.log"
    umask(mask)

    backend = LogFileBackend(log, mode=mode, max_bytes=10, backup_count=1)
    for _ in range(3):
        backend.send({"name": "long enough to rotate"})
    backend.close()

    assert [permissions(path) for path in (log, tmp_path / "tracking.log.1")] == [expected] * 2


def test_by_default_others_cannot_read_events(tmp_path, umask):
    """The default is 0640: the owner writes, the group reads."""
    umask(0)

    LogFileBackend(tmp_path / "tracking.log").close()

    assert permissions(tmp_path / "tracking.log") == 0o640


def test_the_mode_of_an_existing_file_is_kept(tmp_path):
    """An operator may have chosen it."""
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
def test_a_path_that_cannot_be_written_is_an_error_at_startup(tmp_path, name, reason):
    """The error gives the path and the reason before the first event could be lost."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(ImproperlyConfigured, match=reason) as raised:
        LogFileBackend(f"{tmp_path}/{name}")

    assert repr(f"{tmp_path}/{name}") in str(raised.value)


def test_a_folder_that_refuses_files_is_an_error_at_startup():
    """/proc refuses new files even to root."""
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
    """The text gives the option, its rule and its value, and no file is created."""
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


def test_rotation_keeps_backup_count_files(tmp_path):
    """`path.1` is the newest, and the oldest is deleted."""
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


def test_an_event_longer_than_max_bytes_is_written_anyway(tmp_path):
    """It gets its own file."""
    backend = LogFileBackend(tmp_path / "tracking.log", max_bytes=10, backup_count=5)
    for number in range(3):
        backend.send({"name": f"number {number}"})
    backend.close()

    assert [(tmp_path / f"tracking.log{end}").read_text() for end in (".2", ".1", "")] == [
        '{"name":"number 0"}\n',
        '{"name":"number 1"}\n',
        '{"name":"number 2"}\n',
    ]


def test_a_failing_rotation_loses_no_event(tmp_path, caplog):
    """The log grows beyond its limit, and one warning says so."""
    log = tmp_path / "tracking.log"
    # A folder cannot be opened for writing, so it cannot be the lock file.
    (tmp_path / "tracking.log.lock").mkdir()
    backend = LogFileBackend(log, max_bytes=10, backup_count=1)
    for number in range(5):
        backend.send({"name": f"number {number}"})
    backend.close()

    assert [event["name"] for event in read(log)] == [f"number {number}" for number in range(5)]
    assert backend.stats() == {"accepted": 5, "sent": 5, "pending": 0, "lost": {}}
    assert len(caplog.records) == 1
    assert "Is a directory" in caplog.text


def test_the_statistics_start_at_zero_and_add_up(tmp_path):
    """`accepted == sent + pending + lost` holds after `close` too."""
    backend = LogFileBackend(tmp_path / "tracking.log")
    stats = [backend.stats()]
    for _ in range(3):
        backend.send({"name": "a"})
    stats.append(backend.stats())
    assert backend.close()
    assert backend.close()
    backend.send({"name": "late"})
    backend.reopen()
    backend.flush()
    stats.append(backend.stats())

    assert stats == [
        {"accepted": 0, "sent": 0, "pending": 0, "lost": {}},
        {"accepted": 3, "sent": 3, "pending": 0, "lost": {}},
        {"accepted": 4, "sent": 3, "pending": 0, "lost": {"closed": 1}},
    ]
    assert len(list(read(tmp_path / "tracking.log"))) == 3


def test_flush_returns_true_when_everything_is_written(tmp_path):
    """It accepts a timeout, and never has to wait for it."""
    backend = LogFileBackend(tmp_path / "tracking.log")
    backend.send({"name": "a"})

    assert [backend.flush(), backend.flush(0), backend.flush(timeout=1.0)] == [True] * 3
    backend.close()


def test_close_releases_the_descriptor(tmp_path):
    """A program may reload its settings many times without running out of descriptors."""

    def open_descriptors():
        return len(os.listdir("/proc/self/fd"))

    before = open_descriptors()
    for _ in range(50):
        backend = LogFileBackend(tmp_path / "tracking.log", max_bytes=50, backup_count=1)
        for _ in range(10):
            backend.send({"name": "long enough"})
        backend.reopen()
        backend.close()

    assert open_descriptors() <= before + 1


def test_the_repr_names_the_file(tmp_path):
    """An operator finds the file by it."""
    backend = LogFileBackend(tmp_path / "tracking.log")

    assert repr(backend) == f"<LogFileBackend '{tmp_path}/tracking.log'>"
    backend.close()


def test_an_event_of_a_tracker_is_written_with_all_its_keys(tmp_path):
    """They are name, timestamp, data and context, in this order."""
    log = tmp_path / "tracking.log"
    tracker = Tracker({"log": LogFileBackend(log)})
    with tracker.context("user", {"user_id": 7}):
        tracker.emit("page.viewed", {"path": "/"})
    assert tracker.close()

    event = json.loads(log.read_bytes())

    assert list(event) == ["name", "timestamp", "data", "context"]
    assert (event["data"], event["context"]) == ({"path": "/"}, {"user_id": 7})


def ticking(seconds):
    """Return a clock that advances by *seconds* at each call."""
    return partial(next, count(1_000.0, seconds))


def test_the_file_is_verified_rarely_during_a_burst(tmp_path):
    """Not after each line, which would double the cost, but within a bounded time."""
    log = tmp_path / "tracking.log"
    file = LineFile(log, counters=Counters(), clock=ticking(0.000_001))
    for _ in range(100):
        file.append(LINE)
    log.unlink()

    missed = next(number for number in count() if file.append(LINE) and log.exists())

    assert 1 < missed < 200
    assert log.read_bytes().count(LINE) > missed
    assert file.close()


def descriptors_of(path):
    """Return the descriptors of this process that are open for the file at *path*."""
    names = os.listdir("/proc/self/fd")
    return [int(n) for n in names if os.path.realpath(f"/proc/self/fd/{n}") == str(path)]


def test_recalled_lines_come_before_newer_ones(tmp_path):
    """The order is kept when the log is deleted in a burst and its descriptor is closed."""
    log = tmp_path / "tracking.log"
    counters = Counters()
    file = LineFile(log, counters=counters, clock=ticking(0))
    for _ in range(100):
        file.append(LINE)
    [descriptor] = descriptors_of(log)
    log.unlink()
    os.close(descriptor)
    file.append(b'{"name":"newest"}\n')
    lines = log.read_bytes().splitlines(keepends=True)

    assert lines[-1] == b'{"name":"newest"}\n'
    assert {*lines[:-1]} == {LINE}
    assert counters.stats()["sent"] - file.recalled == 101
    assert file.close()


def test_a_relative_path_without_a_working_directory_is_an_error(tmp_path, monkeypatch):
    """The message gives the configured path and the cause."""
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()

    with pytest.raises(
        ImproperlyConfigured, match=r"'tracking\.log': the working directory is gone"
    ):
        LogFileBackend("tracking.log")


SEND_ON_A_FULL_STACK = """
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
    router, stats = tracker.routing_backend.stats(), tracker.stats()["backends"]["log"]
    sent += stats["sent"]
    assert stats["accepted"] == router["sent"], (left, stats)
    assert stats["accepted"] == stats["sent"] + sum(stats["lost"].values()), (left, stats)
print(sent)
"""


def test_an_event_on_a_full_stack_is_either_written_or_lost(tmp_path):
    """If a line is written but no frame is left to verify it, the next line does."""
    log = tmp_path / "tracking.log"
    run = subprocess.run(
        [sys.executable, "-c", SEND_ON_A_FULL_STACK, str(log)],
        capture_output=True,
        timeout=300,
        check=False,
    )

    assert (run.returncode, run.stderr.decode()) == (0, "")
    assert len(log.read_bytes().splitlines()) == int(run.stdout)
