"""Building a tracker from settings, and the errors of wrong settings."""

import datetime
import json
import logging
from pathlib import Path
from time import struct_time

import pytest
import settings_fakes
from settings_fakes import Keeper

from eventtracking import serialization
from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import build, configure
from eventtracking.tracker import emit, get_tracker

ROUTER = "eventtracking.backends.routing.RoutingBackend"


def entry(engine, **options):
    return {"ENGINE": f"settings_fakes.{engine}", "OPTIONS": options}


def router(**options):
    return {"ENGINE": ROUTER, "OPTIONS": options}


def backends(**entries):
    return {"EVENT_TRACKING_BACKENDS": entries}


def processors(*entries):
    return {"EVENT_TRACKING_PROCESSORS": list(entries)}


def lines_of(settings):
    with pytest.raises(ImproperlyConfigured) as raised:
        build(settings)
    return str(raised.value).splitlines()


def the_line_of(settings):
    [line] = lines_of(settings)
    return line


def test_backends_and_processors_are_built_from_settings():
    """Nested entries become nested objects."""
    tracker = build(
        {
            **processors(entry("Tag", word="root")),
            **backends(
                files=router(
                    processors=[entry("Tag", word="inner")],
                    backends={"one": entry("Keeper", label="a"), "two": entry("Keeper")},
                ),
                plain=entry("Keeper", label="b"),
            ),
        }
    )

    files = tracker.get_backend("files")

    assert [processor.word for processor in tracker.processors] == ["root"]
    assert isinstance(files, RoutingBackend)
    assert [processor.word for processor in files.processors] == ["inner"]
    assert files.backends["one"].label == "a"
    assert tracker.get_backend("plain").label == "b"


def test_entries_are_found_anywhere_in_options():
    """In mappings, lists and tuples, which keep their types."""
    extra = {"deep": [{"in": (entry("Tag"), 1)}], "plain": {1, 2}}

    built = build(backends(k=entry("Keeper", extra=extra))).get_backend("k").extra

    assert isinstance(built["deep"][0]["in"], tuple)
    assert isinstance(built["deep"][0]["in"][0], settings_fakes.Tag)
    assert (built["deep"][0]["in"][1], built["plain"]) == (1, {1, 2})


def test_processors_may_be_a_tuple():
    """Django settings often contain tuples."""
    settings = {"EVENT_TRACKING_PROCESSORS": (entry("Tag"),)}

    assert len(build(settings).processors) == 1


def test_a_named_tuple_is_passed_unchanged():
    """It is a value, not a list of settings."""
    point = struct_time(range(9))

    assert build(backends(k=entry("Keeper", extra=point))).get_backend("k").extra is point


def test_backend_objects_are_used_unchanged():
    """Python settings may contain a backend that the application constructed."""
    ready = Keeper()

    assert build(backends(k=ready)).get_backend("k") is ready


def test_an_engine_may_be_a_function():
    """A factory function is a callable like a class."""
    assert build(backends(k=entry("make_keeper", label="f"))).get_backend("k").label == "f"


@pytest.mark.parametrize("options", [{}, {"OPTIONS": None}, {"OPTIONS": {}}])
def test_options_may_be_missing_or_empty(options):
    """A class whose options have defaults needs only an ENGINE."""
    settings = backends(k={"ENGINE": "settings_fakes.Keeper", **options})

    assert isinstance(build(settings).get_backend("k"), Keeper)


@pytest.mark.parametrize(
    "settings", [{}, {"EVENT_TRACKING_BACKENDS": None, "EVENT_TRACKING_PROCESSORS": None}]
)
def test_empty_settings_build_a_tracker_without_backends(settings):
    """`None` counts as empty, as in event-tracking."""
    tracker = build(settings)

    assert (dict(tracker.backends), tracker.processors) == ({}, [])


@pytest.mark.parametrize("value", [False, 0, "false", "False", "0", " off ", "no"])
def test_disabled_settings_build_nothing(value):
    """Errors elsewhere in the settings must not prevent an operator from disabling tracking."""
    settings = {"EVENT_TRACKING_ENABLED": value, **backends(k=entry("Nowhere"))}

    assert dict(build(settings).backends) == {}


def test_enabled_may_be_a_reference(monkeypatch, tmp_path):
    """To an environment variable or a file, like any other value."""
    monkeypatch.setenv("WANTED", "false")
    (tmp_path / "wanted").write_text("true\n")
    off = {"EVENT_TRACKING_ENABLED": {"ENV": "WANTED"}, **backends(k=entry("Keeper"))}
    on = {**off, "EVENT_TRACKING_ENABLED": {"FILE": str(tmp_path / "wanted")}}

    assert (list(build(off).backends), list(build(on).backends)) == ([], ["k"])


def test_enabled_must_not_refer_to_a_missing_variable():
    """It is unknown then whether tracking is wanted."""
    line = the_line_of({"EVENT_TRACKING_ENABLED": {"ENV": "NO_SUCH_VARIABLE"}})

    assert line.startswith("EVENT_TRACKING_ENABLED")
    assert "'NO_SUCH_VARIABLE' is not set" in line


@pytest.mark.parametrize("value", [True, 1, "true", "TRUE", "1", "on", "yes", None])
def test_tracking_is_enabled_by_true_values_and_by_default(value):
    """Words and numbers that mean true count as true."""
    settings = {"EVENT_TRACKING_ENABLED": value, **backends(k=entry("Keeper"))}

    assert list(build(settings).backends) == ["k"]


@pytest.mark.parametrize("value", ["maybe", 2, [], {"X": "Y"}, 0.0])
def test_enabled_must_be_true_or_false(value):
    """Other values are refused rather than guessed at."""
    line = the_line_of({"EVENT_TRACKING_ENABLED": value})

    assert line == f"EVENT_TRACKING_ENABLED = {value!r}: it must be true or false"


def test_naive_datetimes_are_read_in_the_time_zone_of_the_settings():
    """Daylight saving time included."""
    build({"EVENT_TRACKING_TIME_ZONE": "Europe/Paris"})

    assert instant() == "2026-07-01T10:00:00+00:00"


def test_naive_datetimes_are_utc_by_default():
    """Also after another tracker had a different time zone."""
    build({"EVENT_TRACKING_TIME_ZONE": "Europe/Paris"})
    build({})

    assert instant() == "2026-07-01T12:00:00+00:00"


def test_wrong_settings_do_not_change_the_time_zone():
    """The running tracker keeps it."""
    build({"EVENT_TRACKING_TIME_ZONE": "Europe/Paris"})
    lines_of(backends(k=None))

    assert instant() == "2026-07-01T10:00:00+00:00"


@pytest.mark.parametrize("value", [5, "", ["UTC"], "Mars/Olympus", "../UTC"])
def test_a_time_zone_must_exist(value):
    """The error shows the value and the expected form."""
    line = the_line_of({"EVENT_TRACKING_TIME_ZONE": value})

    assert line.startswith(
        f"EVENT_TRACKING_TIME_ZONE = {value!r}: it must be the name of a time zone, such as 'UTC'."
    )


def test_the_most_similar_time_zone_is_suggested():
    """Most mistakes are a single letter."""
    line = the_line_of({"EVENT_TRACKING_TIME_ZONE": "Europe/Pari"})

    assert line.endswith("Did you mean 'Europe/Paris'?")


def test_all_problems_are_reported_at_once_one_a_line_in_the_order_of_the_settings(secret):
    """An operator can fix all of them together."""
    lines = lines_of(
        {
            "EVENT_TRACKING_ENABLED": "perhaps",
            "EVENT_TRACKING_TIME_ZONE": "Nowhere",
            **processors({}, entry("Tagg")),
            **backends(
                a=router(
                    backends={"x": None, "y": entry("Breaking")},
                    processors=[entry("Tag"), entry("Tag", wrod=1)],
                ),
                b=entry("Keeper", write_key={"ENV": "SURELY_UNSET"}),
                c=entry("Picky", write_key=secret),
            ),
        }
    )

    assert [line.split(" = ")[0] for line in lines] == [
        "EVENT_TRACKING_ENABLED",
        "EVENT_TRACKING_TIME_ZONE",
        "EVENT_TRACKING_PROCESSORS[0]",
        "EVENT_TRACKING_PROCESSORS[1]['ENGINE']",
        "EVENT_TRACKING_BACKENDS['a']['OPTIONS']['backends']['x']",
        "EVENT_TRACKING_BACKENDS['a']['OPTIONS']['backends']['y']['ENGINE']",
        "EVENT_TRACKING_BACKENDS['a']['OPTIONS']['processors'][1]['OPTIONS']['wrod']",
        "EVENT_TRACKING_BACKENDS['b']['OPTIONS']['write_key']",
        "EVENT_TRACKING_BACKENDS['c']['OPTIONS']",
    ]


def test_objects_are_closed_when_the_settings_are_wrong():
    """Files and sockets do not stay open."""
    lines_of(
        {
            **processors(entry("Tag")),
            **backends(
                a=entry("Keeper", label="a"),
                b=router(backends={"c": entry("PlainCloser", label="c")}),
                d=entry("NoSend"),
            ),
        }
    )

    assert {label for label, _ in settings_fakes.CLOSED} == {"a", "c"}


def test_objects_of_the_application_are_not_closed():
    """The application constructed them, so it closes them."""
    lines_of(backends(mine=Keeper(label="mine"), bad=None))

    assert settings_fakes.CLOSED == []


def test_an_error_in_close_is_logged_without_secrets(caplog, secret):
    """The problems of the settings are still reported."""
    lines = lines_of(backends(a=entry("BadCloser", write_key=secret), b=None))

    assert len(lines) == 1
    assert "BadCloser could not be closed: OSError: cannot close ********" in caplog.text


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        (
            "settings_fakes.Keper",
            "module 'settings_fakes' has no 'Keper'. Did you mean 'Keeper'?",
        ),
        (
            "eventtracking.backend.routing.X",
            "there is no module 'eventtracking.backend'. Did you mean 'eventtracking.backends'?",
        ),
        ("Keeper", "'Keeper' is not a dotted path such as 'package.module.Class'"),
        ("", "'' is not a dotted path such as 'package.module.Class'"),
        (
            "eventtracking.backends.routing",
            "'eventtracking.backends.routing' is a module. Add the name of an object in it",
        ),
        ("settings_fakes.CLOSED", "it is not a class but an object of type 'list'"),
        (None, "it must be the dotted path of a class, as text."),
        (
            Keeper,
            "it must be the dotted path of a class, as text. Write 'settings_fakes.Keeper'",
        ),
    ],
)
def test_a_wrong_engine_is_explained(engine, reason):
    """The error suggests the most similar name."""
    line = the_line_of(backends(x={"ENGINE": engine}))

    assert line == f"EVENT_TRACKING_BACKENDS['x']['ENGINE'] = {engine!r}: {reason}"


def test_an_error_while_importing_an_engine_is_shown(tmp_path, monkeypatch):
    """It is not reported as a wrong path."""
    (tmp_path / "module_with_a_missing_import.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)

    line = the_line_of(backends(x={"ENGINE": "module_with_a_missing_import.Backend"}))

    assert "importing 'module_with_a_missing_import' failed" in line
    assert "No module named 'surely_not_installed'" in line


def test_an_unknown_option_is_reported_with_a_suggestion_and_the_signature():
    """The operator need not open the documentation."""
    line = the_line_of(backends(x=entry("Keeper", lable="l")))

    assert line == (
        "EVENT_TRACKING_BACKENDS['x']['OPTIONS']['lable'] = 'l': Keeper has no option 'lable'. "
        "Did you mean 'label'? It takes Keeper(*, label='', write_key=None, extra=None)"
    )


def test_a_missing_option_is_reported_with_the_signature():
    """Also when the entry has no options."""
    line = the_line_of(backends(x=entry("PlainCloser")))

    assert line == (
        "EVENT_TRACKING_BACKENDS['x']['OPTIONS'] = {}: PlainCloser needs the option 'label'. "
        "It takes PlainCloser(*, label)"
    )


def test_an_unknown_option_does_not_hide_the_wrong_values_of_others():
    """The operator corrects them at once. The object is built to check them, and discarded."""
    entry = {
        "ENGINE": "eventtracking.processors.size_guard.SizeGuard",
        "OPTIONS": {"max_byte": 3, "max_bytes": 0, "on_oversize": "x"},
    }
    with pytest.raises(ImproperlyConfigured) as raised:
        build({"EVENT_TRACKING_PROCESSORS": [entry]})

    place = "EVENT_TRACKING_PROCESSORS[0]['OPTIONS']"
    assert [line.split(" = ")[0] for line in str(raised.value).splitlines()] == [
        f"{place}['{option}']" for option in ("max_byte", "max_bytes", "on_oversize")
    ]


def test_an_object_with_an_unknown_option_is_closed():
    """It was only built to check its other options."""
    settings_fakes.CLOSED.clear()
    options = {"lable": 1, "label": "discarded"}
    with pytest.raises(ImproperlyConfigured, match="has no option 'lable'"):
        build(
            {
                "EVENT_TRACKING_BACKENDS": {
                    "x": {"ENGINE": "settings_fakes.Keeper", "OPTIONS": options}
                }
            }
        )

    assert [label for label, _ in settings_fakes.CLOSED] == ["discarded"]


def test_each_unknown_and_each_missing_option_has_its_own_line():
    """Also if one entry has several."""
    lines = lines_of(backends(x=entry("PlainCloser", lable=1, extra=2)))

    assert len(lines) == 3


def test_a_class_with_variable_keywords_gets_any_option():
    """`**kwargs` accepts every name."""
    built = build(backends(x=entry("Anything", a=1))).get_backend("x")

    assert built.options == {"a": 1}


def test_a_class_without_a_signature_is_constructed():
    """Some classes written in C have none."""
    mapping = {"ENGINE": "builtins.dict", "OPTIONS": {"a": 1}}

    assert build(backends(x=entry("Keeper", extra=mapping))).get_backend("x").extra == {"a": 1}


def test_a_subclass_of_the_router_may_have_additional_options():
    """Only its backends and processors are treated as such."""
    options = {"limit": 3, "backends": {"k": entry("Keeper")}, "processors": None}
    settings = backends(x={"ENGINE": "settings_fakes.LimitedRouter", "OPTIONS": options})

    built = build(settings).get_backend("x")

    assert (built.limit, list(built.backends)) == (3, ["k"])


def test_a_value_without_a_representation_is_shown_by_its_type():
    """The message must not fail on the value it shows."""
    line = the_line_of({"EVENT_TRACKING_ENABLED": settings_fakes.Unprintable()})

    assert line == (
        "EVENT_TRACKING_ENABLED = a value of type Unprintable: it must be true or false"
    )


def test_option_names_must_be_text():
    """Python settings may have other keys."""
    settings = backends(x={"ENGINE": "settings_fakes.Anything", "OPTIONS": {1: 2}})

    assert "keywords must be strings" in the_line_of(settings)


def test_a_class_with_positional_arguments_only_is_refused():
    """Options are passed by name."""
    lines = lines_of(backends(x=entry("PositionalOnly", value=1)))

    assert all(line.endswith("It takes PositionalOnly(value, /)") for line in lines)


@pytest.mark.parametrize("options", ["text", 5, [1]])
def test_options_must_be_a_mapping(options):
    """Any other type is reported."""
    line = the_line_of(backends(x={"ENGINE": "settings_fakes.Keeper", "OPTIONS": options}))

    assert "['OPTIONS'] = " in line
    assert "it must be a mapping of option names to values" in line


def test_the_error_of_a_constructor_is_shown_after_the_path(secret):
    """The class knows what is wrong with its options."""
    line = the_line_of(backends(x=entry("Breaking", value=7)))

    assert line == (
        "EVENT_TRACKING_BACKENDS['x']['OPTIONS'] = {'value': 7}: "
        "Breaking raised LookupError: lost 7 in two lines"
    )


def test_each_option_that_a_class_refuses_is_a_line_with_its_own_path(tmp_path):
    """The operator sees all the options to change at once."""
    options = {"path": str(tmp_path / "a"), "mode": "rw", "max_bytes": 0}
    engine = {"ENGINE": "eventtracking.backends.log_file.LogFileBackend", "OPTIONS": options}
    with pytest.raises(ImproperlyConfigured) as raised:
        build(backends(log=engine))

    path = "EVENT_TRACKING_BACKENDS['log']['OPTIONS']"
    size, mode = str(raised.value).splitlines()
    assert size == (
        f"{path}['max_bytes'] = 0: LogFileBackend: max_bytes must be a whole number of bytes, "
        "1 or more, or None, got 0"
    )
    assert mode == (
        f"{path}['mode'] = 'rw': LogFileBackend: mode must be permissions such as 0o640, got 'rw'"
    )


def test_the_exception_of_a_constructor_is_the_cause():
    """Its traceback leads to the line that failed."""
    with pytest.raises(ImproperlyConfigured) as raised:
        build(backends(x=entry("Breaking")))

    assert isinstance(raised.value.__cause__, LookupError)


def test_an_exception_without_a_text_is_reported_by_its_type():
    """Showing the error must not fail."""
    line = the_line_of(backends(x={"ENGINE": "settings_fakes.UnprintableFailure"}))

    assert "UnprintableFailure raised Unprintable" in line


@pytest.mark.parametrize("value", ["text", 5, [1, 2]])
def test_backends_must_be_a_mapping(value):
    """Each backend needs a name."""
    line = the_line_of({"EVENT_TRACKING_BACKENDS": value})

    assert "it must be a mapping of names to backends" in line


@pytest.mark.parametrize("value", ["text", 5, {"a": 1}])
def test_processors_must_be_a_list(value):
    """They run in order."""
    assert "it must be a list of processors" in the_line_of({"EVENT_TRACKING_PROCESSORS": value})


@pytest.mark.parametrize("name", ["EVENT_TRACKING_BACKENDS", "EVENT_TRACKING_PROCESSORS"])
def test_malformed_json_is_not_shown(name, secret):
    """The secrets in it cannot be located."""
    line = the_line_of({name: f'{{"x": {{"write_key": "{secret}"'})

    assert secret not in line
    assert "In an environment variable it must be valid JSON" in line


def test_backend_names_must_be_text():
    """Names of several types cannot be sorted."""
    line = the_line_of({"EVENT_TRACKING_BACKENDS": {1: entry("Keeper"), "a": entry("Keeper")}})

    assert line.endswith("the names must all be text")


@pytest.mark.parametrize(
    ("value", "cls"), [({}, "dict"), (None, "NoneType"), ("a.B", "str"), ({"x": 1}, "dict")]
)
def test_a_backend_without_send_is_refused_with_the_text_of_event_tracking(value, cls):
    """Operators know it; the path is added before it."""
    line = the_line_of(backends(x=value))

    assert line.startswith(
        f"EVENT_TRACKING_BACKENDS['x'] = {value!r}: "
        f"Backend {cls} does not have a callable \"send\" method. Write {{'ENGINE'"
    )


def test_a_processor_that_is_not_callable_is_refused_with_the_text_of_event_tracking():
    """Operators know it; the path is added before it."""
    line = the_line_of(processors(entry("NoSend")))

    assert line == (
        "EVENT_TRACKING_PROCESSORS[0]['ENGINE'] = 'settings_fakes.NoSend': "
        "Processor NoSend is not callable."
    )


def test_a_misspelled_engine_key_is_recognized():
    """The error names the key to correct."""
    line = the_line_of(backends(x={"ENGIN": "settings_fakes.Keeper"}))

    assert line.endswith("Write 'ENGINE' instead of 'ENGIN'")


def test_problems_inside_a_wrong_entry_are_reported():
    """They do not appear only after the entry has been corrected."""
    lines = lines_of(backends(x={"ENGIN": "a.B", "OPTIONS": {"k": {"ENV": "SURELY_UNSET"}}}))

    assert len(lines) == 1
    assert "SURELY_UNSET" in lines[0]


def test_a_problem_is_a_value_error():
    """Code written for event-tracking catches that."""
    with pytest.raises(ValueError, match=r'Backend \w+ does not have a callable "send" method\.'):
        build(backends(x=entry("NoSend")))


def test_settings_must_not_contain_themselves():
    """Python settings can have such a cycle."""
    loop = entry("Keeper")
    loop["OPTIONS"]["extra"] = loop

    assert any("nested more than 100 levels" in line for line in lines_of(backends(x=loop)))


def test_unknown_settings_are_warned_about_with_a_suggestion(caplog):
    """A misspelled setting would otherwise be ignored silently."""
    build({"EVENT_TRACKING_BACKEND": {}, "EVENT_TRACKING_CONFIG": "x", "OTHER_APP": 1})

    unknown = "'EVENT_TRACKING_BACKEND' is not a setting and is ignored."
    assert caplog.messages == [
        f"{unknown} Did you mean 'EVENT_TRACKING_BACKENDS'?",
        "EVENT_TRACKING_CONFIG is ignored: it is only valid as an environment variable",
    ]


@pytest.mark.parametrize("name", ["BACKENDS", "EVENT_TRAKING_BACKENDS", "EVENTTRACKING_BACKENDS"])
def test_a_setting_with_a_wrong_prefix_is_warned_about(caplog, name):
    """It would otherwise be ignored silently."""
    build({name: {}})

    assert caplog.messages == [f"{name!r} is ignored. Did you mean 'EVENT_TRACKING_BACKENDS'?"]


def test_an_unknown_key_of_an_entry_is_warned_about(caplog):
    """`OPTION` was meant as `OPTIONS`."""
    build(backends(x={"ENGINE": "settings_fakes.Keeper", "OPTION": {}}))

    [message] = caplog.messages
    assert message == (
        "EVENT_TRACKING_BACKENDS['x']['OPTION'] is ignored: an entry has only ENGINE and OPTIONS. "
        "Did you mean 'OPTIONS'?"
    )


def test_the_variable_of_a_reference_is_not_an_unknown_setting(caplog, monkeypatch, secret):
    """Its name may begin with the prefix of settings."""
    monkeypatch.setenv("EVENT_TRACKING_WRITE_KEY", secret)

    tracker = configure(backends(x=entry("Keeper", write_key={"ENV": "EVENT_TRACKING_WRITE_KEY"})))

    assert (caplog.messages, tracker.get_backend("x").write_key) == ([], secret)


def test_configure_registers_the_default_tracker():
    """`emit` works from then on."""
    tracker = configure(backends(x=entry("Keeper")))

    assert get_tracker() is tracker


def test_configure_registers_nothing_when_the_settings_are_wrong():
    """The tracker that was registered before stays."""
    before = configure({})
    with pytest.raises(ImproperlyConfigured):
        configure(backends(x=None))

    assert get_tracker() is before


def test_the_environment_wins_in_configure(monkeypatch):
    """Tracking can be disabled without changing a file."""
    monkeypatch.setenv("EVENT_TRACKING_ENABLED", "false")

    tracker = configure({"EVENT_TRACKING_ENABLED": True, **backends(x=entry("Keeper"))})

    assert (dict(tracker.backends), get_tracker()) == ({}, tracker)


def test_configure_without_a_source_reads_the_file_that_the_environment_names(
    tmp_path, monkeypatch
):
    """An application that calls it at startup learns of problems immediately."""
    file = tmp_path / "s.json"
    file.write_text(json.dumps(backends(x=entry("Keeper", label="env"))))
    monkeypatch.setenv("EVENT_TRACKING_CONFIG", str(file))

    assert configure().get_backend("x").label == "env"


def test_the_first_emit_configures_from_the_file_that_the_environment_names(tmp_path, monkeypatch):
    """A program need not call `configure` at all."""
    file = tmp_path / "s.json"
    file.write_text(json.dumps(backends(x=entry("Keeper", label="lazy"))))
    monkeypatch.setenv("EVENT_TRACKING_CONFIG", str(file))

    emit("a.b.c")

    assert get_tracker().get_backend("x").label == "lazy"


def test_a_bad_file_in_the_environment_never_raises_from_emit(tmp_path, monkeypatch, caplog):
    """It is logged once."""
    file = tmp_path / "s.json"
    file.write_text(json.dumps(backends(x=None)))
    monkeypatch.setenv("EVENT_TRACKING_CONFIG", str(file))

    emit("a.b.c")
    emit("a.b.c")

    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "EVENT_TRACKING_BACKENDS['x'] = None" in warnings[0]


def test_a_toml_file_configures_a_tracker_that_writes_to_a_log(tmp_path):
    """The example in the documentation works."""
    log = tmp_path / "logs" / "tracking.log"
    file = tmp_path / "tracking.toml"
    file.write_text(
        "EVENT_TRACKING_ENABLED = true\n"
        'EVENT_TRACKING_TIME_ZONE = "UTC"\n'
        '[[EVENT_TRACKING_PROCESSORS]]\nENGINE = "settings_fakes.Tag"\n'
        "[EVENT_TRACKING_BACKENDS.log]\n"
        'ENGINE = "eventtracking.backends.log_file.LogFileBackend"\n'
        f"OPTIONS = {{ path = {json.dumps(str(log))} }}\n"
    )

    tracker = configure(file)
    emit("a.b.c", {"n": 1})
    tracker.close()

    [line] = log.read_text().splitlines()
    event = json.loads(line)
    assert (event["name"], event["data"]) == ("a.b.c", {"n": 1, "tag": True})


def test_a_log_file_is_closed_when_the_settings_are_wrong(tmp_path):
    """No descriptor stays open."""
    before = sorted(Path("/dev/fd").iterdir())
    log = {
        "ENGINE": "eventtracking.backends.log_file.LogFileBackend",
        "OPTIONS": {"path": str(tmp_path / "tracking.log")},
    }

    lines_of(backends(log=log, bad=None))

    assert sorted(Path("/dev/fd").iterdir()) == before


def instant():
    """Return how the library writes noon without a time zone."""
    noon = datetime.datetime.fromisoformat("2026-07-01T12:00:00")
    return json.loads(serialization.encode({"at": noon}))["at"]
