"""Where settings come from, and how they come together."""

import json
import os

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import load

LOG = {"ENGINE": "a.Log", "OPTIONS": {"path": "x.log", "mode": 1}}


def backends(**entries):
    return {"EVENT_TRACKING_BACKENDS": entries}


def test_a_toml_file_a_json_file_and_a_dict_say_the_same(tmp_path):
    """One vocabulary: which format a team prefers makes no difference."""
    toml = tmp_path / "tracking.toml"
    toml.write_text(
        "EVENT_TRACKING_ENABLED = true\n"
        '[EVENT_TRACKING_BACKENDS.log]\nENGINE = "a.Log"\nOPTIONS = { path = "x.log", mode = 1 }\n'
    )
    settings = {"EVENT_TRACKING_ENABLED": True, **backends(log=LOG)}
    file = tmp_path / "tracking.json"
    file.write_text(json.dumps(settings))

    assert load(toml) == load(str(file)) == load(settings) == settings


def test_later_sources_win_and_mappings_are_merged_deeply(tmp_path):
    """A deployment overrides one option without repeating the rest."""
    file = tmp_path / "base.json"
    file.write_text(json.dumps(backends(log=LOG)))

    merged = load(file, backends(log={"OPTIONS": {"path": "y.log"}}, other=LOG))

    assert merged == backends(
        log={"ENGINE": "a.Log", "OPTIONS": {"path": "y.log", "mode": 1}}, other=LOG
    )


def test_lists_replace_one_another():
    """Merging lists by position would be a guess."""
    name = "EVENT_TRACKING_PROCESSORS"

    assert load({name: [1, 2, 3]}, {name: [4]}) == {name: [4]}


def test_an_entry_with_another_engine_replaces_the_options_too():
    """The options of a log file mean nothing to a network."""
    network = {"ENGINE": "a.Network", "OPTIONS": {"host": "h"}}

    assert load(backends(out=LOG), backends(out=network)) == backends(out=network)


def test_a_reference_replaces_a_reference():
    """`{"ENV": ...}` and `{"FILE": ...}` merged into one would refer to nothing."""
    assert load({"x": {"ENV": "A"}}, {"x": {"FILE": "b"}}) == {"x": {"FILE": "b"}}
    assert load({"x": {"ENV": "A"}}, {"x": {"y": 1}}) == {"x": {"y": 1}}


def test_sources_stay_as_they_were():
    """Settings that are loaded and then changed do not change what they came from."""
    base, addition = backends(log=LOG), backends(log={"OPTIONS": {"path": "z"}})

    loaded = load(base, addition)
    loaded["EVENT_TRACKING_BACKENDS"]["log"]["OPTIONS"]["mode"] = 2

    assert (base, LOG["OPTIONS"]["mode"]) == (backends(log=LOG), 1)


def test_the_environment_contributes_json_where_it_is_json_and_text_otherwise(monkeypatch):
    """A container can be configured without a file."""
    monkeypatch.setenv("EVENT_TRACKING_ENABLED", "false")
    monkeypatch.setenv("EVENT_TRACKING_TIME_ZONE", "Europe/Paris")
    monkeypatch.setenv("EVENT_TRACKING_BACKENDS", '{"log": {"OPTIONS": {"path": "e.log"}}}')

    loaded = load(backends(log=LOG), os.environ)

    assert loaded == {
        "EVENT_TRACKING_ENABLED": False,
        "EVENT_TRACKING_TIME_ZONE": "Europe/Paris",
        **backends(log={"ENGINE": "a.Log", "OPTIONS": {"path": "e.log", "mode": 1}}),
    }


def test_an_empty_variable_and_the_name_of_the_settings_file_are_no_settings(monkeypatch):
    """`EVENT_TRACKING_ENABLED=` in a compose file means that nobody set it."""
    monkeypatch.setenv("EVENT_TRACKING_ENABLED", "")
    monkeypatch.setenv("EVENT_TRACKING_CONFIG", "tracking.toml")

    assert load(os.environ) == {}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("settings.yaml", "a: 1", "its name must end in .toml or .json"),
        ("settings.toml", "a = ", "Invalid value"),
        ("settings.json", "{", "line 1 column 2"),
        ("settings.json", "[1]", "must hold names and values, not a list"),
        ("settings.json", "[" * 100_000, "nested more than 100 levels deep"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path, name, content, reason):
    """The operator sees which file, and what about it."""
    file = tmp_path / name
    file.write_text(content)

    with pytest.raises(ImproperlyConfigured) as raised:
        load(file)

    assert reason in str(raised.value)
    assert name in str(raised.value) or "nested" in reason


def test_every_file_that_cannot_be_read_is_reported_at_once(tmp_path):
    """Not one a deployment."""
    with pytest.raises(ImproperlyConfigured) as raised:
        load(tmp_path / "one.toml", {}, tmp_path / "two.json", 3)

    lines = str(raised.value).splitlines()

    assert ["one.toml" in lines[0], "two.json" in lines[1], "got int" in lines[2]] == [True] * 3


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    """Some editors write one, and nobody sees it."""
    file = tmp_path / "s.toml"
    file.write_text("a = 1\r\n", encoding="utf-8-sig")

    assert load(file) == {"a": 1}


def test_nothing_loaded_is_no_settings():
    """An empty call is not an error."""
    assert load() == {}
