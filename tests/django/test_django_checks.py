"""What `manage.py check` says about the settings, and what it costs."""

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

KEEPER = {"ENGINE": "django_fakes.Keeper"}
NETWORK = {"ENGINE": "django_fakes.Network"}
ON = {"EVENT_TRACKING_ENABLED": True}


@pytest.fixture(autouse=True)
def _nothing_built():
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


def test_the_application_is_known_by_the_name_that_event_tracking_gave_it():
    """Other applications look for it."""
    config = apps.get_app_config("eventtracking_django")

    assert (config.name, type(config).__name__) == ("eventtracking.django", "EventTrackingConfig")


def test_good_settings_have_nothing_to_say():
    """Silence means that all is well."""
    assert messages() == []
    assert messages(**ON, EVENT_TRACKING_BACKENDS={"k": KEEPER}) == []
    assert messages(EVENT_TRACKING_ENABLED=False, EVENT_TRACKING_BACKENDS={"k": KEEPER}) == []


@pytest.mark.parametrize(
    ("expected", "entry"),
    [
        ("E001", {**KEEPER, "OPTIONS": 5}),
        ("E002", {"ENGINE": "django_fakes.Keper"}),
        ("E003", {**KEEPER, "OPTIONS": {"lable": 1}}),
        ("E004", {"ENGINE": "django_fakes.Refusing"}),
        ("E005", {**KEEPER, "OPTIONS": {"write_key": {"ENV": "SURELY_UNSET"}}}),
        ("E006", {}),
    ],
)
def test_each_kind_of_problem_has_an_id_of_its_own(expected, entry):
    """A site may silence what it has reasons for."""
    message = one(**ON, EVENT_TRACKING_BACKENDS={"k": entry})

    assert message.id == f"eventtracking.{expected}"
    assert message.msg.startswith("EVENT_TRACKING_BACKENDS['k']")


def test_every_problem_is_a_message():
    """All of them at once."""
    settings = {**ON, "EVENT_TRACKING_TIME_ZONE": "x", "EVENT_TRACKING_PROCESSORS": [{}, None]}

    assert ids(**settings, EVENT_TRACKING_BACKENDS={"k": KEEPER}) == ["E001", "E006", "E006"]


def test_problems_of_disabled_settings_are_no_errors():
    """A laptop without the secrets of production can still run its migrations."""
    settings = {"k": {"ENGINE": "no.such.Thing"}}

    assert messages(EVENT_TRACKING_ENABLED=False, EVENT_TRACKING_BACKENDS=settings) == []


def test_an_unknown_setting_is_a_warning_with_the_nearest_name():
    """It does nothing."""
    message = one(EVENT_TRACKING_BACKEND={})

    assert message.id == "eventtracking.W001"
    assert message.msg.endswith("Did you mean 'EVENT_TRACKING_BACKENDS'?")


def test_a_setting_that_open_edx_puts_beside_ours_is_not_unknown():
    """Its own code reads it."""
    assert messages(EVENT_TRACKING_SEGMENTIO_EMIT_WHITELIST=[]) == []


def test_text_that_means_no_is_a_warning():
    """It enables tracking, as in event-tracking."""
    settings = {"EVENT_TRACKING_BACKENDS": {"k": KEEPER}}

    assert ids(EVENT_TRACKING_ENABLED="false", **settings) == ["W002"]


def test_tracking_without_a_backend_is_a_warning():
    """Every event would be dropped."""
    assert ids(**ON) == ["W003"]


def test_a_key_that_is_ignored_is_a_warning():
    """It was surely meant to do something."""
    assert ids(**ON, EVENT_TRACKING_BACKENDS={"k": {**KEEPER, "OPTION": {}}}) == ["W004"]


def test_backends_that_nobody_enabled_are_a_warning():
    """Forgetting the switch is the most silent mistake of all."""
    assert ids(EVENT_TRACKING_BACKENDS={"k": KEEPER}) == ["W005"]


def test_a_network_backend_without_guards_is_a_warning():
    """In one line, as `eventtracking check` says it."""
    message = one(**ON, EVENT_TRACKING_BACKENDS={"k": KEEPER, "n": NETWORK})

    assert message.id == "eventtracking.W007"
    assert message.msg.startswith("EVENT_TRACKING_BACKENDS['n'] sends over a network without ")


def test_a_network_backend_behind_guards_is_no_warning():
    """With the recommended processors, as a constant or written out."""
    settings = {**ON, "EVENT_TRACKING_BACKENDS": {"n": NETWORK}}

    assert ids(**settings, EVENT_TRACKING_PROCESSORS=RECOMMENDED_PROCESSORS) == []
    assert ids(**settings, EVENT_TRACKING_PROCESSORS=[{"ENGINE": each} for each in GUARDS]) == []


def test_a_guard_that_cannot_be_built_is_not_called_missing():
    """It is there, and wrong: one message is enough."""
    guards = [{"ENGINE": engine, "OPTIONS": {"wrong": 1}} for engine in GUARDS]

    settings = {**ON, "EVENT_TRACKING_BACKENDS": {"n": NETWORK}}
    assert ids(**settings, EVENT_TRACKING_PROCESSORS=guards) == ["E003", "E003"]


def test_a_tracker_that_is_there_already_is_asked_for_its_guards():
    """Building everything once more would open every file a second time."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"n": NETWORK}):
        override_default_tracker()
        found = run_checks(tags=["eventtracking"])

    assert [message.id for message in found] == ["eventtracking.W007"]
    assert len(django_fakes.BUILT) == 1


def test_a_check_builds_nothing_that_is_there_already():
    """No file is opened a second time."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"k": {**KEEPER, "OPTION": 1}}):
        override_default_tracker()
        found = run_checks(tags=["eventtracking"])

    assert [message.id for message in found] == ["eventtracking.W004"]
    assert (len(django_fakes.BUILT), len(django_fakes.CLOSED)) == (1, 0)


def test_a_check_closes_what_it_builds():
    """Settings that changed are looked at as they are now."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"k": KEEPER}):
        override_default_tracker()
    messages(**ON, EVENT_TRACKING_BACKENDS={"k": {**KEEPER, "OPTIONS": {"label": "new"}}})

    assert django_fakes.CLOSED == ["new"]


def test_wrong_settings_do_not_stop_django_and_are_logged(caplog):
    """A server runs no checks: its log is all there is."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"k": None}):
        apps.get_app_config("eventtracking_django").ready()

    assert "Events are not tracked. EVENT_TRACKING_BACKENDS['k'] = None" in caplog.text
    assert TRACKERS == {}


def test_good_settings_register_the_tracker_when_django_is_ready():
    """An application has nothing else to do."""
    with override_settings(**ON, EVENT_TRACKING_BACKENDS={"k": KEEPER}):
        apps.get_app_config("eventtracking_django").ready()

    assert list(get_tracker().backends) == ["k"]


def test_manage_py_check_explains_everything_and_fails(tmp_path):
    """What a developer sees, in a real process."""
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


def test_manage_py_check_passes_on_good_settings(tmp_path):
    """With a backend that is built once, by `ready`."""
    done = check(
        tmp_path,
        """
        EVENT_TRACKING_ENABLED = True
        EVENT_TRACKING_BACKENDS = {"a": {"ENGINE": "django_fakes.Keeper"}}
        """,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


def check(folder, settings):
    """Run the checks of a Django with these *settings* in a process of its own."""
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
