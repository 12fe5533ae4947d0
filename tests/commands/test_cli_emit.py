"""`eventtracking emit`: one event, sent or explained."""

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
    """Backends of the application, in the folder where the command runs."""
    (tmp_path / "my_backends.py").write_text(RAISING)


def events(tmp_path):
    return [*read(tmp_path / "tracking.log")]


def test_an_event_is_sent_in_silence(command, config, tmp_path):
    """With its data and its context; scripts read nothing but the exit code."""
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
def test_data_may_be_any_json(command, config, tmp_path, text, data):
    """As they may for the tracker, and as they are written by it."""
    assert command("emit", "edx.a.b", *text, "--config", config).returncode == 0
    assert [event["data"] for event in events(tmp_path)] == [data]


@pytest.mark.parametrize("option", [[], ["--context"]])
@pytest.mark.parametrize("text", ["", "{", "NaN", "{'a': 1}", "[" * 100_000, "1 2"])
def test_bad_json_is_one_line_and_sends_nothing(command, config, tmp_path, option, text):
    """A script that built its JSON by hand finds out."""
    done = command("emit", "edx.a.b", *option, text, "--config", config)

    assert (done.returncode, done.stdout) == (2, "")
    assert "is not valid JSON: " in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "tracking.log").exists()


def test_bad_json_is_not_repeated(command, config, secret):
    """It may hold what belongs in no log."""
    assert secret not in command("emit", "a.b.c", f'{{"key": {secret}', "--config", config).stderr


@pytest.mark.parametrize("context", ["[]", "7", "null", '"x"'])
def test_a_context_is_an_object(command, config, tmp_path, context):
    """It has to be merged with others."""
    done = command("emit", "edx.a.b", "--context", context, "--config", config)

    assert done.returncode == 2
    assert done.stderr.startswith("eventtracking: --context must be a JSON object")
    assert done.stderr.count("\n") == 1


def test_an_empty_name_is_wrong_usage(command, config):
    """It is a variable that a script forgot to set."""
    done = command("emit", "", "--config", config)

    assert (done.returncode, done.stderr) == (2, "eventtracking: NAME must not be empty\n")


@pytest.mark.parametrize("arguments", [["emit", "edx.a.b"], ["check"]])
def test_without_settings_a_line_says_how_to_name_them(command, arguments):
    """Nothing is sent to nowhere in silence."""
    done = command(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "--config FILE" in done.stderr
    assert "EVENT_TRACKING_CONFIG" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_environment_may_name_the_settings(command, config, tmp_path):
    """As it does for applications."""
    assert command("emit", "edx.a.b", EVENT_TRACKING_CONFIG=config).returncode == 0
    assert len(events(tmp_path)) == 1


def test_the_option_goes_before_the_environment(command, config, tmp_path):
    """What is typed is what is meant."""
    done = command("emit", "edx.a.b", "--config", config, EVENT_TRACKING_CONFIG="missing.toml")

    assert (done.returncode, done.stderr) == (0, "")


def test_every_problem_of_the_settings_is_a_line(command, settings):
    """They can be mended in one go, and nothing was sent."""
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


def test_settings_that_cannot_be_read_are_a_problem_of_settings(command):
    """With the path that was tried."""
    done = command("emit", "edx.a.b", "--config", "missing.toml")

    assert done.returncode == 1
    assert done.stderr == (
        "settings file 'missing.toml' cannot be read: No such file or directory\n"
    )


def test_a_lost_event_ends_with_1_and_the_cause(command, settings, module, config, tmp_path):
    """In lines, not in tracebacks; the other backends got it. Modules may lie next to settings."""
    log = {"ENGINE": "eventtracking.backends.log_file.LogFileBackend"}
    log["OPTIONS"] = {"path": "tracking.log"}
    path = settings(BACKENDS={"bad": {"ENGINE": "my_backends.Raising"}, "log": log})

    done = command("emit", "edx.a.b", "--config", path)

    assert (done.returncode, len(events(tmp_path))) == (1, 1)
    assert done.stderr.splitlines() == [
        f"{UNABLE}: bad: LookupError: no such queue",
        "eventtracking: lost 1 event(s) in backend 'bad': backend_error",
    ]


def test_a_loss_within_a_router_is_found(command, settings, module):
    """However deep the tree is."""
    router = {
        "ENGINE": "eventtracking.backends.routing.RoutingBackend",
        "OPTIONS": {"backends": {"bad": {"ENGINE": "my_backends.Raising"}}},
    }

    done = command("emit", "edx.a.b", "--config", settings(BACKENDS={"router": router}))

    assert done.returncode == 1
    assert "lost 1 event(s) in backend 'bad': backend_error" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_an_event_that_a_full_disk_refuses_is_lost(command, settings):
    """Closing gives up on it, and says so."""
    log = {
        "ENGINE": "eventtracking.backends.log_file.LogFileBackend",
        "OPTIONS": {"path": "/dev/full"},
    }

    done = command("emit", "edx.a.b", "--config", settings(BACKENDS={"log": log}))

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "lost 1 event(s) in backend 'log': backend_error" in done.stderr


def test_a_backend_that_does_not_finish_is_told_of(command, settings, module):
    """The event may be lost, so this is no success."""
    path = settings(BACKENDS={"slow": {"ENGINE": "my_backends.Waiting"}})

    done = command("emit", "edx.a.b", "--config", path)

    assert done.returncode == 1
    assert "a backend did not finish" in done.stderr


def test_an_event_that_is_kept_for_later_is_told_of(command, settings, module):
    """It is neither sent nor lost: sending it again would send it twice."""
    path = settings(BACKENDS={"slow": {"ENGINE": "my_backends.Keeping"}})

    done = command("emit", "edx.a.b", "--config", path)

    assert done.returncode == 0
    assert "keeps it for later" in done.stderr


def test_an_event_that_is_filtered_is_told_of(command, settings):
    """It is what the settings want, so it is no error."""
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
def test_an_event_that_goes_nowhere_is_told_of(command, settings, values, code, text):
    """Switched off is meant; forgotten is not."""
    done = command("emit", "edx.a.b", "--config", settings(**values))

    assert (done.returncode, done.stderr) == (code, f"eventtracking: {text}\n")
