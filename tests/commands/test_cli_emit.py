"""The command `eventtracking emit`."""

import json
import os

import pytest

from eventtracking.journal import read

RAISING = """
class Raising:
    def send(self, event, /):
        raise LookupError("no such\\nqueue")

class Waiting:
    def send(self, event, /): pass
    def flush(self, timeout): return False

class Keeping(Waiting):
    def stats(self): return {"accepted": 1, "sent": 0, "pending": 1, "lost": {}}
"""

UNABLE = 'eventtracking: Unable to send edx event "edx.a.b" to backend'


@pytest.fixture
def settings(tmp_path):
    """Write settings and return the name of their file."""

    def write(**values):
        values = {f"EVENT_TRACKING_{name}": value for name, value in values.items()}
        (tmp_path / "settings.json").write_text(json.dumps(values))
        return "settings.json"

    return write


@pytest.fixture
def module(tmp_path):
    """A module with backends in the working directory of the command."""
    (tmp_path / "my_backends.py").write_text(RAISING)


def events(tmp_path):
    return [*read(tmp_path / "tracking.log")]


def test_an_event_is_sent_without_output(command, config, tmp_path):
    """With its data and its context. Scripts check the exit code."""
    done = command(
        "emit", "edx.a.b", '{"x": [1]}', "--context", '{"user_id": 7}', "--config", config
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    [event] = events(tmp_path)
    assert event.pop("timestamp")
    assert event == {"name": "edx.a.b", "data": {"x": [1]}, "context": {"user_id": 7}}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ([], {}),
        (["null"], {}),
        (["[1, 2]"], [1, 2]),
        (['"é"'], "é"),
        (["-5"], -5),
        ([str(10**30)], str(10**30)),
    ],
)
def test_data_may_be_any_json_value(command, config, tmp_path, text, data):
    """It is logged as the tracker would log it."""
    assert command("emit", "edx.a.b", *text, "--config", config).returncode == 0
    assert [event["data"] for event in events(tmp_path)] == [data]


@pytest.mark.parametrize("option", [[], ["--context"]])
@pytest.mark.parametrize("text", ["", "{", "NaN", "{'a': 1}", "[" * 100_000, "1 2"])
def test_invalid_json_is_a_usage_error(command, config, tmp_path, option, text):
    """It is reported in one line, and no event is sent."""
    done = command("emit", "edx.a.b", *option, text, "--config", config)

    assert (done.returncode, done.stdout) == (2, "")
    assert "is not valid JSON: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "tracking.log").exists()


def test_invalid_json_is_not_quoted(command, config, secret):
    """It may contain secrets."""
    assert secret not in command("emit", "a.b.c", f'{{"key": {secret}', "--config", config).stderr


@pytest.mark.parametrize("context", ["[]", "7", "null", '"x"'])
def test_a_context_must_be_an_object(command, config, tmp_path, context):
    """It is merged with other contexts."""
    done = command("emit", "edx.a.b", "--context", context, "--config", config)

    assert done.returncode == 2
    assert done.stderr.startswith("eventtracking: --context must be a JSON object")
    assert done.stderr.count("\n") == 1


def test_an_empty_name_is_a_usage_error(command, config):
    """Most likely a script did not set a variable."""
    done = command("emit", "", "--config", config)

    assert (done.returncode, done.stderr) == (2, "eventtracking: NAME must not be empty\n")


@pytest.mark.parametrize("arguments", [["emit", "edx.a.b"], ["check"]])
def test_missing_settings_are_a_usage_error(command, arguments):
    """The error names both ways to give them."""
    done = command(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "--config FILE" in done.stderr
    assert "EVENT_TRACKING_CONFIG" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_environment_may_name_the_settings(command, config, tmp_path):
    """As for applications."""
    assert command("emit", "edx.a.b", EVENT_TRACKING_CONFIG=config).returncode == 0
    assert len(events(tmp_path)) == 1


def test_the_option_takes_precedence_over_the_environment(command, config, tmp_path):
    """The more specific argument wins."""
    done = command("emit", "edx.a.b", "--config", config, EVENT_TRACKING_CONFIG="missing.toml")

    assert (done.returncode, done.stderr) == (0, "")


def test_every_problem_of_the_settings_is_a_line(command, settings):
    """An operator can fix all of them together."""
    path = settings(
        TIME_ZONE="Mars", BACKENDS={"a": {"ENGINE": "no.such.Thing"}, "b": {"ENGINE": "json.loads"}}
    )

    done = command("emit", "edx.a.b", "--config", path)

    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split(" = ")[0] for line in done.stderr.splitlines()] == [
        "EVENT_TRACKING_TIME_ZONE",
        "EVENT_TRACKING_BACKENDS['a']['ENGINE']",
        "EVENT_TRACKING_BACKENDS['b']['OPTIONS']",
    ]


def test_unreadable_settings_are_an_error(command):
    """The error shows the path."""
    done = command("emit", "edx.a.b", "--config", "missing.toml")

    assert done.returncode == 1
    assert done.stderr == (
        "settings file 'missing.toml' cannot be read: No such file or directory\n"
    )


def test_a_lost_event_exits_with_1_and_the_cause(command, settings, module, config, tmp_path):
    """Without a traceback. The other backends get the event."""
    log = {"ENGINE": "eventtracking.backends.log_file.LogFileBackend"}
    log["OPTIONS"] = {"path": "tracking.log"}
    path = settings(BACKENDS={"bad": {"ENGINE": "my_backends.Raising"}, "log": log})

    done = command("emit", "edx.a.b", "--config", path)

    assert (done.returncode, len(events(tmp_path))) == (1, 1)
    assert done.stderr.splitlines() == [
        f"{UNABLE}: bad: LookupError: no such queue",
        "eventtracking: lost 1 event(s) in backend 'bad': backend_error",
    ]


def test_a_loss_behind_a_router_is_reported(command, settings, module):
    """At any depth."""
    router = {
        "ENGINE": "eventtracking.backends.routing.RoutingBackend",
        "OPTIONS": {"backends": {"bad": {"ENGINE": "my_backends.Raising"}}},
    }

    done = command("emit", "edx.a.b", "--config", settings(BACKENDS={"router": router}))

    assert done.returncode == 1
    assert "lost 1 event(s) in backend 'bad': backend_error" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_an_event_that_does_not_fit_on_the_disk_is_lost(command, settings):
    """The exit code and the error report it."""
    log = {
        "ENGINE": "eventtracking.backends.log_file.LogFileBackend",
        "OPTIONS": {"path": "/dev/full"},
    }

    done = command("emit", "edx.a.b", "--config", settings(BACKENDS={"log": log}))

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "lost 1 event(s) in backend 'log': backend_error" in done.stderr


def test_a_backend_that_does_not_finish_is_an_error(command, settings, module):
    """The event may be lost."""
    path = settings(BACKENDS={"slow": {"ENGINE": "my_backends.Waiting"}})

    done = command("emit", "edx.a.b", "--config", path)

    assert done.returncode == 1
    assert "a backend did not finish" in done.stderr


def test_an_event_that_is_kept_for_later_is_reported(command, settings, module):
    """It is not lost: a second attempt would send it twice."""
    path = settings(BACKENDS={"slow": {"ENGINE": "my_backends.Keeping"}})

    done = command("emit", "edx.a.b", "--config", path)

    assert done.returncode == 0
    assert "keeps the event for later" in done.stderr


def test_an_event_that_is_filtered_is_reported(command, settings):
    """It is not an error, because the settings drop it on purpose."""
    drop = {
        "ENGINE": "eventtracking.processors.name_filter.NameFilter",
        "OPTIONS": {"block": ["edx.*"]},
    }
    memory = {"ENGINE": "eventtracking.backends.memory.MemoryBackend"}

    done = command(
        "emit", "edx.a.b", "--config", settings(PROCESSORS=[drop], BACKENDS={"m": memory})
    )

    assert done.returncode == 0
    assert "a processor dropped the event" in done.stderr


@pytest.mark.parametrize(
    ("values", "code", "text"),
    [
        ({}, 1, "not sent: EVENT_TRACKING_BACKENDS is empty"),
        ({"ENABLED": False}, 0, "not sent: EVENT_TRACKING_ENABLED is false"),
    ],
)
def test_an_event_without_a_backend_is_reported(command, settings, values, code, text):
    """Disabled tracking is intended, missing backends are not."""
    done = command("emit", "edx.a.b", "--config", settings(**values))

    assert (done.returncode, done.stderr) == (code, f"eventtracking: {text}\n")
