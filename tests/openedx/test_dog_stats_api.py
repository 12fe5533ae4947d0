"""Metrics for Datadog, as the Open edX platform reported them."""

import socket
import sys
import time
from contextlib import contextmanager

import pytest

from eventtracking import tracker
from eventtracking.backends.datadog import DatadogBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.openedx import dog_stats_api
from eventtracking.stats import LogThrottle
from eventtracking.tracker import Tracker

datadog = pytest.importorskip("datadog")

HANG_SECONDS = 120

pytestmark = pytest.mark.filterwarnings("ignore:dog_stats_api:DeprecationWarning")


@contextmanager
def listening():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(HANG_SECONDS)
        yield listener


@pytest.fixture
def registered(monkeypatch):
    """Return a function that registers a default tracker with the given backends."""
    monkeypatch.setattr(tracker, "TRACKERS", {})

    def register(**backends):
        tracker.register_tracker(Tracker(backends=backends))

    return register


@pytest.fixture
def sent(registered):
    """Return a function that makes a call and returns the line that the backend sends."""
    with listening() as listener:
        backend = DatadogBackend(statsd_port=listener.getsockname()[1])
        registered(router=RoutingBackend(backends={"datadog": backend}))

        def call(function, *args, **options):
            function(*args, **options)

            assert backend.flush(HANG_SECONDS)
            return listener.recv(9000).decode()

        yield call
        backend.close(0)


@pytest.mark.parametrize(
    ("name", "args", "line"),
    [
        ("increment", ("course_email.sent",), "course_email.sent:1|c\n"),
        ("increment", ("course_email.sent", 5), "course_email.sent:5|c\n"),
        ("gauge", ("tasks.waiting", 2.5), "tasks.waiting:2.5|g\n"),
        ("histogram", ("tasks.time", 7), "tasks.time:7|h\n"),
    ],
)
def test_a_metric_is_sent_by_the_backend_of_the_tracker(sent, name, args, line):
    """Without a prefix, so that existing dashboards keep working."""
    assert sent(getattr(dog_stats_api, name), *args) == line


@pytest.mark.parametrize(
    ("name", "args", "named", "line"),
    [
        ("increment", ("x",), {"sample_rate": 0.5}, "x:1|c\n"),
        ("increment", ("x", 4, None, ["a:b"]), {}, "x:4|c|#a:b\n"),
        ("increment", ("x", 4, 1767225600, ("a:b",), 0.5, "web-1"), {}, "x:4|c|#a:b\n"),
        ("increment", ("x", 4, ["a:b"]), {}, "x:4|c|#a:b\n"),
        ("increment", (), {"metric_name": "x", "value": 2, "host": "web-1"}, "x:2|c\n"),
        ("increment", (), {"metric": "x", "timestamp": 5, "whatever": 1}, "x:1|c\n"),
        ("gauge", ("x", 2, None, ["a:b"], 1), {}, "x:2|g|#a:b\n"),
        ("gauge", (), {"metric_name": "x", "value": 2, "sample_rate": 0.5}, "x:2|g\n"),
        ("histogram", ("x", 2, None, ["a:b"], 1, None), {}, "x:2|h|#a:b\n"),
        ("histogram", ("x",), {"value": 2, "tags": {"a:b"}}, "x:2|h|#a:b\n"),
    ],
)
def test_the_arguments_of_dogapi_are_accepted(sent, name, args, named, line):
    """By position and by name. Obsolete arguments are ignored, and the full value is sent."""
    assert sent(getattr(dog_stats_api, name), *args, **named) == line


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("x", 0.5, ["a:b"], "web-1"), {}),
        (("x",), {"sample_rate": 1, "tags": iter(["a:b"])}),
        ((), {"metric_name": "x", "tags": ["a:b"], "host": None}),
    ],
)
def test_a_timer_accepts_the_arguments_of_dogapi(sent, args, named):
    """It has no value and no timestamp."""

    def block():
        with dog_stats_api.timer(*args, **named):
            pass

    line = sent(block)

    assert line.startswith("x:")
    assert line.endswith("|h|#a:b\n")


class Unprintable:
    """An object without a text."""

    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ("a:b", "x:1|c|#a:b\n"),
        ([5, None, "k:v"], "x:1|c|#None,k:v\n"),
        (5, "x:1|c\n"),
        ([], "x:1|c\n"),
        ([Unprintable()], "x:1|c|#unserializable_Unprintable_\n"),
    ],
)
def test_tags_of_any_type_are_accepted(sent, tags, line):
    """Values that can be converted to tags are reported."""
    assert sent(dog_stats_api.increment, "x", tags=tags) == line


def test_tags_are_cleaned_and_shortened(sent):
    """A vertical bar would end the tags, and becomes an underscore as on the platform."""
    line = sent(dog_stats_api.increment, "a", tags=["action:x|y", "k:" + "v" * 300, "course:a+b"])

    assert line == f"a:1|c|#action:x_y,k:{'v' * 198},course:a_b\n"


@pytest.mark.parametrize("name", ["a\nb:1|c", "a|c", "a:2|g\nc"])
def test_a_name_cannot_inject_a_second_metric(sent, name):
    """One call is one line."""
    line = sent(dog_stats_api.increment, name)

    assert line.count("\n") == 1
    assert line.endswith(":1|c\n")
    assert line.count("|") == 1


def test_a_timer_reports_seconds_as_a_histogram(sent):
    """Not milliseconds and not a timing, for which dashboards would have to change."""

    def block():
        with dog_stats_api.timer("tasks.time", tags=["action:x"]):
            time.sleep(0.05)

    name, _, rest = sent(block).partition(":")
    value, kind, tags = rest.split("|")

    assert (name, kind, tags) == ("tasks.time", "h", "#action:x\n")
    assert 0.04 < float(value) < HANG_SECONDS


def test_a_timer_decorates_a_function_and_measures_each_call(sent):
    """Its return value and its exceptions are unchanged."""

    @dog_stats_api.timer("tasks.time")
    def work(number):
        if not number:
            raise ValueError(number)
        return number

    assert sent(lambda: work(1)).startswith("tasks.time:")
    assert work(3) == 3
    with pytest.raises(ValueError, match="0"):
        work(0)


def test_a_value_that_is_not_a_number_is_skipped(registered, monkeypatch, caplog):
    """It is logged once, and nothing is raised: a metric must not break a request."""
    monkeypatch.setattr(dog_stats_api, "_throttle", LogThrottle())
    backend = DatadogBackend()
    registered(datadog=backend)
    for _ in range(3):
        dog_stats_api.gauge("a", None)
    dog_stats_api.histogram("", 1)

    assert backend.stats()["accepted"] == 0
    assert caplog.messages == [
        f"{name} is not reported: it needs a name and a number" for name in ("a", "")
    ]
    backend.close(0)


@pytest.mark.parametrize("name", ["increment", "gauge", "histogram"])
@pytest.mark.parametrize("metric", [None, 5, b"a.b", ["a"], {}, Unprintable()])
def test_a_name_that_is_not_text_is_skipped(registered, monkeypatch, caplog, name, metric):
    """It is logged once a minute."""
    monkeypatch.setattr(dog_stats_api, "_throttle", LogThrottle())
    backend = DatadogBackend()
    registered(datadog=backend)
    for _ in range(3):
        getattr(dog_stats_api, name)(metric, 1)

    assert backend.stats()["accepted"] == 0
    [message] = caplog.messages
    assert message.endswith(" is not reported: it needs a name and a number")
    backend.close(0)


def test_a_call_without_arguments_reports_nothing(registered):
    """It does not raise."""
    backend = DatadogBackend()
    registered(datadog=backend)
    for name in ("increment", "gauge", "histogram"):
        getattr(dog_stats_api, name)()
    with dog_stats_api.timer():
        pass

    assert backend.stats()["accepted"] == 0
    backend.close(0)


def test_without_a_backend_the_configured_client_is_used(registered, monkeypatch):
    """`datadog.initialize` keeps its effect."""
    with listening() as listener:
        client = datadog.dogstatsd.DogStatsd(
            host="127.0.0.1", port=listener.getsockname()[1], disable_telemetry=True,
            origin_detection_enabled=False,
        )  # fmt: skip
        monkeypatch.setattr(datadog, "statsd", client)
        dog_stats_api.increment("a\nb:1|c", tags=["x|y", "course:a+b"])

        assert listener.recv(9000) == b"a_b_1_c:1|c|#x_y,course:a_b\n"
        client.close_socket()


def test_without_any_client_metrics_are_dropped_with_a_warning(registered, monkeypatch, caplog):
    """A platform without Datadog keeps running."""
    monkeypatch.setitem(sys.modules, "datadog", None)
    monkeypatch.setattr(dog_stats_api, "_throttle", LogThrottle())
    for _ in range(3):
        dog_stats_api.increment("a")

    text = "No client for Datadog is installed: metrics are dropped. "
    assert caplog.messages == [f"{text}Run: pip install 'eventtracking[datadog]'"]


@pytest.mark.filterwarnings("default:dog_stats_api:DeprecationWarning")
@pytest.mark.parametrize("name", ["increment", "gauge", "histogram", "timer"])
def test_each_function_is_deprecated_with_its_replacement(name, registered):
    """The warning points to the line of the caller."""
    backend = DatadogBackend()
    registered(datadog=backend)
    args = () if name in ("increment", "timer") else (1,)
    with pytest.warns(DeprecationWarning, match="metrics of DatadogBackend") as caught:
        getattr(dog_stats_api, name)("a", *args)

    assert caught[0].filename == __file__
    backend.close(0)
