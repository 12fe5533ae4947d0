"""`eventtracking demo --once`: it tests itself, and finds what is wrong."""

import json
import os
import socket
from collections import Counter

import demo_fakes
import pytest

from eventtracking.demo import drive, program
from eventtracking.journal import read

EXPECTED = [step for step in drive.plan() if not step.is_dropped]


def sabotaged(log, backend):
    """Return the settings of the demonstration with another backend as its log."""
    settings = program.settings(str(log))
    settings["EVENT_TRACKING_BACKENDS"]["log"]["ENGINE"] = f"demo_fakes.{backend}"
    return settings


def unguarded(log, guard):
    """Return the settings of the demonstration without *guard*."""
    settings = program.settings(str(log))
    processors = settings["EVENT_TRACKING_PROCESSORS"]
    kept = [entry for entry in processors if not entry["ENGINE"].endswith(guard)]
    assert len(kept) == len(processors) - 1
    return {**settings, "EVENT_TRACKING_PROCESSORS": kept}


def names(log):
    return Counter(event["name"] for event in read(log))


def test_the_plan_is_twenty_requests_of_several_users_at_least():
    """Each with an id of its own, and some that must not arrive."""
    steps = drive.plan()

    assert len(steps) >= 20
    assert len({step.user for step in steps}) > 3
    assert len({step.id for step in steps}) == len(steps) > len(EXPECTED)
    assert not {step.id for step in steps} & {step.id for step in drive.plan()}


def test_it_shows_the_events_verifies_them_and_sums_up(once, log):
    """Exit code 0 is a promise about every single event."""
    output, complaint, code = once()

    lines = output.splitlines()
    assert (complaint, code) == ("", 0)
    assert sum(" edx." in line for line in lines) == len(EXPECTED)
    assert "40 requests of 5 users at once, in " in lines[-4]
    assert lines[-3:] == [
        "40 event(s) emitted: 35 in ./tracking.log, 5 dropped by the filter, 0 lost.",
        "Verified: each event is in the log exactly once, with its own user.",
        "No password is in it, and none of its lines is over 50,000 bytes.",
    ]
    assert names(log) == Counter(step.event for step in EXPECTED)


def test_it_may_be_run_again_and_again_into_one_log(once, log):
    """Events of earlier runs are told from those of this one."""
    codes = [once()[2] for _ in range(3)]

    assert codes == [0, 0, 0]
    assert len([*read(log)]) == 3 * len(EXPECTED)


def test_it_copes_with_whatever_the_log_held_before(once, log):
    """Torn lines, foreign lines, and events with contexts of any kind."""
    strange = [{"context": 7}, {"context": {"request_id": ["x"]}}, {}, [1], {"name": None}]
    log.write_text("".join(f"{json.dumps(each)}\n" for each in strange) + '\n\x00\n{"torn": "')

    output, _, code = once()

    assert code == 0
    assert "Verified" in output


def test_two_runs_at_once_share_a_log(start, log):
    """Each finds its own."""
    runs = [start("--once") for _ in range(2)]
    ends = [(*run.communicate(timeout=300), run.returncode) for run in runs]

    assert [code for _, _, code in ends] == [0, 0]
    assert len([*read(log)]) == 2 * len(EXPECTED)


def test_it_takes_a_free_port(once):
    """That of a running demonstration may be in use."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8765))
            other.listen()
        except OSError:
            # Something else holds it, which is all that this needs.
            pass
        assert once()[2] == 0


def test_proxies_of_the_environment_are_left_out(once):
    """What happens on this machine stays on it."""
    nowhere = "http://127.0.0.1:1/"

    assert once(http_proxy=nowhere, HTTP_PROXY=nowhere, all_proxy=nowhere)[2] == 0


@pytest.mark.parametrize("backend", ["Forgetful", "Failing"])
def test_a_missing_event_is_found(log, capsys, backend):
    """It is named with its user and its request, and the exit code is 1."""
    missing = {
        "Forgetful": [("edx.problem.answer.submitted", "ben")],
        "Failing": [("edx.video.paused", user) for user in drive.USERS],
    }[backend]

    code = program.once(log=str(log), with_settings=sabotaged(log, backend))

    output, complaint = capsys.readouterr()
    assert code == 1
    assert "Verified" not in output
    assert f"FAILED: {len(missing)} problem(s)." in complaint
    for event, user in missing:
        assert f"  missing: {event} of {user} (request " in complaint
    assert complaint.count("missing: ") == len(missing)


def test_an_event_that_comes_twice_is_found(log, capsys):
    """Exactly once means once."""
    code = program.once(log=str(log), with_settings=sabotaged(log, "Repeating"))

    complaint = capsys.readouterr().err
    assert code == 1
    assert complaint.count("2 times instead of 1: edx.course.enrollment.activated of ") == 5


def test_an_event_of_another_user_is_found(log, capsys):
    """And one under another name."""
    code = program.once(log=str(log), with_settings=sabotaged(log, "Confusing"))

    complaint = capsys.readouterr().err
    assert code == 1
    assert complaint.count("with the wrong user, 'ana': ") == 28
    assert complaint.count("under the wrong name, 'EDX.") == 35


def test_a_password_in_the_log_is_found(log, capsys):
    """It is named by its request, and shown by nobody."""
    code = program.once(log=str(log), with_settings=unguarded(log, "SensitiveFieldGuard"))

    complaint = capsys.readouterr().err
    passwords = [e["data"]["password"] for e in read(log) if e["name"] == "edx.user.signed_in"]
    assert code == 1
    assert complaint.count("with its password in the log: edx.user.signed_in of ") == 5
    assert complaint.count("without [redacted] for its password: ") == 5
    assert len({*passwords}) == 5
    assert not any(password in complaint for password in passwords)


def test_a_password_under_another_name_is_found(log, capsys):
    """Wherever in the file it stands, it is out."""
    settings = program.settings(str(log))
    settings["EVENT_TRACKING_PROCESSORS"].insert(0, demo_fakes.blab)
    code = program.once(log=str(log), with_settings=settings)

    complaint = capsys.readouterr().err
    assert code == 1
    assert "FAILED: 5 problem(s)." in complaint
    assert complaint.count("with its password in the log: edx.user.signed_in of ") == 5


def test_a_line_that_is_too_long_is_found(log, capsys):
    """With its length and the limit."""
    code = program.once(log=str(log), with_settings=unguarded(log, "SizeGuard"))

    complaint = capsys.readouterr().err
    assert code == 1
    assert "FAILED: 5 problem(s)." in complaint
    assert complaint.count(" bytes, more than 50000: edx.essay.submitted of ") == 5


def test_a_cut_that_nobody_told_of_is_found(log, capsys):
    """An answer that only looks whole is the worst of all."""
    code = program.once(log=str(log), with_settings=sabotaged(log, "Hushing"))

    complaint = capsys.readouterr().err
    assert code == 1
    assert complaint.count("without a mark of what was cut: edx.essay.submitted of ") == 5


def test_an_event_that_the_filter_should_have_dropped_is_found(log, capsys):
    """What must not be kept counts as much as what must."""
    settings = program.settings(str(log))
    settings["EVENT_TRACKING_PROCESSORS"] = []
    code = program.once(log=str(log), with_settings=settings)

    complaint = capsys.readouterr().err
    assert code == 1
    assert complaint.count("1 times instead of 0: edx.page.scrolled of ") == 5


def test_a_log_that_is_gone_is_said_so(log, capsys):
    """Nothing can be verified then."""
    elsewhere = sabotaged(log.with_name("elsewhere.log"), "Forgetful")
    code = program.once(log=str(log), with_settings=elsewhere)

    assert code == 1
    assert f"{log} is not a file that can be read again" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_no_log_to_verify(once, device):
    """Some can be read for ever."""
    if not os.path.exists(device):
        pytest.skip(f"no {device} here")
    _, complaint, code = once("--log", device)

    assert code == 1
    assert f"{device} is not a file that can be read again" in complaint


def test_a_server_that_is_not_there_fails_every_request():
    """Each is named; nothing hangs."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    steps = drive.plan()

    failures = drive.drive(f"http://127.0.0.1:{port}/", steps)

    assert len(failures) == len(steps)
    assert all(line.startswith("failed, ") for line in failures)


def test_a_request_that_is_refused_is_named(site):
    """With the status of the answer."""
    step = drive.Step("id", "<nobody>", "/enroll", {})

    assert drive.drive(site.url, [step]) == [f"refused with 400: {step}"]
