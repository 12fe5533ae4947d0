"""`eventtracking check`: what settings say, and what is wrong with them."""

import json

import pytest

from eventtracking.settings import GUARDS, RECOMMENDED_PROCESSORS

MEMORY = "eventtracking.backends.memory.MemoryBackend"
MEMORY_ONLY = {"m": {"ENGINE": MEMORY}}

SENSITIVE_GUARD, SIZE_GUARD = [{"ENGINE": engine} for engine in GUARDS]

AWAY = {"ENGINE": "my_backends.Network"}

NETWORK = """
class Network:
    sends_over_network = True

    def send(self, event, /):
        pass
"""

RECORDING = """
from pathlib import Path

class Recording:
    def __init__(self, write_key=""):
        Path("built").touch()

    def send(self, event, /):
        Path("sent").touch()

    def close(self, timeout):
        Path("closed").touch()
"""


@pytest.fixture
def settings(tmp_path):
    """Write settings and return the name of their file."""

    def write(**values):
        values = {f"EVENT_TRACKING_{name}": value for name, value in values.items()}
        (tmp_path / "settings.json").write_text(json.dumps(values))
        return "settings.json"

    return write


def test_good_settings_are_shown_as_a_tree(command, config):
    """With what counts where nothing is said."""
    done = command("check", "--config", config)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "EVENT_TRACKING_ENABLED = True",
        "EVENT_TRACKING_TIME_ZONE = 'UTC'",
        "EVENT_TRACKING_PROCESSORS = []",
        "EVENT_TRACKING_BACKENDS",
        "└─ log: eventtracking.backends.log_file.LogFileBackend",
        "   └─ path = 'tracking.log'",
        "",
        "No problems.",
    ]


def test_the_environment_has_the_final_word(command, config):
    """What is checked is what an application gets."""
    done = command(
        "check",
        EVENT_TRACKING_CONFIG=config,
        EVENT_TRACKING_BACKENDS='{"log": {"OPTIONS": {"path": "other.log"}}}',
    )

    assert "path = 'other.log'" in done.stdout


def test_every_problem_is_told_at_once_below_the_tree(command, settings):
    """The tree shows where they are."""
    path = settings(
        ENABLED="perhaps",
        PROCESSORS=[{"ENGINE": "eventtracking.processors.name_filter.NameFliter"}],
        BACKENDS={"m": {"ENGINE": MEMORY, "OPTIONS": {"max_event": 5}}},
    )

    done = command("check", "--config", path)

    assert done.returncode == 1
    assert "└─ m: eventtracking.backends.memory.MemoryBackend" in done.stdout
    assert "No problems" not in done.stdout
    ends = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    assert ends[0] == "it must be true or false"
    assert ends[1].endswith("Did you mean 'NameFilter'?")
    assert "Did you mean 'max_events'?" in ends[2]


@pytest.mark.parametrize("wrong", [{}, {"TIME_ZONE": "Mars"}])
def test_secrets_are_masked(command, settings, secret, tmp_path, wrong):
    """Wherever they come from, and whatever is said about the settings."""
    (tmp_path / "my_backends.py").write_text(RECORDING)
    (tmp_path / "key").write_text(f"{secret}-file")
    kinds = {
        "plain": secret,
        "file": {"FILE": "key"},
        "env": {"ENV": "THE_KEY"},
        "wrong": {"in": {"a": f"redis://me:{secret}@host"}},
    }
    backends = {
        name: {"ENGINE": "my_backends.Recording", "OPTIONS": {"write_key": key}}
        for name, key in kinds.items()
    }
    if wrong:
        backends["lost"] = {"ENGINE": MEMORY, "OPTIONS": {"max_events": f"token={secret}"}}
        backends["lost"]["OPTIONS"]["api_key"] = secret

    done = command(
        "check", "--config", settings(BACKENDS=backends, **wrong), THE_KEY=f"{secret}-env"
    )

    assert done.returncode == (1 if wrong else 0)
    assert "******** from environment variable 'THE_KEY'" in done.stdout
    assert secret not in done.stdout + done.stderr


def test_what_was_built_is_closed_and_nothing_is_sent(command, settings, tmp_path):
    """A check leaves nothing open behind."""
    (tmp_path / "my_backends.py").write_text(RECORDING)

    done = command(
        "check", "--config", settings(BACKENDS={"r": {"ENGINE": "my_backends.Recording"}})
    )

    assert done.returncode == 0
    made = {name for name in ("built", "sent", "closed") if (tmp_path / name).exists()}
    assert made == {"built", "closed"}


def test_what_was_built_is_closed_when_something_else_is_wrong(command, settings, tmp_path):
    """Half a check leaves nothing open either."""
    (tmp_path / "my_backends.py").write_text(RECORDING)
    backends = {"a": {"ENGINE": "my_backends.Recording"}, "b": {"ENGINE": "no.such.Thing"}}

    assert command("check", "--config", settings(BACKENDS=backends)).returncode == 1
    assert (tmp_path / "closed").exists()


def test_settings_that_cannot_be_read_are_a_problem(command):
    """There is nothing to show then."""
    done = command("check", "--config", "missing.toml")

    assert (done.returncode, done.stdout) == (1, "")
    assert "'missing.toml' cannot be read" in done.stderr


def test_a_misspelt_setting_is_warned_about(command, settings):
    """It has no effect, which nobody wants."""
    done = command("check", "--config", settings(BACKENDS=MEMORY_ONLY, TIMEZONE="UTC"))

    assert done.returncode == 0
    assert "Did you mean 'EVENT_TRACKING_TIME_ZONE'?" in done.stderr


def test_disabled_tracking_is_said_aloud(command, settings):
    """Who looks for their events finds out why there are none."""
    done = command("check", "--config", settings(ENABLED=False, BACKENDS=MEMORY_ONLY))

    assert (done.returncode, done.stderr) == (0, "")
    assert "EVENT_TRACKING_ENABLED is false: no event is tracked" in done.stdout


def test_disabled_settings_are_checked_all_the_same(command, settings):
    """They have to be right on the day that they are enabled."""
    wrong = {"b": {"ENGINE": "no.such.Thing"}}
    done = command("check", "--config", settings(ENABLED=False, BACKENDS=wrong, TIME_ZONE="Mars"))

    assert done.returncode == 1
    assert "'Mars'" in done.stderr
    assert "'no.such.Thing'" in done.stderr


def test_missing_backends_are_warned_about(command, settings):
    """Such settings are valid and useless."""
    done = command("check", "--config", settings(ENABLED=True))

    assert done.returncode == 0
    assert done.stderr == "EVENT_TRACKING_BACKENDS is empty: every event is dropped.\n"


def test_a_network_backend_without_guards_is_warned_about(command, settings, tmp_path):
    """Its path, what it misses and the cure, in one line; the settings are valid all the same."""
    (tmp_path / "my_backends.py").write_text(NETWORK)
    path = settings(BACKENDS={"away": AWAY, "m": {"ENGINE": MEMORY}})

    done = command("check", "--config", path)

    assert done.returncode == 0
    assert done.stderr == (
        "EVENT_TRACKING_BACKENDS['away'] sends over a network without SensitiveFieldGuard and "
        f"SizeGuard: add {SENSITIVE_GUARD}, {SIZE_GUARD} to EVENT_TRACKING_PROCESSORS\n"
    )


@pytest.mark.parametrize(
    ("present", "missing"),
    [(SENSITIVE_GUARD, "SizeGuard"), (SIZE_GUARD, "SensitiveFieldGuard")],
)
def test_only_the_guard_that_is_missing_is_named(command, settings, tmp_path, present, missing):
    """The other one is there."""
    (tmp_path / "my_backends.py").write_text(NETWORK)
    done = command("check", "--config", settings(PROCESSORS=[present], BACKENDS={"away": AWAY}))

    assert done.returncode == 0
    assert f" sends over a network without {missing}: add " in done.stderr
    assert present["ENGINE"] not in done.stderr


def test_the_recommended_processors_leave_nothing_to_warn_about(command, settings, tmp_path):
    """That is what they are for."""
    (tmp_path / "my_backends.py").write_text(NETWORK)
    path = settings(PROCESSORS=RECOMMENDED_PROCESSORS, BACKENDS={"away": AWAY})

    done = command("check", "--config", path)

    assert (done.returncode, done.stderr) == (0, "")


def test_backends_of_which_nothing_is_known_are_not_warned_about(command, settings, tmp_path):
    """A warning that is wrong half the time is read by nobody."""
    (tmp_path / "my_backends.py").write_text(RECORDING)
    done = command(
        "check", "--config", settings(BACKENDS={"r": {"ENGINE": "my_backends.Recording"}})
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_disabled_tracking_is_not_warned_about(command, settings, tmp_path):
    """Nothing is sent anywhere."""
    (tmp_path / "my_backends.py").write_text(NETWORK)
    done = command("check", "--config", settings(ENABLED=False, BACKENDS={"away": AWAY}))

    assert (done.returncode, done.stderr) == (0, "")
