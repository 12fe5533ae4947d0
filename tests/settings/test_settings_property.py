"""Arbitrary settings build a tracker, or raise one error."""

import json
import re

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.settings import build, describe, load
from eventtracking.tracker import Tracker

ENGINES = st.sampled_from(
    [
        *("settings_fakes.Keeper", "settings_fakes.Breaking", "settings_fakes.Picky"),
        *("settings_fakes.Tag", "settings_fakes.NoSend", "settings_fakes.PositionalOnly"),
        *(
            "eventtracking.backends.routing.RoutingBackend",
            "settings_fakes.UnprintableFailure",
            "no.such",
            "x",
        ),
    ]
)
KEYS = st.sampled_from(
    [
        *("ENGINE", "OPTIONS", "ENV", "FILE", "label", "write_key", "extra", "backends"),
        *("processors", "value", "x"),
    ]
)
SETTINGS = st.sampled_from(
    [f"EVENT_TRACKING_{name}" for name in ("ENABLED", "TIME_ZONE", "PROCESSORS", "BACKENDS", "X")]
)
LEAVES = ENGINES | st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()


def nested(inner):
    return (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4)
        | st.builds(lambda engine, options: {"ENGINE": engine, "OPTIONS": options}, ENGINES, inner)
        | st.dictionaries(st.integers() | st.booleans(), inner, max_size=2)
    )


# Building the strategies takes longer than the deadline on a busy machine.
patient = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

VALUES = st.recursive(LEAVES, nested, max_leaves=12)


@patient
@given(st.dictionaries(SETTINGS | st.text(max_size=3), VALUES, max_size=5))
def test_any_mapping_builds_or_raises_one_error_with_a_line_a_problem(settings):
    """No other exception is raised, and no line is empty."""
    try:
        tracker = build(settings)
    except ImproperlyConfigured as error:
        lines = str(error).splitlines()
        assert lines
        assert all(line.startswith("EVENT_TRACKING_") and ": " in line for line in lines)
    else:
        assert isinstance(tracker, Tracker)


@patient
@given(st.dictionaries(SETTINGS, VALUES, max_size=5))
def test_any_mapping_can_be_described(settings):
    """Every setting appears in the tree."""
    lines = describe(settings).splitlines()

    assert [re.split(" |:", line)[0] for line in lines if line.startswith("EVENT_TRACKING_")] == [
        f"EVENT_TRACKING_{name}" for name in ("ENABLED", "TIME_ZONE", "PROCESSORS", "BACKENDS")
    ]


@patient
@given(st.lists(st.dictionaries(SETTINGS | KEYS, VALUES, max_size=4), max_size=4))
def test_the_last_source_always_wins(sources):
    """Each value in the last source that is not a mapping is in the result, unchanged."""
    merged = load(*sources)

    for name, value in (sources[-1] if sources else {}).items():
        if not isinstance(value, dict):
            assert merged[name] is value


@patient
@given(st.text(min_size=8).filter(lambda text: text.strip() and "*" not in text))
def test_no_secret_is_ever_shown(made_up):
    """Any characters may be in it."""
    secret = f"sk{made_up}"
    entry = {"ENGINE": "settings_fakes.Picky", "OPTIONS": {"write_key": secret}}
    settings = {"EVENT_TRACKING_BACKENDS": {"x": entry}}

    try:
        build(settings)
    except ImproperlyConfigured as error:
        shown = str(error) + describe(settings)
    assert "got '********'" in shown or 'got "********"' in shown
    assert all(form not in shown for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]))
