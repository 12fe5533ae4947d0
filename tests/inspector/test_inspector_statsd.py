"""The stand-in for DogStatsD: every kind of line, valid and invalid."""

import json

import pytest
from inspector_client import NOW

from eventtracking.inspector.datadog.statsd import MAX_DATAGRAM_BYTES, receive

STAMP = int(NOW)


def receive_line(line):
    [only] = receive(line.encode(), NOW)
    return only


@pytest.mark.parametrize(
    ("line", "name", "kind", "values"),
    [
        ("edx.x:1|c", "edx.x", "count", [1]),
        ("edx.x:-1|c|#env:test", "edx.x", "count", [-1]),
        ("edx.g:5.5|g|@0.5", "edx.g", "gauge", [5.5]),
        ("edx.t:1.12e-06|ms", "edx.t", "timing", [1.12e-06]),
        ("edx.h:1:2:3|h", "edx.h", "histogram", [1, 2, 3]),
        ("edx.d:7|d|#a,b:c|c:ci-1|e:it-1|card:low", "edx.d", "distribution", [7]),
        ("edx.s:user 1|s", "edx.s", "set", ["user 1"]),
        (f"edx.gt:5|g|#env:test|T{STAMP}", "edx.gt", "gauge", [5]),
        (f"edx.ct:5|c|T{STAMP - 3600}", "edx.ct", "count", [5]),
    ],
)
def test_a_metric_is_parsed(line, name, kind, values):
    """With several values in one line, and with the fields of newer clients."""
    found = receive_line(line)
    payload = json.loads(found.payload)

    assert (found.name, found.reasons) == (name, ())
    assert (payload["metric"], payload["type"], payload["values"]) == (name, kind, values)
    assert payload["line"] == line


def test_the_fields_after_the_type_are_in_the_payload():
    """Tests can check them."""
    payload = json.loads(receive_line(f"m:1|c|@0.5|#a:b,c|c:ci|e:ext|card:high|T{STAMP}").payload)

    assert payload["tags"] == ["a:b", "c"]
    assert (payload["sample_rate"], payload["timestamp"]) == (0.5, STAMP)
    assert (payload["container"], payload["external_data"]) == ("ci", "ext")
    assert payload["cardinality"] == "high"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nothing", "must be name:value|type"),
        (":1|c", "must be name:value|type"),
        ("1x:1|c", "start with a letter"),
        ("a-b:1|c", "start with a letter"),
        ("a|b:1|c", "start with a letter"),
        (f"{'a' * 201}:1|c", "at most 200"),
        ("m:1", "type must be one of"),
        ("m:1|x", "type must be one of"),
        ("m:|c", "must be a number"),
        ("m:one|c", "must be a number"),
        ("m:nan|g", "must be a number"),
        ("m:inf|g", "must be a number"),
        ("m:1_0|c", "must be a number"),
        ("m:1:x|h", "must be a number"),
        ("m:|s", "a set must have a value"),
        ("m:1|c|@0", "sample rate"),
        ("m:1|c|@1.1", "sample rate"),
        ("m:1|c|@x", "sample rate"),
        ("m:1|c|#1tag", "start with a letter"),
        ("m:1|c|#a+b", "may contain letters"),
        (f"m:1|c|#{'t' * 201}", "at most 200"),
        ("m:1|c|?", "unknown field"),
        ("m:1|c|card:all", "unknown field"),
        ("m:1|c|c:", "unknown field"),
        (f"m:1|h|T{STAMP}", "only a count or a gauge"),
        ("m:1|c|Tnow", "whole number of seconds"),
        (f"m:1|c|T{STAMP - 3601}", "more than an hour in the past"),
        (f"m:1|c|T{STAMP + 601}", "more than ten minutes in the future"),
    ],
)
def test_a_metric_that_the_agent_would_drop_or_change_is_bad(line, reason):
    """Each has the reason for it."""
    assert any(reason in each for each in receive_line(line).reasons), receive_line(line).reasons


@pytest.mark.parametrize("length", [199, 200])
def test_names_and_tags_may_have_200_characters_in_a_line(length):
    """At and below the limit."""
    assert receive_line(f"{'a' * length}:1|c|#{'t' * length}").reasons == ()


def test_an_event_has_its_lengths_in_bytes_of_utf8():
    """The title may be in any language. A newline is two characters, a backslash and an n."""
    text = "line1\\nline2"
    stamp = "d:1700000000|h:h1|k:k|p:low|s:my_apps|t:info|#a:b,env:test"
    found = receive_line(f"_e{{8,{len(text)}}}:Title é|{text}|{stamp}")
    payload = json.loads(found.payload)

    assert (found.name, found.reasons) == ("Title é", ())
    assert payload["text"] == "line1\nline2"
    assert (payload["host"], payload["tags"]) == ("h1", ["a:b", "env:test"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("_e{1}:t|t", "lengths"),
        ("_e{7,1}:Title é|t", "lengths"),
        ("_e{1,2}:t|t", "lengths"),
        ("_e{1,1}:t|tt", "lengths"),
        ("_e{0,1}:|t", "must have a title"),
        ("_e{1,1}:t|t|p:high", "priority"),
        ("_e{1,1}:t|t|t:fatal", "alert_type"),
        ("_e{1,1}:t|t|d:now", "date_happened"),
        ("_e{1,1}:t|t|?", "unknown field"),
        (f"_e{{1,4001}}:t|{'x' * 4001}", "at most 4000"),
    ],
)
def test_an_invalid_event_is_bad(line, reason):
    """With a wrong length, the rest of the line cannot be parsed."""
    assert any(reason in each for each in receive_line(line).reasons), receive_line(line).reasons


def test_a_text_may_have_4000_characters():
    """At the limit."""
    assert receive_line(f"_e{{1,4000}}:t|{'x' * 4000}").reasons == ()


@pytest.mark.parametrize("status", range(4))
def test_a_service_check_is_parsed(status):
    """The official client adds its container after the message."""
    found = receive_line(f"_sc|svc|{status}|d:{STAMP}|h:h|#a,env:test|m:m\\: x\\ny|c:ci")
    payload = json.loads(found.payload)

    assert (found.name, found.reasons) == ("svc", ())
    assert (payload["status"], payload["hostname"]) == (str(status), "h")
    assert (payload["tags"], payload["container"]) == (["a", "env:test"], "ci")


@pytest.mark.parametrize(
    "line",
    ["_sc||0", "_sc|svc", "_sc|svc|4", "_sc|svc|0|d:x", "_sc|svc|0|?", "_sc|svc|0|Tnow"],
)
def test_an_invalid_service_check_is_bad(line):
    """It must have a name and one of four statuses."""
    assert receive_line(line).reasons


def test_a_service_check_may_have_the_timestamp_of_a_metric():
    """The field is undocumented there, so it is not checked."""
    assert receive_line(f"_sc|svc|0|T{STAMP}").reasons == ()


def test_a_datagram_holds_several_lines():
    """With or without a newline at its end."""
    assert [each.name for each in receive(b"a:1|c\nb:2|g\n", NOW)] == ["a", "b"]


@pytest.mark.parametrize(("size", "bad"), [(8191, 0), (8192, 0), (8193, 1)])
def test_a_datagram_over_the_limit_of_the_agent_is_truncated(size, bad):
    """The last line is bad then; the ones before are not."""
    lines = [b"a:1|c|#tag:" + b"x" * 100] * 73
    rest = size - sum(len(line) + 1 for line in lines) - len("b:1|s")
    found = receive(b"\n".join([*lines, b"b:1%s|s" % (b"1" * rest)]), NOW)

    assert MAX_DATAGRAM_BYTES == 8192
    assert [bool(each.reasons) for each in found] == [False] * 73 + [bool(bad)]


def test_a_line_that_is_not_utf8_is_bad():
    """Its invalid bytes are shown as replacement characters."""
    [only] = receive(b"m\xff:1|c", NOW)

    assert only.reasons == ("a line must be UTF-8",)
