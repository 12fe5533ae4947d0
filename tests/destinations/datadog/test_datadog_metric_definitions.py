"""Definitions of metrics: their errors, and the points, names and tags that they produce."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

import pytest
from datadog_agent import event, udp_agent
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtracking.backends.datadog import DatadogBackend
from eventtracking.destinations.datadog.metric_encoder import MetricEncoder
from eventtracking.destinations.datadog.naming import MAX_CHARACTERS, TagValues, metric_name, tag
from eventtracking.exceptions import ImproperlyConfigured

pytest.importorskip("datadog")

AMOUNT = {
    "event": "shop.order.*",
    "metric": "amount",
    "type": "distribution",
    "value": "data.amount",
    "tags": {"mode": "data.mode"},
}


def measured(definitions, *events, **options):
    """Return the metrics of *events*, without the counter of all events."""
    with udp_agent() as agent:
        backend = DatadogBackend(
            metrics=definitions, flush_interval=60.0, **agent.options, **options
        )
        for each in events:
            backend.send(each)
        found = agent.metrics(backend)
        backend.close(5)
    return [each for each in found if each.name != "eventtracking.events"]


@pytest.mark.parametrize(
    ("definition", "complaint"),
    [
        (5, "metrics[0] must be a table with event, metric, type, value, tags, got 5"),
        (
            {**AMOUNT, "type": "gague"},
            "metrics[0]['type'] must be one of 'increment', 'gauge', ",
        ),
        ({**AMOUNT, "type": "gague"}, "got 'gague'. Did you mean 'gauge'?"),
        ({**AMOUNT, "type": ["gauge"]}, "metrics[0]['type'] must be one of"),
        ({**AMOUNT, "event": ""}, "metrics[0]['event'] must be the name of events"),
        ({**AMOUNT, "metric": "|1\n"}, "metrics[0]['metric'] must be a name such as 'orders'"),
        ({**AMOUNT, "metric": None}, "metrics[0]['metric'] must be a name such as 'orders'"),
        (
            {**AMOUNT, "value": "data..amount"},
            "metrics[0]['value'] must be a path into the event",
        ),
        ({**AMOUNT, "value": 5}, "metrics[0]['value'] must be a path into the event"),
        (
            {**AMOUNT, "value": None},
            "such as 'data.amount', got None: only an increment needs no",
        ),
        ({**AMOUNT, "value": "contxt.x"}, "got 'contxt.x'. Did you mean 'context'?"),
        ({**AMOUNT, "tags": ["mode"]}, "metrics[0]['tags'] must be a table such as"),
        ({**AMOUNT, "tags": {"a,b": "data.x"}}, "must have keys of a letter, then A-Z a-z 0-9"),
        ({**AMOUNT, "tags": {"mode": ""}}, "metrics[0]['tags']['mode'] must be a path"),
        ({**AMOUNT, "tag": {}}, "metrics[0] has no key 'tag', only event, metric, type"),
        ({**AMOUNT, "tag": {}}, "Did you mean 'tags'?"),
    ],
)
def test_a_wrong_definition_is_an_error_that_says_what_is_right(definition, complaint):
    """It names the place in the settings and the value."""
    with pytest.raises(ImproperlyConfigured, match=re.escape(complaint)) as caught:
        DatadogBackend(metrics=[definition])

    assert str(caught.value).startswith("DatadogBackend: ")


def test_every_wrong_definition_is_reported_in_the_same_error():
    """The operator can correct all of them at once."""
    with pytest.raises(ImproperlyConfigured) as caught:
        DatadogBackend(
            metrics=[
                AMOUNT,
                {**AMOUNT, "type": "x"},
                {**AMOUNT, "event": 1, "metric": 2},
            ]
        )

    lines = str(caught.value).split("\n")
    assert [line[:26] for line in lines] == ["DatadogBackend: metrics[1]"] + [
        "DatadogBackend: metrics[2]"
    ] * 2


@pytest.mark.parametrize("metrics", ["rows", AMOUNT, None, 5])
def test_metrics_must_be_a_list(metrics):
    """A single definition without a list is a likely mistake."""
    with pytest.raises(ImproperlyConfigured, match="metrics must be a list, got"):
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
def test_a_definition_of_each_type_produces_a_metric_of_that_type(kind, mark):
    """A timing is sent unchanged, in milliseconds."""
    [found] = measured([{**AMOUNT, "type": kind}], event(data={"amount": 2.5, "mode": "honor"}))

    assert found == ("eventtracking.amount", "2.5", mark, ("mode:honor",))


def test_an_increment_without_a_value_counts_events():
    """Three events are one line with the value 3."""
    definition = {"event": "*.placed", "metric": "orders", "type": "increment"}
    [found] = measured([definition], event(), event(), event(), event("shop.order.paid"))

    assert found == ("eventtracking.orders", "3", "c", ())


def test_a_gauge_has_the_last_value_of_a_batch():
    """Earlier values are replaced."""
    events = [event(data={"amount": amount}) for amount in (3, 1, 2)]

    assert [each.value for each in measured([{**AMOUNT, "type": "gauge"}], *events)] == ["2"]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "0"), (-3, "-3"), (0.5, "0.5"), (Decimal("12.50"), "12.5"), (10**30, "1e+30")],
)
def test_every_finite_number_is_measured(amount, shown):
    """Amounts of money are often decimals."""
    assert [each.value for each in measured([AMOUNT], event(data={"amount": amount}))] == [shown]


@pytest.mark.parametrize(
    "amount",
    [
        None, "5", "", True, False, math.nan, math.inf, -math.inf, 10**400, Decimal("sNaN"),
        Decimal("Infinity"), [1], {"x": 1}, 1j, object(),
    ],
)  # fmt: skip
def test_a_value_that_is_not_a_number_is_skipped_and_logged_once(amount, caplog):
    """The event is still counted. Only this metric has no point."""
    with udp_agent() as agent:
        backend = DatadogBackend(metrics=[AMOUNT], flush_interval=60.0, **agent.options)
        for _ in range(3):
            backend.send(event(data={"amount": amount}))
        found = agent.metrics(backend)

        assert [(each.name, each.value) for each in found] == [("eventtracking.events", "3")]
        assert backend.stats() == {"accepted": 3, "sent": 3, "pending": 0, "lost": {}}
        backend.close(5)
    skipped = "Skipped 1 value(s) of the Datadog metric eventtracking.amount"
    assert caplog.messages == [f"{skipped}: data.amount is missing or not a number"]


@pytest.mark.parametrize("data", [None, 5, [], "text", {"amount": None}])
def test_a_path_may_lead_nowhere(data):
    """Events can have data of another structure."""
    assert measured([AMOUNT], {**event(), "data": data}) == []


def test_a_mapping_that_raises_has_no_values():
    """An error in a class of the application does not affect the backend."""

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

    [found] = measured([AMOUNT], {**event(), "data": Failing(amount=7)})

    assert found.value == "7"
    assert measured([AMOUNT], {**event(), "data": Unreadable()}) == []


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
def test_the_value_of_a_tag_has_only_characters_that_datadog_accepts(value, tags):
    """The plus signs of course keys are replaced. `None` and containers have no tag."""
    assert [each.tags for each in measured([AMOUNT], event(data={"amount": 1, "mode": value}))] == [
        tags
    ]


INJECTIONS = ["a\nb:1|c", "a|c|#x:y", "a,b:c", "a@0.5", "a#b", "a:1|c\nz", "a\r\nb", "a\0b", "a b"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_name_and_no_tag_can_inject_a_line_or_a_field(text):
    """The data of an event may come from a visitor."""
    definition = {"event": "*", "metric": text, "type": "increment", "tags": {"mode": "data.mode"}}
    with udp_agent() as agent:
        backend = DatadogBackend(metrics=[definition], flush_interval=60.0, **agent.options)
        backend.send(event(text, {"mode": text}, text))
        counter, own = agent.metrics(backend)
        backend.close(5)
    cleaned = re.sub(r"[^\w.:]", "_", text)

    assert counter == ("eventtracking.events", "1", "c", (f"event:{cleaned}", f"source:{cleaned}"))
    assert own.name == f"eventtracking.{re.sub(r'[^A-Za-z0-9_.]', '_', text)}"
    assert own.tags == (f"mode:{cleaned}",)


def test_values_beyond_the_limit_become_other_with_one_warning_for_each_tag(caplog):
    """A user id in a tag would otherwise be expensive."""
    definition = {**AMOUNT, "type": "increment", "value": None}
    with udp_agent() as agent:
        backend = DatadogBackend(
            metrics=[definition], max_tag_values=3, flush_interval=60.0, **agent.options
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
        f"The Datadog tag {key} has more than 3 values: new values become other"
        for key in ("event", "mode")
    ]


@pytest.mark.parametrize("max_values", [1, 2])
def test_as_many_values_as_the_limit_are_kept(max_values):
    """And they are kept afterwards."""
    values = TagValues("k", max_values)
    tags = [values.tag(f"v{number}") for number in range(3)]

    assert tags == [f"k:v{n}" if n < max_values else "k:other" for n in range(3)]
    assert values.tag("v0") == "k:v0"


@pytest.mark.parametrize("length", [199, 200, 201])
def test_names_and_tags_have_at_most_200_characters(length):
    """Longer ones are cut here, so that the name is known."""
    assert len(metric_name("m" * length)) == min(length, MAX_CHARACTERS)
    assert len(tag("t" * length)) == min(length, MAX_CHARACTERS)


def test_the_memory_for_generated_names_of_events_is_limited():
    """A program may generate names without end."""
    encoder = MetricEncoder((), is_datadog_event=lambda name: None, prefix="p", max_tag_values=10)
    for number in range(10_000):
        encoder.encode(event(f"name.{number}"))

    assert len(encoder._plans) <= 4_096
    assert len(encoder._counts) <= 4_096


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=300))
def test_any_text_becomes_a_valid_name_and_a_valid_tag_or_is_empty(text):
    """The text may come from the settings or from an event."""
    name, found = metric_name(text), tag(text)

    assert name == "" or re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]{0,199}", name)
    assert found == "" or (found[0].isalpha() and re.fullmatch(r"[\w\-:./]{1,200}", found))
    found.encode()


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1), st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_any_event_becomes_datagrams_with_exactly_its_metrics(name, mode, amount):
    """The agent parses the same metrics, for any name, tag and number."""
    definition = {**AMOUNT, "event": "*"}
    with udp_agent() as agent:
        backend = DatadogBackend(metrics=[definition], flush_interval=60.0, **agent.options)
        backend.send(event(name, {"amount": amount, "mode": mode}, mode))
        counter, own = agent.metrics(backend)
        backend.close(5)

    assert (counter.name, counter.value, counter.kind) == ("eventtracking.events", "1", "c")
    assert (own.name, float(own.value), own.kind) == ("eventtracking.amount", amount, "d")
