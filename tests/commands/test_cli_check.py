"""The command `eventtracking check`."""

import json

import pytest

from eventtracking.settings import GUARDS, RECOMMENDED_PROCESSORS

MEMORY = "eventtracking.backends.memory.MemoryBackend"
MEMORY_ONLY = {"m": {"ENGINE": MEMORY}}

SENSITIVE_GUARD, SIZE_GUARD = [{"ENGINE": engine} for engine in GUARDS]

NETWORK_BACKEND = {"ENGINE": "my_backends.Network"}

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


def test_valid_settings_are_shown_as_a_tree(command, config):
    """Including defaults."""
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


def test_the_environment_overrides_the_file(command, config):
    """The command checks the settings that an application would get."""
    done = command(
        "check",
        EVENT_TRACKING_CONFIG=config,
        EVENT_TRACKING_BACKENDS='{"log": {"OPTIONS": {"path": "other.log"}}}',
    )

    assert "path = 'other.log'" in done.stdout


def test_every_problem_is_reported_at_once_below_the_tree(command, settings):
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
    causes = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    assert causes[0] == "it must be true or false"
    assert causes[1].endswith("Did you mean 'NameFilter'?")
    assert "Did you mean 'max_events'?" in causes[2]


@pytest.mark.parametrize("wrong", [{}, {"TIME_ZONE": "Mars"}])
def test_secrets_are_masked(command, settings, secret, tmp_path, wrong):
    """In the tree and in errors, wherever they come from."""
    (tmp_path / "my_backends.py").write_text(RECORDING)
    (tmp_path / "key").write_text(f"{secret}-file")
    kinds = {
        "plain": secret,
        "file": {"FILE": "key"},
        "env": {"ENV": "THE_KEY"},
        "wrong": {"in": {"a": f"redis://user:{secret}@host"}},
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


def test_backends_are_built_and_closed_and_nothing_is_sent(command, settings, tmp_path):
    """A check has no effect on destinations."""
    (tmp_path / "my_backends.py").write_text(RECORDING)

    done = command(
        "check", "--config", settings(BACKENDS={"r": {"ENGINE": "my_backends.Recording"}})
    )

    assert done.returncode == 0
    calls = {name for name in ("built", "sent", "closed") if (tmp_path / name).exists()}
    assert calls == {"built", "closed"}


def test_backends_are_closed_when_other_settings_are_wrong(command, settings, tmp_path):
    """A failed check leaves no file open."""
    (tmp_path / "my_backends.py").write_text(RECORDING)
    backends = {"a": {"ENGINE": "my_backends.Recording"}, "b": {"ENGINE": "no.such.Thing"}}

    assert command("check", "--config", settings(BACKENDS=backends)).returncode == 1
    assert (tmp_path / "closed").exists()


def test_unreadable_settings_are_reported(command):
    """No tree is shown."""
    done = command("check", "--config", "missing.toml")

    assert (done.returncode, done.stdout) == (1, "")
    assert "'missing.toml' cannot be read" in done.stderr


def test_a_misspelled_setting_is_warned_about(command, settings):
    """It would have no effect."""
    done = command("check", "--config", settings(BACKENDS=MEMORY_ONLY, TIMEZONE="UTC"))

    assert done.returncode == 0
    assert "Did you mean 'EVENT_TRACKING_TIME_ZONE'?" in done.stderr


def test_disabled_tracking_is_reported(command, settings):
    """An operator who misses events learns the reason."""
    done = command("check", "--config", settings(ENABLED=False, BACKENDS=MEMORY_ONLY))

    assert (done.returncode, done.stderr) == (0, "")
    assert "EVENT_TRACKING_ENABLED is false: no event is tracked" in done.stdout


def test_disabled_settings_are_checked(command, settings):
    """They must be valid on the day they are enabled."""
    wrong = {"b": {"ENGINE": "no.such.Thing"}}
    done = command("check", "--config", settings(ENABLED=False, BACKENDS=wrong, TIME_ZONE="Mars"))

    assert done.returncode == 1
    assert "'Mars'" in done.stderr
    assert "'no.such.Thing'" in done.stderr


def test_missing_backends_are_warned_about(command, settings):
    """Such settings are valid but useless."""
    done = command("check", "--config", settings(ENABLED=True))

    assert done.returncode == 0
    assert done.stderr == "EVENT_TRACKING_BACKENDS is empty: every event is dropped.\n"


def test_a_network_backend_without_guards_is_warned_about(command, settings, tmp_path):
    """In one line with its path, the missing guards and the fix. The settings are valid."""
    (tmp_path / "my_backends.py").write_text(NETWORK)
    path = settings(BACKENDS={"away": NETWORK_BACKEND, "m": {"ENGINE": MEMORY}})

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
def test_only_the_missing_guard_is_named(command, settings, tmp_path, present, missing):
    """The other guard is configured."""
    (tmp_path / "my_backends.py").write_text(NETWORK)
    done = command(
        "check", "--config", settings(PROCESSORS=[present], BACKENDS={"away": NETWORK_BACKEND})
    )

    assert done.returncode == 0
    assert f" sends over a network without {missing}: add " in done.stderr
    assert present["ENGINE"] not in done.stderr


def test_the_recommended_processors_cause_no_warning(command, settings, tmp_path):
    """They contain both guards."""
    (tmp_path / "my_backends.py").write_text(NETWORK)
    path = settings(PROCESSORS=RECOMMENDED_PROCESSORS, BACKENDS={"away": NETWORK_BACKEND})

    done = command("check", "--config", path)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_backend_that_does_not_declare_a_network_causes_no_warning(command, settings, tmp_path):
    """A warning that is often wrong would be ignored."""
    (tmp_path / "my_backends.py").write_text(RECORDING)
    done = command(
        "check", "--config", settings(BACKENDS={"r": {"ENGINE": "my_backends.Recording"}})
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_disabled_tracking_causes_no_warning_about_guards(command, settings, tmp_path):
    """No event is sent."""
    (tmp_path / "my_backends.py").write_text(NETWORK)
    done = command("check", "--config", settings(ENABLED=False, BACKENDS={"away": NETWORK_BACKEND}))

    assert (done.returncode, done.stderr) == (0, "")
