"""The table that turns events into metrics: what it may hold, and what becomes of values."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

import pytest
from datadog_agent import event, udp_agent
from eventtracking.destinations.datadog.names import MAX_CHARACTERS, TagValues, metric_name, tag
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtracking.backends.datadog import DatadogBackend
from eventtracking.exceptions import ImproperlyConfigured

pytest.importorskip("datadog")

ROW = {
    "event": "shop.order.*",
    "metric": "amount",
    "type": "distribution",
    "value": "data.amount",
    "tags": {"mode": "data.mode"},
}


def measured(rows, *events, **options):
    """Return the metrics of *events*, without the counter of all events."""
    with udp_agent() as agent:
        backend = DatadogBackend(metrics=rows, flush_interval=60.0, **agent.options, **options)
        for each in events:
            backend.send(each)
        found = agent.metrics(backend)
        backend.close(5)
    return [each for each in found if each.name != "eventtracking.events"]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (5, "metrics[0] must be a table with event, metric, type, value, tags, got 5"),
        ({**ROW, "type": "gague"}, "metrics[0]['type'] must be one of increment, gauge"),
        ({**ROW, "type": "gague"}, "got 'gague'. Did you mean 'gauge'?"),
        ({**ROW, "type": ["gauge"]}, "metrics[0]['type'] must be one of"),
        ({**ROW, "event": ""}, "metrics[0]['event'] must be the name of events"),
        ({**ROW, "metric": "|1\n"}, "metrics[0]['metric'] must be a name such as 'orders'"),
        ({**ROW, "metric": None}, "metrics[0]['metric'] must be a name such as 'orders'"),
        ({**ROW, "value": "data..amount"}, "metrics[0]['value'] must be a path into the event"),
        ({**ROW, "value": 5}, "metrics[0]['value'] must be a path into the event"),
        ({**ROW, "value": None}, "['value'] must be a path such as 'data.amount' for a distri"),
        ({**ROW, "value": "contxt.x"}, "got 'contxt.x'. Did you mean 'context'?"),
        ({**ROW, "tags": ["mode"]}, "metrics[0]['tags'] must be a table such as"),
        ({**ROW, "tags": {"a,b": "data.x"}}, "must have keys of a letter, then A-Z a-z 0-9"),
        ({**ROW, "tags": {"mode": ""}}, "metrics[0]['tags']['mode'] must be a path"),
        ({**ROW, "tag": {}}, "metrics[0] has no key 'tag'; it may have event, metric, type"),
        ({**ROW, "tag": {}}, "Did you mean 'tags'?"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place_its_value_and_the_cure(row, complaint):
    """Whoever starts the program reads which line of the settings to mend."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(complaint)) as caught:
        DatadogBackend(metrics=[row])

    assert str(caught.value).startswith("DatadogBackend: ")


def test_every_wrong_row_is_named_at_once():
    """The settings are mended in one go."""
    with pytest.raises(ImproperlyConfigured) as caught:
        DatadogBackend(metrics=[ROW, {**ROW, "type": "x"}, {**ROW, "event": 1, "metric": 2}])

    lines = str(caught.value).split("\n")
    assert [line[:26] for line in lines] == ["DatadogBackend: metrics[1]"] + [
        "DatadogBackend: metrics[2]"
    ] * 2


@pytest.mark.parametrize("metrics", ["rows", ROW, None, 5])
def test_a_table_that_is_no_list_of_rows_is_refused(metrics):
    """One row on its own is the likeliest slip."""
    with pytest.raises(ImproperlyConfigured, match="metrics must be a list of tables"):
        DatadogBackend(metrics=metrics)


@pytest.mark.parametrize(
    ("kind", "mark"),
    [
        ("increment", "c"),
        ("gauge", "g"),
        ("histogram", "h"),
        ("distribution", "d"),
        ("timing", "ms"),
    ],
)
def test_a_row_of_each_type_becomes_a_metric_of_that_type(kind, mark):
    """A timing is sent as it is: milliseconds."""
    [found] = measured([{**ROW, "type": kind}], event(data={"amount": 2.5, "mode": "honor"}))

    assert found == ("eventtracking.amount", "2.5", mark, ("mode:honor",))


def test_an_increment_without_a_value_counts_events():
    """Three events, one line that says three."""
    row = {"event": "*.placed", "metric": "orders", "type": "increment"}
    [found] = measured([row], event(), event(), event(), event("shop.order.paid"))

    assert found == ("eventtracking.orders", "3", "c", ())


def test_a_gauge_tells_the_last_value_of_a_batch():
    """What it was before is of the past."""
    events = [event(data={"amount": amount}) for amount in (3, 1, 2)]

    assert [each.value for each in measured([{**ROW, "type": "gauge"}], *events)] == ["2"]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "0"), (-3, "-3"), (0.5, "0.5"), (Decimal("12.50"), "12.5"), (10**30, "1e+30")],
)
def test_every_finite_number_is_measured(amount, shown):
    """Money is often a Decimal."""
    assert [each.value for each in measured([ROW], event(data={"amount": amount}))] == [shown]


@pytest.mark.parametrize(
    "amount",
    [
        None, "5", "", True, False, math.nan, math.inf, -math.inf, 10**400, Decimal("sNaN"),
        Decimal("Infinity"), [1], {"x": 1}, 1j, object(),
    ],
)  # fmt: skip
def test_a_value_that_is_no_number_is_skipped_and_said_once(amount, caplog):
    """The event is no loss: it is counted, and only this metric of it is missing."""
    with udp_agent() as agent:
        backend = DatadogBackend(metrics=[ROW], flush_interval=60.0, **agent.options)
        for _ in range(3):
            backend.send(event(data={"amount": amount}))
        found = agent.metrics(backend)

        assert [(each.name, each.value) for each in found] == [("eventtracking.events", "3")]
        assert backend.stats() == {"accepted": 3, "sent": 3, "pending": 0, "lost": {}}
        backend.close(5)
    said = "Skipped 1 value(s) of the Datadog metric eventtracking.amount: "
    assert caplog.messages == [f"{said}data.amount is missing or not a number"]


@pytest.mark.parametrize("data", [None, 5, [], "text", {"amount": None}])
def test_data_of_any_kind_is_looked_into_without_an_error(data):
    """A payload of another shape has no such value."""
    assert measured([ROW], {**event(), "data": data}) == []


def test_what_leads_through_a_foreign_mapping_is_found_or_missing():
    """An object whose code fails has no values, and breaks nothing."""

    class Failing(dict):
        def get(self, *_):
            raise RuntimeError

        def __getitem__(self, key):
            raise RuntimeError

    class Unreadable(Mapping):
        def __getitem__(self, key):
            raise RuntimeError

        def __len__(self):
            raise RuntimeError

        def __iter__(self):
            raise RuntimeError

    [found] = measured([ROW], {**event(), "data": Failing(amount=7)})

    assert found.value == "7"
    assert measured([ROW], {**event(), "data": Unreadable()}) == []


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("honor", ("mode:honor",)),
        (5, ("mode:5",)),
        (True, ("mode:true",)),
        (False, ("mode:false",)),
        (None, ()),
        ("", ()),
        ([1], ()),
        ({"a": 1}, ()),
        ("course-v1:edX+Demo+2026", ("mode:course-v1:edX_Demo_2026",)),
        ("Überkurs", ("mode:Überkurs",)),
        ("\ud800", ("mode:_",)),
        ("x" * 300, (f"mode:{'x' * 195}",)),
    ],
)
def test_the_value_of_a_tag_is_shown_as_datadog_takes_it(value, tags):
    """Course keys lose their pluses; what is nothing, or a container, is no tag."""
    assert [each.tags for each in measured([ROW], event(data={"amount": 1, "mode": value}))] == [
        tags
    ]


INJECTIONS = ["a\nb:1|c", "a|c|#x:y", "a,b:c", "a@0.5", "a#b", "a:1|c\nz", "a\r\nb", "a\0b", "a b"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_nothing_breaks_out_of_the_name_of_an_event_or_a_metric_or_a_tag(text):
    """An event made by a visitor writes no line, field or tag of its own."""
    row = {"event": "*", "metric": text, "type": "increment", "tags": {"mode": "data.mode"}}
    with udp_agent() as agent:
        backend = DatadogBackend(metrics=[row], flush_interval=60.0, **agent.options)
        backend.send(event(text, {"mode": text}, text))
        counter, own = agent.metrics(backend)
        backend.close(5)
    cleaned = re.sub(r"[^\w.:]", "_", text)

    assert counter == ("eventtracking.events", "1", "c", (f"event:{cleaned}", f"source:{cleaned}"))
    assert own.name == f"eventtracking.{re.sub(r'[^A-Za-z0-9_.]', '_', text)}"
    assert own.tags == (f"mode:{cleaned}",)


def test_values_beyond_the_bound_become_other_with_one_warning_for_each_tag(caplog):
    """A user id in a tag costs a warning, not a fortune."""
    row = {**ROW, "type": "increment", "value": None}
    with udp_agent() as agent:
        backend = DatadogBackend(
            metrics=[row], max_tag_values=3, flush_interval=60.0, **agent.options
        )
        for number in range(10):
            name = f"shop.order.{number}"
            backend.send(event(name, {"mode": f"m{number}"}))
            backend.send(event("shop.order.0", {"mode": "m0"}))
        found = agent.metrics(backend)
        backend.close(5)
    modes = {each.tags: each.value for each in found if each.name == "eventtracking.amount"}
    counted = {each.tags[0]: each.value for each in found if each.name == "eventtracking.events"}

    assert modes == {
        ("mode:m0",): "11", ("mode:m1",): "1", ("mode:m2",): "1", ("mode:other",): "7"
    }  # fmt: skip
    assert counted == {
        "event:shop.order.0": "11",
        "event:shop.order.1": "1",
        "event:shop.order.2": "1",
        "event:other": "7",
    }
    assert sorted(caplog.messages) == [
        f"The tag {key} has more than 3 values for Datadog: new ones become other"
        for key in ("event", "mode")
    ]


@pytest.mark.parametrize("most", [1, 2])
def test_the_bound_itself_still_passes(most):
    """So many values, and not one less."""
    values = TagValues("k", most)
    tags = [values.tag(f"v{number}") for number in range(3)]

    assert tags == [f"k:v{n}" if n < most else "k:other" for n in range(3)]
    assert values.tag("v0") == "k:v0"


@pytest.mark.parametrize("length", [199, 200, 201])
def test_names_and_tags_have_at_most_200_characters(length):
    """What is longer is cut here, where it is known, and not by Datadog."""
    assert len(metric_name("m" * length)) == min(length, MAX_CHARACTERS)
    assert len(tag("t" * length)) == min(length, MAX_CHARACTERS)


def test_many_names_of_events_take_no_more_memory_than_a_bound():
    """Names made up on the fly are forgotten again."""
    backend = DatadogBackend()
    for number in range(10_000):
        backend._table.encode(event(f"name.{number}"))

    assert len(backend._table._plans) <= 4_096
    assert len(backend._table._counts) <= 4_096
    backend.close(0)


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=300))
def test_any_text_makes_a_clean_name_and_a_clean_tag_or_none(text):
    """Whatever stands in the settings or in an event."""
    name, found = metric_name(text), tag(text)

    assert name == "" or re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]{0,199}", name)
    assert found == "" or (found[0].isalpha() and re.fullmatch(r"[\w\-:./]{1,200}", found))
    found.encode()


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1), st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_any_event_becomes_datagrams_that_read_back_as_exactly_its_metrics(name, mode, amount):
    """No name, tag or number makes another metric, or spoils one."""
    row = {**ROW, "event": "*"}
    with udp_agent() as agent:
        backend = DatadogBackend(metrics=[row], flush_interval=60.0, **agent.options)
        backend.send(event(name, {"amount": amount, "mode": mode}, mode))
        counter, own = agent.metrics(backend)
        backend.close(5)

    assert (counter.name, counter.value, counter.kind) == ("eventtracking.events", "1", "c")
    assert (own.name, float(own.value), own.kind) == ("eventtracking.amount", amount, "d")
