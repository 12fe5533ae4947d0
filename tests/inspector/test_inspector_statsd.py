"""DogStatsD's stand-in: every kind of line, and what is wrong with the wrong ones."""

import json

import pytest
from inspector_client import NOW

from eventtracking.inspector.statsd import MAX_DATAGRAM_BYTES, receive

STAMP = int(NOW)


def one(line):
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
def test_a_metric_is_taken_apart(line, name, kind, values):
    """Also several values in one line, and what newer clients add."""
    found = one(line)
    payload = json.loads(found.payload)

    assert (found.name, found.reasons) == (name, ())
    assert (payload["metric"], payload["type"], payload["values"]) == (name, kind, values)
    assert payload["line"] == line


def test_what_follows_the_type_is_in_the_payload():
    """For tests to look at."""
    payload = json.loads(one(f"m:1|c|@0.5|#a:b,c|c:ci|e:ext|card:high|T{STAMP}").payload)

    assert payload["tags"] == ["a:b", "c"]
    assert (payload["sample_rate"], payload["timestamp"]) == (0.5, STAMP)
    assert (payload["container"], payload["external_data"]) == ("ci", "ext")
    assert payload["cardinality"] == "high"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nothing", "must be name:value|type"),
        (":1|c", "must be name:value|type"),
        ("1x:1|c", "starts with a letter"),
        ("a-b:1|c", "starts with a letter"),
        ("a|b:1|c", "starts with a letter"),
        (f"{'a' * 201}:1|c", "at most 200"),
        ("m:1", "type must be one of"),
        ("m:1|x", "type must be one of"),
        ("m:|c", "must be a number"),
        ("m:one|c", "must be a number"),
        ("m:nan|g", "must be a number"),
        ("m:inf|g", "must be a number"),
        ("m:1_0|c", "must be a number"),
        ("m:1:x|h", "must be a number"),
        ("m:|s", "a set needs a value"),
        ("m:1|c|@0", "sample rate"),
        ("m:1|c|@1.1", "sample rate"),
        ("m:1|c|@x", "sample rate"),
        ("m:1|c|#1tag", "starts with a letter"),
        ("m:1|c|#a+b", "holds letters"),
        (f"m:1|c|#{'t' * 201}", "at most 200"),
        ("m:1|c|?", "an unknown field"),
        ("m:1|c|card:all", "an unknown field"),
        ("m:1|c|c:", "an unknown field"),
        (f"m:1|h|T{STAMP}", "only a count or a gauge"),
        ("m:1|c|Tnow", "whole seconds"),
        (f"m:1|c|T{STAMP - 3601}", "more than an hour ago"),
        (f"m:1|c|T{STAMP + 601}", "ten minutes ahead"),
    ],
)
def test_a_metric_that_the_agent_would_spoil_is_bad(line, reason):
    """Each with what it is."""
    assert any(reason in each for each in one(line).reasons), one(line).reasons


@pytest.mark.parametrize("length", [199, 200])
def test_a_name_has_up_to_200_characters(length):
    """And so has a tag."""
    assert one(f"{'a' * length}:1|c|#{'t' * length}").reasons == ()


def test_an_event_has_its_lengths_in_bytes_of_utf8():
    """The title is in any language, and a newline is two signs."""
    text = "line1\\nline2"
    stamp = "d:1700000000|h:h1|k:k|p:low|s:my_apps|t:info|#a:b,env:test"
    found = one(f"_e{{8,{len(text)}}}:Title é|{text}|{stamp}")
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
        ("_e{0,1}:|t", "needs a title"),
        ("_e{1,1}:t|t|p:high", "priority"),
        ("_e{1,1}:t|t|t:fatal", "alert_type"),
        ("_e{1,1}:t|t|d:now", "date_happened"),
        ("_e{1,1}:t|t|?", "unknown field"),
        (f"_e{{1,4001}}:t|{'x' * 4001}", "at most 4000"),
    ],
)
def test_a_wrong_event_is_bad(line, reason):
    """Lengths above all: a wrong one tears the rest."""
    assert any(reason in each for each in one(line).reasons), one(line).reasons


def test_a_text_has_up_to_4000_characters():
    """At its limit."""
    assert one(f"_e{{1,4000}}:t|{'x' * 4000}").reasons == ()


@pytest.mark.parametrize("status", range(4))
def test_a_service_check_is_taken_apart(status):
    """The official client adds who it is after the message."""
    found = one(f"_sc|svc|{status}|d:{STAMP}|h:h|#a,env:test|m:m\\: x\\ny|c:ci")
    payload = json.loads(found.payload)

    assert (found.name, found.reasons) == ("svc", ())
    assert (payload["status"], payload["hostname"]) == (str(status), "h")
    assert (payload["tags"], payload["container"]) == (["a", "env:test"], "ci")


@pytest.mark.parametrize("line", ["_sc||0", "_sc|svc", "_sc|svc|4", "_sc|svc|0|d:x", "_sc|svc|0|?"])
def test_a_wrong_service_check_is_bad(line):
    """It has a name and one of four states."""
    assert one(line).reasons


def test_a_datagram_holds_several_lines():
    """With or without a newline at its end."""
    assert [each.name for each in receive(b"a:1|c\nb:2|g\n", NOW)] == ["a", "b"]


@pytest.mark.parametrize(("size", "bad"), [(8191, 0), (8192, 0), (8193, 1)])
def test_the_agent_cuts_a_longer_datagram(size, bad):
    """The line at the cut is bad; the ones before are not."""
    lines = [b"a:1|c|#tag:" + b"x" * 100] * 73
    room = size - sum(len(line) + 1 for line in lines) - len("b:1|s")
    found = receive(b"\n".join([*lines, b"b:1%s|s" % (b"1" * room)]), NOW)

    assert MAX_DATAGRAM_BYTES == 8192
    assert [bool(each.reasons) for each in found] == [False] * 73 + [bool(bad)]


def test_what_is_not_utf8_is_bad():
    """It is shown as far as it can be."""
    [only] = receive(b"m\xff:1|c", NOW)

    assert only.reasons == ("a line must be UTF-8",)
