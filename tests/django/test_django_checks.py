"""System checks of the settings of tracking."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import django_fakes
import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.test import override_settings

from eventtracking.django.django_tracker import override_default_tracker
from eventtracking.settings import GUARDS, RECOMMENDED_PROCESSORS
from eventtracking.tracker import TRACKERS, get_tracker

RECORDING = {"ENGINE": "django_fakes.RecordingBackend"}
NETWORK = {"ENGINE": "django_fakes.NetworkedBackend"}
ON = {"EVENT_TRACKING_ENABLED": True}


@pytest.fixture(autouse=True)
def _clear_records():
    django_fakes.BUILT.clear()
    django_fakes.CLOSED.clear()


def messages(**settings):
    with override_settings(**settings):
        return run_checks(tags=["eventtracking"])


def ids(**settings):
    return [message.id.removeprefix("eventtracking.") for message in messages(**settings)]


def one(**settings):
    [message] = messages(**settings)
    return message


def test_the_application_has_the_label_of_event_tracking():
    """Other applications look for it."""
    config = apps.get_app_config("eventtracking_django")

    assert (config.name, type(config).__name__) == ("eventtracking.django", "EventTrackingConfig")


def test_valid_settings_have_no_messages():
    """Whether tracking is enabled or not."""
    assert messages() == []
    assert messages(**ON, EVENT_TRACKING_BACKENDS={"k": RECORDING}) == []
    assert messages(EVENT_TRACKING_ENABLED=False, EVENT_TRACKING_BACKENDS={"k": RECORDING}) == []


@pytest.mark.parametrize(
    ("expected", "entry"),
    [
        ("E001", {**RECORDING, "OPTIONS": 5}),
        ("E002", {"ENGINE": "django_fakes.Keper"}),
        ("E003", {**RECORDING, "OPTIONS": {"lable": 1}}),
        ("E004", {"ENGINE": "django_fakes.Refusing"}),
        ("E005", {**RECORDING, "OPTIONS": {"write_key": {"ENV": "SURELY_UNSET"}}}),
        ("E006", {}),
    ],
)
def test_each_kind_of_problem_has_its_own_id(expected, entry):
    """A site may silence some of them."""
    message = one(**ON, EVENT_TRACKING_BACKENDS={"k": entry})

    assert message.id == f"eventtracking.{expected}"
    assert message.msg.startswith("EVENT_TRACKING_BACKENDS['k']")


def test_every_problem_is_reported():
    """Each in its own message."""
    settings = {**ON, "EVENT_TRACKING_TIME_ZONE": "x", "EVENT_TRACKING_PROCESSORS": [{}, None]}

    assert ids(**settings, EVENT_TRACKING_BACKENDS={"k": RECORDING}) == ["E001", "E006", "E006"]


def test_settings_are_not_checked_while_tracking_is_disabled():
    """A developer without the secrets of production can run migrations."""
    settings = {"k": {"ENGINE": "no.such.Thing"}}

    assert messages(EVENT_TRACKING_ENABLED=False, EVENT_TRACKING_BACKENDS=settings) == []


def test_an_unknown_setting_is_a_warning_with_the_nearest_name():
    """It has no effect."""
    message = one(EVENT_TRACKING_BACKEND={})

    assert message.id == "eventtracking.W001"
    assert message.msg.endswith("Did you mean 'EVENT_TRACKING_BACKENDS'?")


def test_a_setting_of_open_edx_is_not_unknown():
    """The platform reads it."""
    assert messages(EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST=[]) == []


def test_text_that_means_no_is_a_warning():
    """It enables tracking, as in event-tracking."""
    settings = {"EVENT_TRACKING_BACKENDS": {"k": RECORDING}}

    assert ids(EVENT_TRACKING_ENABLED="false", **settings) == ["W002"]


def test_tracking_without_a_backend_is_a_warning():
    """Every event would be dropped."""
    assert ids(**ON) == ["W003"]


def test_an_ignored_key_is_a_warning():
    """It is probably misspelt."""
    assert ids(**ON, EVENT_TRACKING_BACKENDS={"k": {**RECORDING, "OPTION": {}}}) == ["W004"]


def test_backends_are_a_warning_if_tracking_is_neither_enabled_nor_disabled():
    """Otherwise nothing would show that events are dropped."""
    assert ids(EVENT_TRACKING_BACKENDS={"k": RECORDING}) == ["W005"]


def test_a_network_backend_without_guards_is_a_warning():
    """In one line, as in `eventtracking check`."""
    message = one(**ON, EVENT_TRACKING_BACKENDS={"k": RECORDING, "n": NETWORK})

    assert message.id == "eventtracking.W007"
    assert message.msg.startswith("EVENT_TRACKING_BACKENDS['n'] sends over a network without ")


def test_a_network_backend_with_guards_is_not_a_warning():
    """With the constant of recommended processors, or with a list of them."""
    settings = {**ON, "EVENT_TRACKING_BACKENDS": {"n": NETWORK}}

    assert ids(**settings, EVENT_TRACKING_PROCESSORS=RECOMMENDED_PROCESSORS) == []
    assert ids(**settings, EVENT_TRACKING_PROCESSORS=[{"ENGINE": each} for each in GUARDS]) == []


def test_a_guard_that_cannot_be_built_is_not_reported_as_missing():
    """One message about it is enough."""
    guards = [{"ENGINE": engine, "OPTIONS": {"wrong": 1}} for engine in GUARDS]

    settings = {**ON, "EVENT_TRACKING_BACKENDS": {"n": NETWORK}}
    assert ids(**settings, EVENT_TRACKING_PROCESSORS=guards) == ["E003", "E003"]


def test_the_guards_of_an_existing_tracker_are_checked():
    """Without building its backends again."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"n": NETWORK}):
        override_default_tracker()
        found = run_checks(tags=["eventtracking"])

    assert [message.id for message in found] == ["eventtracking.W007"]
    assert len(django_fakes.BUILT) == 1


def test_a_check_does_not_build_existing_backends_again():
    """No file is opened a second time."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"k": {**RECORDING, "OPTION": 1}}):
        override_default_tracker()
        found = run_checks(tags=["eventtracking"])

    assert [message.id for message in found] == ["eventtracking.W004"]
    assert (len(django_fakes.BUILT), len(django_fakes.CLOSED)) == (1, 0)


def test_a_check_closes_the_backends_that_it_builds():
    """It builds them if the settings have changed."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"k": RECORDING}):
        override_default_tracker()
    messages(**ON, EVENT_TRACKING_BACKENDS={"k": {**RECORDING, "OPTIONS": {"label": "new"}}})

    assert django_fakes.CLOSED == ["new"]


def test_wrong_settings_do_not_stop_django_and_are_logged(caplog):
    """A server runs no checks, so its log is the only place."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"k": None}):
        apps.get_app_config("eventtracking_django").ready()

    assert "Events are not tracked. EVENT_TRACKING_BACKENDS['k'] = None" in caplog.text
    assert TRACKERS == {}


def test_the_tracker_is_registered_when_django_is_ready():
    """An application needs no code for it."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"k": RECORDING}):
        apps.get_app_config("eventtracking_django").ready()

    assert list(get_tracker().backends) == ["k"]


def test_manage_py_check_explains_every_problem_and_fails(tmp_path):
    """In its own process, as a developer runs it."""
    secret = f"sk-{uuid4().hex}"
    done = check(
        tmp_path,
        f"""
        EVENT_TRACKING_ENABLED = True
        EVENT_TRACKING_TIME_ZONE = "Europe/Pari"
        EVENT_TRACKING_BACKEND = {{}}
        EVENT_TRACKING_BACKENDS = {{
            "a": {{"ENGINE": "with_missing_import.Backend"}},
            "b": {{"ENGINE": "django_fakes.Refusing", "OPTIONS": {{"write_key": "{secret}"}}}},
        }}
        """,
    )

    assert done.returncode == 1
    assert "Did you mean 'Europe/Paris'?" in done.stderr
    assert "No module named 'surely_not_installed'" in done.stderr
    assert "Refusing raised OSError: no room for" in done.stderr
    assert "(eventtracking.W001) 'EVENT_TRACKING_BACKEND' is not a setting" in done.stderr
    assert secret not in done.stderr + done.stdout


def test_manage_py_check_accepts_valid_settings(tmp_path):
    """The backend is built once, by `ready`."""
    done = check(
        tmp_path,
        """
        EVENT_TRACKING_ENABLED = True
        EVENT_TRACKING_BACKENDS = {"a": {"ENGINE": "django_fakes.RecordingBackend"}}
        """,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


def check(folder, settings):
    """Run the checks of a project with these *settings* in its own process."""
    lines = [line.strip() for line in settings.splitlines()]
    text = "\n".join(["INSTALLED_APPS = ['eventtracking.django']", *lines])
    (folder / "site_settings.py").write_text(text)
    (folder / "with_missing_import.py").write_text("import surely_not_installed\n")
    paths = [str(folder), str(Path(django_fakes.__file__).parent)]
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "check", "--tag", "eventtracking"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "DJANGO_SETTINGS_MODULE": "site_settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
