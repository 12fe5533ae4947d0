"""The command `eventtracking outbox`: list, show, retry and purge."""

import fcntl
import json
import os
import subprocess
import sys
import time

import pytest
from outbox_programs import (
    HANG_SECONDS,
    CountedOutbox,
    files,
    ids,
    left_behind,
    never_adopting,
    record,
)

from eventtracking.cli import main
from eventtracking.delivery.outbox import dead_letters, inspection, segment_file


@pytest.fixture
def outbox(capsys):
    """Return a function that runs the command, and returns its exit code, stdout and stderr."""

    def run(action, folder, *arguments):
        code = main(["outbox", action, str(folder), *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def folder(tmp_path):
    """An outbox with two orphans, a living process, and three rejected events."""
    alive = never_adopting(tmp_path)
    left_behind(tmp_path, *[record(each, "old") for each in range(3)])
    left_behind(tmp_path, *[now(each, "young") for each in range(2)])
    alive.put(*[record(each, "alive") for each in range(4)])
    for number in range(3):
        alive.outbox.store_dead_letter(
            record(number, "dead"), "400 bad" if number else "no identity", 400
        )
    yield tmp_path
    alive.kill()


def now(number, writer):
    return record(number, writer)._replace(time=time.time())


def events(printed):
    return [json.loads(line) for line in printed.splitlines()]


def test_list_shows_the_files_and_the_reasons_of_rejected_events(outbox, folder):
    """It shows for each file whether a process delivers from it."""
    code, out, err = outbox("list", folder)
    lines = out.splitlines()

    assert (code, err) == (0, "")
    assert lines[0] == "waiting: 9 event(s) in 3 file(s)"
    assert [line.split(maxsplit=1)[1].split(",")[0] for line in lines[1:4]] == [
        "orphan: 3 event(s)",
        "orphan: 2 event(s)",
        "live: 4 event(s)",
    ]
    assert lines[4:] == ["dead: 3 event(s)", "  2 x 400 bad", "  1 x no identity"]


def test_list_can_print_a_json_object(outbox, folder):
    """With the age of the oldest event of each file in seconds."""
    code, out, _ = outbox("list", folder, "--json")
    found = json.loads(out)

    assert code == 0
    assert found["waiting"] == 9
    assert found["dead"] == {"total": 3, "reasons": {"400 bad": 2, "no identity": 1}}
    assert [each["state"] for each in found["segments"]] == ["orphan", "orphan", "live"]
    assert found["segments"][0]["oldest_seconds"] > 10**6
    assert found["segments"][1]["oldest_seconds"] < 10**6
    assert {each["damaged"] for each in found["segments"]} == {0}


def test_list_shows_damaged_and_unknown_files(outbox, folder):
    """So that an operator notices them."""
    first, second, _ = files(folder)
    first.write_bytes(first.read_bytes()[:-5])
    second.write_bytes(b"a text")
    _, out, _ = outbox("list", folder)

    assert "orphan: 2 event(s), 1 damaged" in out
    assert "unknown: 0 event(s)" in out


def test_show_prints_each_event_as_a_line_of_json(outbox, folder):
    """Waiting events, rejected events or both, up to a limit."""
    _, dead, _ = outbox("show", folder, "--dead")
    _, waiting, _ = outbox("show", folder, "--waiting")
    _, both, _ = outbox("show", folder)
    _, some, _ = outbox("show", folder, "--limit", "4")

    assert events(dead)[1] == {
        "id": "dead-1",
        "time": 1001.0,
        "name": "thing.done",
        "reason": "400 bad",
        "status": 400,
        "payload": json.loads(record(1, "dead").payload),
    }
    assert len(events(waiting)) == 9
    assert events(both) == events(waiting) + events(dead)
    assert events(some) == events(both)[:4]


def test_retry_makes_rejected_events_wait_again(outbox, folder):
    """With the same id and the same payload, to the byte."""
    code, out, _ = outbox("retry", folder)
    later = CountedOutbox(folder)
    found = later.deliver()

    assert (code, out) == (0, "3 event(s) wait again\n")
    assert not (folder / "dead.jsonl").exists()
    assert found[-3:] == [record(each, "dead") for each in range(3)]
    assert outbox("retry", folder)[1] == "0 event(s) wait again\n"


def test_retry_can_be_limited_to_some_events(outbox, folder):
    """The others remain."""
    _, out, _ = outbox("retry", folder, "--id", "dead-1", "--id", "dead-2")
    left = events(outbox("show", folder, "--dead")[1])

    assert out == "2 event(s) wait again\n"
    assert [each["id"] for each in left] == ["dead-0"]
    assert (folder / "dead.jsonl").stat().st_mode & 0o777 == 0o600


def test_an_event_may_be_rejected_again_after_a_retry(outbox, folder):
    """It is stored with the new reason."""
    outbox("retry", folder)
    later = CountedOutbox(folder)
    for each in later.outbox.peek(100, 10**9):
        if each.id.startswith("dead"):
            later.outbox.store_dead_letter(each, "again", 400)
        later.settle([each])

    assert [each["reason"] for each in events(outbox("show", folder, "--dead")[1])] == ["again"] * 3


@pytest.mark.parametrize("function", ["os.rename", "os.replace", "os.unlink", "os.write"])
def test_an_interrupted_retry_loses_nothing(folder, monkeypatch, function):
    """At any step each event is rejected, or waits, or both."""

    def fail(*_, **__):
        raise OSError(28, "no room")

    ids_ = None if function != "os.replace" else ["dead-1"]
    with monkeypatch.context() as patch:
        patch.setattr(function, fail)
        with pytest.raises(OSError, match="no room"):
            inspection.OutboxFolder(str(folder)).retry(ids_)
    here = inspection.OutboxFolder(str(folder))
    found = [json.loads(line)["id"] for line in here.events(dead=True, waiting=True, limit=None)]

    assert {"dead-0", "dead-1", "dead-2"} <= set(found)


def test_retry_keeps_damaged_lines(outbox, folder):
    """Only an operator should delete them."""
    with (folder / "dead.jsonl").open("ab") as file:
        file.write(b'{"id":"torn')
    outbox("retry", folder)

    assert (folder / "dead.jsonl").read_bytes() == b'{"id":"torn'


def test_an_event_that_is_rejected_after_a_retry_is_stored(outbox, folder):
    """The file has been replaced meanwhile."""
    counted = CountedOutbox(folder)
    counted.outbox.store_dead_letter(record(8, "early"), "early", 400)
    inspection.OutboxFolder(str(folder)).retry(["dead-0", "early-8"])
    counted.outbox.store_dead_letter(record(9, "late"), "late", 400)

    assert [each["id"] for each in events(outbox("show", folder, "--dead")[1])] == [
        "dead-1",
        "dead-2",
        "late-9",
    ]


def test_purge_deletes_nothing_without_confirmation(outbox, folder):
    """It prints how many events it would delete."""
    code, out, err = outbox("purge", folder, "--dead", "--waiting")

    assert (code, out) == (2, "")
    assert err == "eventtracking: this deletes 8 event(s) for good: add --yes to do it\n"
    assert len(events(outbox("show", folder)[1])) == 12


def test_purge_leaves_the_files_of_living_processes_alone(outbox, folder):
    """It deletes rejected events and those of orphans."""
    assert outbox("purge", folder, "--dead", "--yes") == (0, "3 event(s) deleted\n", "")
    assert outbox("purge", folder, "--waiting", "--yes") == (0, "5 event(s) deleted\n", "")
    left = events(outbox("show", folder)[1])

    assert [each["id"] for each in left] == [f"alive-{each}" for each in range(4)]
    assert len(files(folder)) == 1


def test_purge_can_be_limited_to_old_events(outbox, folder):
    """Even within a file. The others are still delivered."""
    mixed = left_behind(folder, record(0, "mixed"), now(1, "mixed"))
    code, out, _ = outbox("purge", folder, "--waiting", "--older-than", "3600", "--yes")

    assert (code, out) == (0, "4 event(s) deleted\n")
    assert ids([*segment_file.read_waiting(str(mixed))]) == ["mixed-1"]
    assert ids(CountedOutbox(folder).deliver()) == ["young-0", "young-1", "mixed-1"]


def test_purge_keeps_the_marks_of_events_that_were_being_sent(outbox, tmp_path):
    """A destination that keeps repeats gets no event twice because of it."""
    counted = CountedOutbox(tmp_path, idempotent=False)
    counted.put(record(0), now(1, "w"), now(2, "w"))
    counted.outbox.peek(9, 10**9)
    counted.outbox.mark_sending([record(1)])
    counted.kill()
    outbox("purge", tmp_path, "--waiting", "--older-than", "3600", "--yes")
    later = CountedOutbox(tmp_path, idempotent=False)

    assert ids(later.deliver()) == ["w-2"]
    assert later.stats()["lost"] == {"rejected": 1}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show", "--limit", "-1"], "--limit: must be a whole number, 0 or more, got '-1'"),
        (["show", "--limit", "two"], "--limit: must be a whole number, 0 or more, got 'two'"),
        (["show", "--limit", "9" * 30], "--limit: must be a whole number, 0 or more, got"),
        (["purge", "--dead", "--older-than", "-5", "--yes"], "--older-than: must be a number of"),
        (["purge", "--dead", "--older-than", "nan", "--yes"], "--older-than: must be a number of"),
        (["purge", "--dead", "--older-than", "1h", "--yes"], "seconds, 0 or more, got '1h'"),
        (["deliver", "--timeout", "-1"], "--timeout: must be a number of seconds, 0 or more"),
    ],
)
def test_an_invalid_number_is_a_usage_error(folder, capsys, arguments, expected):
    """A typing error must not delete everything."""
    action, *options = arguments
    with pytest.raises(SystemExit) as ended:
        main(["outbox", action, *([] if action == "deliver" else [str(folder)]), *options])

    assert ended.value.code == 2
    assert expected in capsys.readouterr().err
    assert (
        len([*inspection.OutboxFolder(str(folder)).events(dead=True, waiting=True, limit=None)])
        == 12
    )


@pytest.mark.parametrize("kind", ["missing", "file", "other"])
def test_a_folder_that_is_not_an_outbox_is_a_usage_error(outbox, tmp_path, kind):
    """One line and exit code 2, for every action."""
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").touch()
    for action in ("list", "show", "retry", "purge"):
        code, out, err = outbox(action, tmp_path / kind)

        assert (code, out) == (2, "")
        assert err.startswith(f"eventtracking: '{tmp_path / kind}' is not an outbox: ")
        assert err.count("\n") == 1


def test_an_empty_outbox_is_listed(outbox, tmp_path):
    """All events have arrived."""
    assert outbox("list", tmp_path) == (
        0,
        "waiting: 0 event(s) in 0 file(s)\ndead: 0 event(s)\n",
        "",
    )
    assert outbox("purge", tmp_path)[0] == 2


def test_the_command_runs_as_a_program(folder):
    """With `python -m eventtracking`."""
    done = subprocess.run(
        [sys.executable, "-m", "eventtracking", "outbox", "list", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("waiting: 9 event(s) in 3 file(s)\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_root_leaves_the_files_to_their_owner(outbox, folder):
    """The user of the application must be able to deliver the events."""
    os.chown(folder, 12345, 12345)
    os.chown(folder / "dead.jsonl", 12345, 12345)
    outbox("retry", folder, "--id", "dead-0")

    assert files(folder)[-1].stat().st_uid == 12345
    assert (folder / "dead.jsonl").stat().st_uid == 12345


def test_the_response_of_a_server_cannot_control_the_terminal(outbox, folder):
    """Control sequences in it are escaped."""
    CountedOutbox(folder).outbox.store_dead_letter(record(7, "dead"), "\x1b[31mred", 400)

    assert "\x1b" not in outbox("list", folder)[1]
    assert "1 x \\x1b[31mred" in outbox("list", folder)[1]


def test_a_locked_file_of_dead_letters_is_not_waited_for_without_an_end(
    tmp_path, monkeypatch, caplog
):
    """The event is not stored, which is logged."""
    monkeypatch.setattr(dead_letters, "LOCK_SECONDS", 0.05)
    counted = CountedOutbox(tmp_path)
    counted.outbox.store_dead_letter(record(0), "400", 400)
    with (tmp_path / "dead.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        counted.outbox.store_dead_letter(record(1), "400", 400)

    assert "a rejected event could not be stored" in caplog.text
    assert [each.record.id for each in dead_letters.DeadLetters(str(tmp_path)).read()] == ["w-0"]
