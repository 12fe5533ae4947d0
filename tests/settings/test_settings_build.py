"""What settings become, and what is said when they cannot."""

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


def test_backends_and_processors_are_built_as_the_settings_say():
    """A tree in the settings is a tree of objects."""
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


def test_entries_are_found_wherever_they_stand_in_options():
    """In mappings, lists and tuples; each keeps its type."""
    extra = {"deep": [{"in": (entry("Tag"), 1)}], "plain": {1, 2}}

    built = build(backends(k=entry("Keeper", extra=extra))).get_backend("k").extra

    assert isinstance(built["deep"][0]["in"], tuple)
    assert isinstance(built["deep"][0]["in"][0], settings_fakes.Tag)
    assert (built["deep"][0]["in"][1], built["plain"]) == (1, {1, 2})


def test_a_tuple_of_processors_is_as_good_as_a_list():
    """Django settings are full of tuples."""
    settings = {"EVENT_TRACKING_PROCESSORS": (entry("Tag"),)}

    assert len(build(settings).processors) == 1


def test_a_named_tuple_reaches_the_class_as_it_is():
    """It is a value, not a list of settings."""
    point = struct_time(range(9))

    assert build(backends(k=entry("Keeper", extra=point))).get_backend("k").extra is point


def test_objects_that_are_ready_are_used_as_they_are():
    """Python settings may hold a backend that the application made."""
    ready = Keeper()

    assert build(backends(k=ready)).get_backend("k") is ready


def test_a_function_may_stand_where_a_class_does():
    """A factory is a callable like any other."""
    assert build(backends(k=entry("make_keeper", label="f"))).get_backend("k").label == "f"


@pytest.mark.parametrize("options", [{}, {"OPTIONS": None}, {"OPTIONS": {}}])
def test_options_may_be_missing_or_empty(options):
    """A class with defaults needs no more than its name."""
    settings = backends(k={"ENGINE": "settings_fakes.Keeper", **options})

    assert isinstance(build(settings).get_backend("k"), Keeper)


@pytest.mark.parametrize(
    "settings", [{}, {"EVENT_TRACKING_BACKENDS": None, "EVENT_TRACKING_PROCESSORS": None}]
)
def test_no_settings_are_a_tracker_without_backends(settings):
    """`None` counts as empty, as in event-tracking."""
    tracker = build(settings)

    assert (dict(tracker.backends), tracker.processors) == ({}, [])


@pytest.mark.parametrize("value", [False, 0, "false", "False", "0", " off ", "no"])
def test_disabled_settings_build_nothing(value):
    """Who switches tracking off must not be stopped by what is wrong with it."""
    settings = {"EVENT_TRACKING_ENABLED": value, **backends(k=entry("Nowhere"))}

    assert dict(build(settings).backends) == {}


def test_the_switch_may_stand_in_the_environment_or_a_file(monkeypatch, tmp_path):
    """As every value may."""
    monkeypatch.setenv("WANTED", "false")
    (tmp_path / "wanted").write_text("true\n")
    off = {"EVENT_TRACKING_ENABLED": {"ENV": "WANTED"}, **backends(k=entry("Keeper"))}
    on = {**off, "EVENT_TRACKING_ENABLED": {"FILE": str(tmp_path / "wanted")}}

    assert (list(build(off).backends), list(build(on).backends)) == ([], ["k"])


def test_a_switch_that_cannot_be_fetched_is_a_problem():
    """It says neither."""
    line = the_line_of({"EVENT_TRACKING_ENABLED": {"ENV": "NO_SUCH_VARIABLE"}})

    assert line.startswith("EVENT_TRACKING_ENABLED")
    assert "'NO_SUCH_VARIABLE' is not set" in line


@pytest.mark.parametrize("value", [True, 1, "true", "TRUE", "1", "on", "yes", None])
def test_anything_that_means_yes_enables(value):
    """So does saying nothing."""
    settings = {"EVENT_TRACKING_ENABLED": value, **backends(k=entry("Keeper"))}

    assert list(build(settings).backends) == ["k"]


@pytest.mark.parametrize("value", ["maybe", 2, [], {"X": "Y"}, 0.0])
def test_a_switch_that_is_neither_on_nor_off_is_a_problem(value):
    """A guess would be wrong half of the time."""
    line = the_line_of({"EVENT_TRACKING_ENABLED": value})

    assert line == f"EVENT_TRACKING_ENABLED = {value!r}: it must be true or false"


def test_naive_datetimes_are_read_in_the_time_zone_of_the_settings():
    """A clock on the wall of the settings' zone, DST included."""
    build({"EVENT_TRACKING_TIME_ZONE": "Europe/Paris"})

    assert instant() == "2026-07-01T10:00:00+00:00"


def test_naive_datetimes_are_utc_unless_the_settings_say_otherwise():
    """Also after another tracker said something else."""
    build({"EVENT_TRACKING_TIME_ZONE": "Europe/Paris"})
    build({})

    assert instant() == "2026-07-01T12:00:00+00:00"


def test_settings_that_fail_leave_the_time_zone_alone():
    """What was running goes on as before."""
    build({"EVENT_TRACKING_TIME_ZONE": "Europe/Paris"})
    lines_of(backends(k=None))

    assert instant() == "2026-07-01T10:00:00+00:00"


@pytest.mark.parametrize("value", [5, "", ["UTC"], "Mars/Olympus", "../UTC"])
def test_a_time_zone_that_does_not_exist_is_a_problem(value):
    """The value is shown with what is expected."""
    line = the_line_of({"EVENT_TRACKING_TIME_ZONE": value})

    assert line.startswith(
        f"EVENT_TRACKING_TIME_ZONE = {value!r}: it must be the name of a time zone, such as 'UTC'."
    )


def test_the_nearest_time_zone_is_suggested():
    """Most mistakes are a letter long."""
    line = the_line_of({"EVENT_TRACKING_TIME_ZONE": "Europe/Pari"})

    assert line.endswith("Did you mean 'Europe/Paris'?")


def test_all_problems_are_reported_at_once_one_a_line_in_the_order_of_the_settings(secret):
    """An operator mends everything in one go."""
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


def test_what_was_built_beside_a_problem_is_closed():
    """Nothing is left open by settings that were refused."""
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


def test_an_object_of_the_application_is_not_closed_over_a_problem():
    """Who made it closes it."""
    lines_of(backends(mine=Keeper(label="mine"), bad=None))

    assert settings_fakes.CLOSED == []


def test_a_close_that_fails_hides_no_problem_and_tells_no_secret(caplog, secret):
    """The refusal is what matters; the failure is in the log."""
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
            "'eventtracking.backends.routing' is a module. Add the name of what it holds",
        ),
        ("settings_fakes.CLOSED", "it is no class but an object of type 'list'"),
        (None, "it must be the dotted path of a class, as text."),
        (
            Keeper,
            "it must be the dotted path of a class, as text. Write 'settings_fakes.Keeper'",
        ),
    ],
)
def test_an_engine_that_cannot_be_used_is_explained(engine, reason):
    """With the nearest thing that exists."""
    line = the_line_of(backends(x={"ENGINE": engine}))

    assert line == f"EVENT_TRACKING_BACKENDS['x']['ENGINE'] = {engine!r}: {reason}"


def test_an_error_inside_the_module_of_an_engine_is_shown(tmp_path, monkeypatch):
    """It is not mistaken for a wrong path."""
    (tmp_path / "module_with_a_missing_import.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)

    line = the_line_of(backends(x={"ENGINE": "module_with_a_missing_import.Backend"}))

    assert "importing 'module_with_a_missing_import' failed" in line
    assert "No module named 'surely_not_installed'" in line


def test_an_unknown_option_is_named_with_the_nearest_and_with_the_signature():
    """The three things needed to mend it."""
    line = the_line_of(backends(x=entry("Keeper", lable="l")))

    assert line == (
        "EVENT_TRACKING_BACKENDS['x']['OPTIONS']['lable'] = 'l': Keeper has no option 'lable'. "
        "Did you mean 'label'? It takes Keeper(*, label='', write_key=None, extra=None)"
    )


def test_a_missing_option_is_named_with_the_signature():
    """Also when there are no options at all."""
    line = the_line_of(backends(x=entry("PlainCloser")))

    assert line == (
        "EVENT_TRACKING_BACKENDS['x']['OPTIONS'] = {}: PlainCloser needs the option 'label'. "
        "It takes PlainCloser(*, label)"
    )


def test_every_unknown_and_every_missing_option_has_a_line_of_its_own():
    """Two slips in one entry are two lines."""
    lines = lines_of(backends(x=entry("PlainCloser", lable=1, extra=2)))

    assert len(lines) == 3


def test_a_class_that_takes_any_option_is_given_any():
    """`**kwargs` means what it says."""
    built = build(backends(x=entry("Anything", a=1))).get_backend("x")

    assert built.options == {"a": 1}


def test_a_class_that_does_not_tell_its_signature_is_built_all_the_same():
    """Some classes written in C keep it to themselves."""
    mapping = {"ENGINE": "builtins.dict", "OPTIONS": {"a": 1}}

    assert build(backends(x=entry("Keeper", extra=mapping))).get_backend("x").extra == {"a": 1}


def test_a_router_of_ones_own_may_have_options_of_its_own():
    """Only what it routes to is looked at as backends and processors."""
    options = {"limit": 3, "backends": {"k": entry("Keeper")}, "processors": None}
    settings = backends(x={"ENGINE": "settings_fakes.LimitedRouter", "OPTIONS": options})

    built = build(settings).get_backend("x")

    assert (built.limit, list(built.backends)) == (3, ["k"])


def test_a_value_that_cannot_be_shown_is_named_by_its_type():
    """An error must not fail over its subject."""
    line = the_line_of({"EVENT_TRACKING_ENABLED": settings_fakes.Unspeakable()})

    assert line == "EVENT_TRACKING_ENABLED = <Unspeakable>: it must be true or false"


def test_an_option_that_has_no_name_is_a_problem():
    """JSON cannot say it, Python can."""
    settings = backends(x={"ENGINE": "settings_fakes.Anything", "OPTIONS": {1: 2}})

    assert "keywords must be strings" in the_line_of(settings)


def test_a_class_that_options_cannot_build_is_a_problem():
    """Options have names, and it takes none."""
    lines = lines_of(backends(x=entry("PositionalOnly", value=1)))

    assert all(line.endswith("It takes PositionalOnly(value, /)") for line in lines)


@pytest.mark.parametrize("options", ["text", 5, [1]])
def test_options_that_are_no_mapping_are_a_problem(options):
    """Whatever else stands there."""
    line = the_line_of(backends(x={"ENGINE": "settings_fakes.Keeper", "OPTIONS": options}))

    assert "['OPTIONS'] = " in line
    assert "it must be a mapping of option names to values" in line


def test_what_a_constructor_says_is_passed_on_with_the_path_in_front(secret):
    """The class knows best what is wrong with its options."""
    line = the_line_of(backends(x=entry("Breaking", value=7)))

    assert line == (
        "EVENT_TRACKING_BACKENDS['x']['OPTIONS'] = {'value': 7}: "
        "Breaking raised LookupError: lost 7 in two lines"
    )


def test_each_option_that_a_class_refuses_is_a_line_with_its_own_path(tmp_path):
    """The operator sees which of the options to change, and all of them at once."""
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


def test_an_exception_without_words_is_a_problem_like_any_other():
    """An error must not fail over another error."""
    line = the_line_of(backends(x={"ENGINE": "settings_fakes.Mute"}))

    assert "Mute raised Unspeakable" in line


@pytest.mark.parametrize("value", ["text", 5, [1, 2]])
def test_backends_that_are_no_mapping_are_a_problem(value):
    """Each backend needs a name."""
    line = the_line_of({"EVENT_TRACKING_BACKENDS": value})

    assert "it must be a mapping of names to backends" in line


@pytest.mark.parametrize("value", ["text", 5, {"a": 1}])
def test_processors_that_are_no_list_are_a_problem(value):
    """They run in an order."""
    assert "it must be a list of processors" in the_line_of({"EVENT_TRACKING_PROCESSORS": value})


@pytest.mark.parametrize("name", ["EVENT_TRACKING_BACKENDS", "EVENT_TRACKING_PROCESSORS"])
def test_json_with_a_slip_in_it_is_not_shown(name, secret):
    """Nobody can tell where in it the secrets are."""
    line = the_line_of({name: f'{{"x": {{"write_key": "{secret}"'})

    assert secret not in line
    assert "In an environment variable it has to be valid JSON" in line


def test_names_of_several_types_are_a_problem():
    """They cannot be put in order."""
    line = the_line_of({"EVENT_TRACKING_BACKENDS": {1: entry("Keeper"), "a": entry("Keeper")}})

    assert line.endswith("the names must all be text")


@pytest.mark.parametrize(
    ("value", "cls"), [({}, "dict"), (None, "NoneType"), ("a.B", "str"), ({"x": 1}, "dict")]
)
def test_a_backend_that_cannot_send_keeps_the_text_that_operators_know(value, cls):
    """The text of event-tracking, after the path."""
    line = the_line_of(backends(x=value))

    assert line.startswith(
        f"EVENT_TRACKING_BACKENDS['x'] = {value!r}: "
        f"Backend {cls} does not have a callable \"send\" method. Write {{'ENGINE'"
    )


def test_a_processor_that_is_not_callable_keeps_the_text_that_operators_know():
    """The text of event-tracking, after the path."""
    line = the_line_of(processors(entry("NoSend")))

    assert line == (
        "EVENT_TRACKING_PROCESSORS[0]['ENGINE'] = 'settings_fakes.NoSend': "
        "Processor NoSend is not callable."
    )


def test_a_misspelt_engine_key_is_recognised():
    """The entry is not simply called wrong."""
    line = the_line_of(backends(x={"ENGIN": "settings_fakes.Keeper"}))

    assert line.endswith("Write 'ENGINE' instead of 'ENGIN'")


def test_problems_within_a_wrong_entry_come_to_light_too():
    """The second problem does not wait for the first to be mended."""
    lines = lines_of(backends(x={"ENGIN": "a.B", "OPTIONS": {"k": {"ENV": "SURELY_UNSET"}}}))

    assert len(lines) == 1
    assert "SURELY_UNSET" in lines[0]


def test_a_problem_is_a_value_error():
    """Code written for event-tracking catches that."""
    with pytest.raises(ValueError, match=r'Backend \w+ does not have a callable "send" method\.'):
        build(backends(x=entry("NoSend")))


def test_settings_that_contain_themselves_are_a_problem():
    """Python can build such a thing."""
    loop = entry("Keeper")
    loop["OPTIONS"]["extra"] = loop

    assert any("nested more than 100 levels" in line for line in lines_of(backends(x=loop)))


def test_unknown_settings_are_warned_about_with_the_nearest_name(caplog):
    """A misspelt setting does nothing, and should not do so in silence."""
    build({"EVENT_TRACKING_BACKEND": {}, "EVENT_TRACKING_CONFIG": "x", "OTHER_APP": 1})

    unknown = "'EVENT_TRACKING_BACKEND' is not a setting and is ignored."
    assert caplog.messages == [
        f"{unknown} Did you mean 'EVENT_TRACKING_BACKENDS'?",
        "EVENT_TRACKING_CONFIG is ignored: it counts only in the environment",
    ]


@pytest.mark.parametrize("name", ["BACKENDS", "EVENT_TRAKING_BACKENDS", "EVENTTRACKING_BACKENDS"])
def test_a_setting_with_a_wrong_prefix_is_warned_about(caplog, name):
    """It would be ignored otherwise."""
    build({name: {}})

    assert caplog.messages == [f"{name!r} is ignored. Did you mean 'EVENT_TRACKING_BACKENDS'?"]


def test_a_key_beside_engine_and_options_is_warned_about(caplog):
    """`OPTION` was surely meant to do something."""
    build(backends(x={"ENGINE": "settings_fakes.Keeper", "OPTION": {}}))

    [message] = caplog.messages
    assert message == (
        "EVENT_TRACKING_BACKENDS['x']['OPTION'] is ignored: only ENGINE and OPTIONS count here. "
        "Did you mean 'OPTIONS'?"
    )


def test_a_variable_that_holds_a_secret_is_no_unknown_setting(caplog, monkeypatch, secret):
    """Whatever it is called."""
    monkeypatch.setenv("EVENT_TRACKING_WRITE_KEY", secret)

    tracker = configure(backends(x=entry("Keeper", write_key={"ENV": "EVENT_TRACKING_WRITE_KEY"})))

    assert (caplog.messages, tracker.get_backend("x").write_key) == ([], secret)


def test_configure_registers_the_default_tracker():
    """From the next line on, `emit` works."""
    tracker = configure(backends(x=entry("Keeper")))

    assert get_tracker() is tracker


def test_configure_registers_nothing_when_the_settings_are_wrong():
    """What was running goes on."""
    before = configure({})
    with pytest.raises(ImproperlyConfigured):
        configure(backends(x=None))

    assert get_tracker() is before


def test_the_environment_has_the_final_word_in_configure(monkeypatch):
    """Tracking can be switched off without touching a file."""
    monkeypatch.setenv("EVENT_TRACKING_ENABLED", "false")

    tracker = configure({"EVENT_TRACKING_ENABLED": True, **backends(x=entry("Keeper"))})

    assert (dict(tracker.backends), get_tracker()) == ({}, tracker)


def test_configure_without_a_source_reads_the_file_that_the_environment_names(
    tmp_path, monkeypatch
):
    """An application calls it at its start, to hear of problems at once."""
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
    """It is warned about once."""
    file = tmp_path / "s.json"
    file.write_text(json.dumps(backends(x=None)))
    monkeypatch.setenv("EVENT_TRACKING_CONFIG", str(file))

    emit("a.b.c")
    emit("a.b.c")

    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "EVENT_TRACKING_BACKENDS['x'] = None" in warnings[0]


def test_the_whole_way_from_a_toml_file_to_a_line_in_a_log(tmp_path):
    """What the documentation shows works."""
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


def test_a_log_file_beside_a_problem_is_closed_again(tmp_path):
    """Settings that were refused leave no descriptor open."""
    before = sorted(Path("/dev/fd").iterdir())
    log = {
        "ENGINE": "eventtracking.backends.log_file.LogFileBackend",
        "OPTIONS": {"path": str(tmp_path / "tracking.log")},
    }

    lines_of(backends(log=log, bad=None))

    assert sorted(Path("/dev/fd").iterdir()) == before


def instant():
    """Return what the library writes for noon without a time zone."""
    noon = datetime.datetime.fromisoformat("2026-07-01T12:00:00")
    return json.loads(serialization.encode({"at": noon}))["at"]
