"""`eventtracking outbox`: what waits, what was refused and why, and what to do about it."""

import json
import os
import subprocess
import sys
import time

import pytest
from outbox_programs import HANG_SECONDS, Kept, files, ids, left_behind, record

from eventtracking.cli import main
from eventtracking.delivery.outbox import dead_letters, inspection, segment_file


@pytest.fixture
def outbox(capsys):
    """Run `eventtracking outbox ...`; return the exit code, and what was printed where."""

    def run(action, folder, *arguments):
        code = main(["outbox", action, str(folder), *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def folder(tmp_path):
    """An outbox with two orphans, a living process, and three refused events."""
    left_behind(tmp_path, *[record(each, "old") for each in range(3)])
    left_behind(tmp_path, *[now(each, "young") for each in range(2)])
    alive = Kept(tmp_path)
    alive.outbox._orphans._look_at = float("inf")
    alive.put(*[record(each, "alive") for each in range(4)])
    for number in range(3):
        alive.outbox.bury(record(number, "dead"), "400 bad" if number else "no identity", 400)
    yield tmp_path
    alive.die()


def now(number, writer):
    return record(number, writer)._replace(time=time.time())


def events(printed):
    return [json.loads(line) for line in printed.splitlines()]


def test_it_lists_what_waits_and_what_was_refused(outbox, folder):
    """Per file whether somebody delivers from it; refused events by their reason."""
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


def test_it_lists_for_programs(outbox, folder):
    """One JSON object, with the age of the oldest event of each file in seconds."""
    code, out, _ = outbox("list", folder, "--json")
    found = json.loads(out)

    assert code == 0
    assert found["waiting"] == 9
    assert found["dead"] == {"total": 3, "reasons": {"400 bad": 2, "no identity": 1}}
    assert [each["state"] for each in found["journals"]] == ["orphan", "orphan", "live"]
    assert found["journals"][0]["oldest_seconds"] > 10**6
    assert found["journals"][1]["oldest_seconds"] < 10**6
    assert {each["damaged"] for each in found["journals"]} == {0}


def test_damage_and_strange_files_are_listed_as_such(outbox, folder):
    """So that an operator looks at them."""
    first, second, _ = files(folder)
    first.write_bytes(first.read_bytes()[:-5])
    second.write_bytes(b"a diary")
    _, out, _ = outbox("list", folder)

    assert "orphan: 2 event(s), 1 damaged" in out
    assert "unknown: 0 event(s)" in out


def test_it_shows_events_as_lines_of_json(outbox, folder):
    """Those that wait, those that were refused, or both; not more than asked for."""
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


def test_refused_events_are_sent_again(outbox, folder):
    """Under the id they had, with the payload they had, to the byte."""
    code, out, _ = outbox("retry", folder)
    later = Kept(folder)
    found = later.deliver()

    assert (code, out) == (0, "3 event(s) wait again\n")
    assert not (folder / "dead.jsonl").exists()
    assert found[-3:] == [record(each, "dead") for each in range(3)]
    assert outbox("retry", folder)[1] == "0 event(s) wait again\n"


def test_one_refused_event_can_be_chosen(outbox, folder):
    """The others stay."""
    _, out, _ = outbox("retry", folder, "--id", "dead-1", "--id", "dead-2")
    left = events(outbox("show", folder, "--dead")[1])

    assert out == "2 event(s) wait again\n"
    assert [each["id"] for each in left] == ["dead-0"]
    assert (folder / "dead.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_fails_again_is_refused_again(outbox, folder):
    """Nothing vanishes in between."""
    outbox("retry", folder)
    later = Kept(folder)
    for each in later.outbox.peek(100, 10**9):
        if each.id.startswith("dead"):
            later.outbox.bury(each, "again", 400)
        later.settle([each])

    assert [each["reason"] for each in events(outbox("show", folder, "--dead")[1])] == ["again"] * 3


@pytest.mark.parametrize("function", ["os.rename", "os.replace", "os.unlink", "os.write"])
def test_a_retry_that_is_cut_short_loses_nothing(folder, monkeypatch, function):
    """Wherever: each event is among the refused ones, or waits, or both."""

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


def test_a_damaged_line_stays_among_the_refused(outbox, folder):
    """It is nobody's to delete but an operator's."""
    with (folder / "dead.jsonl").open("ab") as file:
        file.write(b'{"id":"torn')
    outbox("retry", folder)

    assert (folder / "dead.jsonl").read_bytes() == b'{"id":"torn'


def test_an_event_that_is_refused_during_a_retry_is_kept(outbox, folder):
    """The file is written anew under a lock; whoever waited for it writes to the new one."""
    kept = Kept(folder)
    here = inspection.OutboxFolder(str(folder))
    seen = []

    def refuse(letters):
        # Another process would wait; this one gives up soon.
        seen.append(len(letters))

    here._dead.take(lambda letter: letter.record.id == "dead-0", refuse)
    kept.outbox.bury(record(9, "late"), "late", 400)

    assert seen == [1]
    assert [each["id"] for each in events(outbox("show", folder, "--dead")[1])] == [
        "dead-1",
        "dead-2",
        "late-9",
    ]


def test_nothing_is_deleted_without_a_yes(outbox, folder):
    """It says how many it would be."""
    code, out, err = outbox("purge", folder, "--dead", "--waiting")

    assert (code, out) == (2, "")
    assert err == "eventtracking: this deletes 8 event(s) for good: add --yes to do it\n"
    assert len(events(outbox("show", folder)[1])) == 12


def test_it_deletes_what_it_is_told_to_and_nothing_that_lives(outbox, folder):
    """Refused ones, waiting ones; those of a living process stay."""
    assert outbox("purge", folder, "--dead", "--yes") == (0, "3 event(s) deleted\n", "")
    assert outbox("purge", folder, "--waiting", "--yes") == (0, "5 event(s) deleted\n", "")
    left = events(outbox("show", folder)[1])

    assert [each["id"] for each in left] == [f"alive-{each}" for each in range(4)]
    assert len(files(folder)) == 1


def test_it_deletes_only_what_is_old_enough(outbox, folder):
    """Within a file, too: the young ones are still delivered."""
    mixed = left_behind(folder, record(0, "mixed"), now(1, "mixed"))
    code, out, _ = outbox("purge", folder, "--waiting", "--older-than", "3600", "--yes")

    assert (code, out) == (0, "4 event(s) deleted\n")
    assert ids([*segment_file.waiting(str(mixed))]) == ["mixed-1"]
    assert ids(Kept(folder).deliver()) == ["young-0", "young-1", "mixed-1"]


def test_a_purge_keeps_the_notes_of_what_was_begun(outbox, tmp_path):
    """What may not be sent twice is not sent twice because of it."""
    kept = Kept(tmp_path, idempotent=False)
    kept.put(record(0), now(1, "w"), now(2, "w"))
    kept.outbox.peek(9, 10**9)
    kept.outbox.begin([record(1)])
    kept.die()
    outbox("purge", tmp_path, "--waiting", "--older-than", "3600", "--yes")
    later = Kept(tmp_path, idempotent=False)

    assert ids(later.deliver()) == ["w-2"]
    assert later.books()["lost"] == {"rejected": 1}


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
def test_a_number_below_zero_is_wrong_usage_and_does_nothing(folder, capsys, arguments, expected):
    """A slip of the hand neither fails with a traceback nor deletes everything."""
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
def test_a_folder_that_is_no_outbox_is_one_line_and_exit_code_2(outbox, tmp_path, kind):
    """Whatever the action; and nothing is written there."""
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "diary").touch()
    for action in ("list", "show", "retry", "purge"):
        code, out, err = outbox(action, tmp_path / kind)

        assert (code, out) == (2, "")
        assert err.startswith(f"eventtracking: '{tmp_path / kind}' is no outbox: ")
        assert err.count("\n") == 1


def test_an_empty_outbox_has_nothing_to_say(outbox, tmp_path):
    """All arrived."""
    assert outbox("list", tmp_path) == (
        0,
        "waiting: 0 event(s) in 0 file(s)\ndead: 0 event(s)\n",
        "",
    )
    assert outbox("purge", tmp_path)[0] == 2


def test_it_runs_as_a_program(folder):
    """As an operator types it."""
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
    """What root lets wait again, the program's user must be able to deliver."""
    os.chown(folder, 12345, 12345)
    os.chown(folder / "dead.jsonl", 12345, 12345)
    outbox("retry", folder, "--id", "dead-0")

    assert files(folder)[-1].stat().st_uid == 12345
    assert (folder / "dead.jsonl").stat().st_uid == 12345


def test_an_answer_cannot_paint_the_terminal(outbox, folder):
    """What a receiver says may hold what a terminal obeys."""
    Kept(folder).outbox.bury(record(7, "dead"), "\x1b[31mred", 400)

    assert "\x1b" not in outbox("list", folder)[1]
    assert "1 x \\x1b[31mred" in outbox("list", folder)[1]


def test_a_lock_that_is_never_given_back_is_not_waited_for(tmp_path, monkeypatch, caplog):
    """The event is not kept, and that is said."""
    monkeypatch.setattr(dead_letters, "_LOCK_SECONDS", 0.05)
    kept = Kept(tmp_path)
    kept.outbox.bury(record(0), "400", 400)
    with kept.outbox._dead._locked(os.O_RDWR):
        kept.outbox.bury(record(1), "400", 400)

    assert "a refused event could not be kept" in caplog.text
    assert [each.record.id for each in kept.outbox._dead.read()] == ["w-0"]
