"""Loading and merging settings."""

import json
import os

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import load

LOG = {"ENGINE": "a.Log", "OPTIONS": {"path": "x.log", "mode": 1}}


def backends(**entries):
    return {"EVENT_TRACKING_BACKENDS": entries}


def test_a_toml_file_a_json_file_and_a_dict_are_equivalent(tmp_path):
    """A team may use the format that it prefers."""
    toml = tmp_path / "tracking.toml"
    toml.write_text(
        "EVENT_TRACKING_ENABLED = true\n"
        '[EVENT_TRACKING_BACKENDS.log]\nENGINE = "a.Log"\nOPTIONS = { path = "x.log", mode = 1 }\n'
    )
    settings = {"EVENT_TRACKING_ENABLED": True, **backends(log=LOG)}
    file = tmp_path / "tracking.json"
    file.write_text(json.dumps(settings))

    assert load(toml) == load(str(file)) == load(settings) == settings


def test_later_sources_win_and_mappings_are_merged_recursively(tmp_path):
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


def test_an_entry_with_a_different_engine_replaces_the_options():
    """A network backend has no use for the options of a log file."""
    network = {"ENGINE": "a.Network", "OPTIONS": {"host": "h"}}

    assert load(backends(out=LOG), backends(out=network)) == backends(out=network)


def test_a_reference_replaces_a_reference():
    """A merged `{"ENV": ..., "FILE": ...}` would not be a reference."""
    assert load({"x": {"ENV": "A"}}, {"x": {"FILE": "b"}}) == {"x": {"FILE": "b"}}
    assert load({"x": {"ENV": "A"}}, {"x": {"y": 1}}) == {"x": {"y": 1}}


def test_sources_are_not_changed():
    """Changing loaded settings does not change the mapping they were loaded from."""
    base, addition = backends(log=LOG), backends(log={"OPTIONS": {"path": "z"}})

    loaded = load(base, addition)
    loaded["EVENT_TRACKING_BACKENDS"]["log"]["OPTIONS"]["mode"] = 2

    assert (base, LOG["OPTIONS"]["mode"]) == (backends(log=LOG), 1)


def test_environment_variables_are_decoded_as_json_or_kept_as_text(monkeypatch):
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


def test_empty_variables_and_the_name_of_the_settings_file_are_ignored(monkeypatch):
    """`EVENT_TRACKING_ENABLED=` in a compose file means that the variable is not set."""
    monkeypatch.setenv("EVENT_TRACKING_ENABLED", "")
    monkeypatch.setenv("EVENT_TRACKING_CONFIG", "tracking.toml")

    assert load(os.environ) == {}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("settings.yaml", "a: 1", "its name must end in .toml or .json"),
        ("settings.toml", "a = ", "Invalid value"),
        ("settings.json", "{", "line 1 column 2"),
        ("settings.json", "[1]", "must contain names and values, not a list"),
        ("settings.json", "[" * 100_000, "nested more than 100 levels deep"),
    ],
)
def test_an_invalid_file_is_reported_with_the_reason(tmp_path, name, content, reason):
    """The operator sees which file is invalid."""
    file = tmp_path / name
    file.write_text(content)

    with pytest.raises(ImproperlyConfigured) as raised:
        load(file)

    assert reason in str(raised.value)
    assert name in str(raised.value) or "nested" in reason


def test_all_unreadable_files_are_reported_at_once(tmp_path):
    """An operator can fix all of them together."""
    with pytest.raises(ImproperlyConfigured) as raised:
        load(tmp_path / "one.toml", {}, tmp_path / "two.json", 3)

    lines = str(raised.value).splitlines()

    assert ["one.toml" in lines[0], "two.json" in lines[1], "got int" in lines[2]] == [True] * 3


def test_a_byte_order_mark_is_accepted(tmp_path):
    """Some editors write one, which is invisible."""
    file = tmp_path / "s.toml"
    file.write_text("a = 1\r\n", encoding="utf-8-sig")

    assert load(file) == {"a": 1}


def test_loading_without_sources_returns_an_empty_dict():
    """It is not an error."""
    assert load() == {}
