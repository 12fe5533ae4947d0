"""`eventtracking demo --once`: it simulates users, and finds every defect of a log."""

import json
import os
import socket
from collections import Counter

import demo_fakes
import pytest

from eventtracking.demo import program, simulation
from eventtracking.journal import read

EXPECTED = [step for step in simulation.plan() if not step.is_dropped]


def with_backend(log, backend):
    """Return the settings of the demo with another backend for its log."""
    settings = program.settings(str(log))
    settings["EVENT_TRACKING_BACKENDS"]["log"]["ENGINE"] = f"demo_fakes.{backend}"
    return settings


def without_guard(log, guard):
    """Return the settings of the demo without *guard*."""
    settings = program.settings(str(log))
    processors = settings["EVENT_TRACKING_PROCESSORS"]
    kept = [entry for entry in processors if not entry["ENGINE"].endswith(guard)]
    assert len(kept) == len(processors) - 1
    return {**settings, "EVENT_TRACKING_PROCESSORS": kept}


def names(log):
    return Counter(event["name"] for event in read(log))


def test_a_simulation_has_twenty_requests_of_several_users_at_least():
    """Each has an id of its own, and some must not reach the log."""
    steps = simulation.plan()

    assert len(steps) >= 20
    assert len({step.user for step in steps}) > 3
    assert len({step.id for step in steps}) == len(steps) > len(EXPECTED)
    assert not {step.id for step in steps} & {step.id for step in simulation.plan()}


def test_it_shows_the_events_and_verifies_them(once, log):
    """Exit code 0 is a promise about every event."""
    output, errors, code = once()

    lines = output.splitlines()
    assert (errors, code) == ("", 0)
    assert sum(" edx." in line for line in lines) == len(EXPECTED)
    assert "40 requests of 5 users at once, in " in lines[-4]
    assert lines[-3:] == [
        "40 event(s) emitted: 35 in ./tracking.log, 5 dropped by the filter, 0 lost.",
        "Verified: each event is in the log exactly once, with the right user.",
        "The log contains no password, and no line over 50,000 bytes.",
    ]
    assert names(log) == Counter(step.event for step in EXPECTED)


def test_several_runs_can_use_one_log(once, log):
    """The events of earlier runs are ignored."""
    codes = [once()[2] for _ in range(3)]

    assert codes == [0, 0, 0]
    assert len([*read(log)]) == 3 * len(EXPECTED)


def test_other_lines_in_the_log_are_ignored(once, log):
    """Incomplete lines, lines that are not events, and events with any context."""
    others = [{"context": 7}, {"context": {"request_id": ["x"]}}, {}, [1], {"name": None}]
    log.write_text("".join(f"{json.dumps(each)}\n" for each in others) + '\n\x00\n{"incomplete": "')

    output, _, code = once()

    assert code == 0
    assert "Verified" in output


def test_two_runs_at_once_share_a_log(start, log):
    """Each finds its own events."""
    runs = [start("--once") for _ in range(2)]
    for run in runs:
        run.communicate(timeout=300)

    assert [run.returncode for run in runs] == [0, 0]
    assert len([*read(log)]) == 2 * len(EXPECTED)


def test_it_takes_a_free_port(once):
    """The default port may belong to a running demo."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8765))
            other.listen()
        except OSError:
            # Another program uses it, which is as good for this test.
            pass
        assert once()[2] == 0


def test_proxies_of_the_environment_are_not_used(once):
    """The requests must not leave this machine."""
    nowhere = "http://127.0.0.1:1/"

    assert once(http_proxy=nowhere, HTTP_PROXY=nowhere, all_proxy=nowhere)[2] == 0


@pytest.mark.parametrize("backend", ["OmittingBackend", "LosingBackend"])
def test_a_missing_event_is_found(log, capsys, backend):
    """It is named with its user and its request, and the exit code is 1."""
    missing = {
        "OmittingBackend": [("edx.problem.answer.submitted", "ben")],
        "LosingBackend": [("edx.video.paused", user) for user in simulation.USERS],
    }[backend]

    code = program.once(log=str(log), with_settings=with_backend(log, backend))

    output, errors = capsys.readouterr()
    assert code == 1
    assert "Verified" not in output
    assert f"FAILED: {len(missing)} problem(s)." in errors
    for event, user in missing:
        assert f"  missing: {event} of {user} (request " in errors
    assert errors.count("missing: ") == len(missing)


def test_a_repeated_event_is_found(log, capsys):
    """Each event must be in the log exactly once."""
    code = program.once(log=str(log), with_settings=with_backend(log, "RepeatingBackend"))

    errors = capsys.readouterr().err
    assert code == 1
    assert errors.count("2 times instead of 1: edx.course.enrollment.activated of ") == 5


def test_an_event_with_the_wrong_user_is_found(log, capsys):
    """And so is one with the wrong name."""
    code = program.once(log=str(log), with_settings=with_backend(log, "MixingBackend"))

    errors = capsys.readouterr().err
    assert code == 1
    assert errors.count("with the wrong user, 'ana': ") == 28
    assert errors.count("with the wrong name, 'EDX.") == 35


def test_a_password_in_the_log_is_found(log, capsys):
    """The error names the request, and does not contain the password."""
    code = program.once(log=str(log), with_settings=without_guard(log, "SensitiveFieldGuard"))

    errors = capsys.readouterr().err
    passwords = [e["data"]["password"] for e in read(log) if e["name"] == "edx.user.signed_in"]
    assert code == 1
    assert errors.count("with its password in the log: edx.user.signed_in of ") == 5
    assert errors.count("without [redacted] for its password: ") == 5
    assert len({*passwords}) == 5
    assert not any(password in errors for password in passwords)


def test_a_password_in_another_field_is_found(log, capsys):
    """All bytes of the log are searched for it."""
    settings = program.settings(str(log))
    settings["EVENT_TRACKING_PROCESSORS"].insert(0, demo_fakes.leak_password)
    code = program.once(log=str(log), with_settings=settings)

    errors = capsys.readouterr().err
    assert code == 1
    assert "FAILED: 5 problem(s)." in errors
    assert errors.count("with its password in the log: edx.user.signed_in of ") == 5


def test_a_line_that_is_too_long_is_found(log, capsys):
    """The error has its length and the limit."""
    code = program.once(log=str(log), with_settings=without_guard(log, "SizeGuard"))

    errors = capsys.readouterr().err
    assert code == 1
    assert "FAILED: 5 problem(s)." in errors
    assert errors.count(" bytes, more than 50000: edx.essay.submitted of ") == 5


def test_a_truncation_without_a_mark_is_found(log, capsys):
    """Otherwise an incomplete essay would look complete."""
    code = program.once(log=str(log), with_settings=with_backend(log, "UnmarkingBackend"))

    errors = capsys.readouterr().err
    assert code == 1
    assert errors.count("without a mark of its truncation: edx.essay.submitted of ") == 5


def test_an_event_that_the_filter_should_have_dropped_is_found(log, capsys):
    """The log must not contain it."""
    settings = program.settings(str(log))
    settings["EVENT_TRACKING_PROCESSORS"] = []
    code = program.once(log=str(log), with_settings=settings)

    errors = capsys.readouterr().err
    assert code == 1
    assert errors.count("1 times instead of 0: edx.page.scrolled of ") == 5


def test_a_log_that_does_not_exist_is_an_error(log, capsys):
    """It cannot be verified."""
    elsewhere = with_backend(log.with_name("elsewhere.log"), "OmittingBackend")
    code = program.once(log=str(log), with_settings=elsewhere)

    assert code == 1
    assert f"{log} is not a regular file" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_cannot_be_verified(once, device):
    """Reading some devices never ends."""
    if not os.path.exists(device):
        pytest.skip(f"no {device} here")
    _, errors, code = once("--log", device)

    assert code == 1
    assert f"{device} is not a regular file" in errors


def test_without_a_server_every_request_fails():
    """Each one is named, and nothing hangs."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    steps = simulation.plan()

    failures = simulation.run(f"http://127.0.0.1:{port}/", steps)

    assert len(failures) == len(steps)
    assert all(line.startswith("failed, ") for line in failures)


def test_a_request_that_is_refused_is_named(site):
    """With the status of the response."""
    step = simulation.Step("id", "<nobody>", "/enroll", {})

    assert simulation.run(site.url, [step]) == [f"refused with 400: {step}"]
