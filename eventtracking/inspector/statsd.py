"""DogStatsD: metrics, events and service checks, as lines in datagrams."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from eventtracking.inspector.datadog import (
    MAX_TEXT_CHARACTERS,
    name_problems,
    point_problem,
    tag_problems,
)
from eventtracking.inspector.intake import Received, as_json

# `dogstatsd_buffer_size` of the Agent; https://docs.datadoghq.com/developers/dogstatsd/
MAX_DATAGRAM_BYTES = 8192

_KINDS = {
    "c": "count",
    "g": "gauge",
    "ms": "timing",
    "h": "histogram",
    "s": "set",
    "d": "distribution",
}

_CARDINALITIES = ("none", "low", "orchestrator", "high")

_EVENT = re.compile(r"_e\{([0-9]{1,7}),([0-9]{1,7})\}:", re.ASCII)

_EVENT_FIELDS = {"d": "date_happened", "h": "host", "k": "aggregation_key", "p": "priority"}
_EVENT_FIELDS |= {"s": "source_type_name", "t": "alert_type"}

_ALERTS = ("error", "warning", "info", "success")

_STATES = ("0", "1", "2", "3")


def receive(datagram: bytes, now: float) -> list[Received]:
    """Check each line of *datagram*, at the time *now* in seconds."""
    cut = len(datagram) > MAX_DATAGRAM_BYTES
    lines = datagram[:MAX_DATAGRAM_BYTES].split(b"\n")
    received = [_received(line, now) for line in lines if line]
    if cut:
        why = (
            f"cut off: the datagram has {len(datagram)} bytes, the Agent reads {MAX_DATAGRAM_BYTES}"
        )
        received[-1:] = [each._replace(reasons=(why,)) for each in received[-1:]]
    return received


def _received(raw: bytes, now: float) -> Received:
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        shown = raw.decode(errors="replace")
        return Received("(unreadable)", as_json({"line": shown}), ("a line must be UTF-8",))
    if line.startswith("_e{"):
        return _event(line)
    if line.startswith("_sc|"):
        return _service_check(line)
    return _metric(line, now)


def _metric(line: str, now: float) -> Received:
    name, colon, rest = line.partition(":")
    value, *fields = rest.split("|")
    kind = fields[0] if fields else ""
    reasons = name_problems(name) if colon and name else ["a line must be name:value|type"]
    if kind not in _KINDS:
        reasons.append(f"the type must be one of {', '.join(_KINDS)}; got {kind[:80]!r}")
    payload: dict[str, Any] = {"metric": name, "type": _KINDS.get(kind, kind), "line": line}
    reasons += _values(payload, kind, value)
    reasons += _fields(payload, fields[1:])
    if "timestamp" in payload:
        reasons += _stamp_problems(payload, kind, now)
    return Received(name or "(no name)", as_json(payload), tuple(reasons))


def _values(payload: dict[str, Any], kind: str, text: str) -> list[str]:
    """Note the values in *payload*; return what is wrong with them."""
    if kind == "s":
        payload["values"] = [text]
        return [] if text else ["a set needs a value"]
    payload["values"] = values = [_number(each) for each in text.split(":")]
    if None in values:
        return [f"a value must be a number, got {text[:80]!r}"]
    return []


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    # Python reads more than the Agent: spaces, underscores, and words for what is no number.
    return number if isfinite(number) and not re.search(r"[\s_]", text) else None


def _fields(payload: dict[str, Any], fields: list[str]) -> list[str]:
    """Note in *payload* what follows the type; return what is wrong with it."""
    reasons = []
    for field in fields:
        if field.startswith("#"):
            payload["tags"] = [tag for tag in field[1:].split(",") if tag]
            reasons += tag_problems(payload["tags"])
        elif field.startswith("@"):
            payload["sample_rate"] = rate = _number(field[1:])
            if rate is None or not 0 < rate <= 1:
                reasons.append(f"a sample rate is above 0 and at most 1; got {field[:80]!r}")
        elif field.startswith("T"):
            payload["timestamp"] = (
                int(field[1:]) if re.fullmatch(r"[0-9]{1,15}", field[1:]) else None
            )
        elif not _origin(payload, field):
            reasons.append(f"an unknown field: {field[:80]!r}")
    return reasons


def _origin(payload: dict[str, Any], field: str) -> bool:
    """Note who sent a line; tell whether *field* says so, in a way that is known."""
    mark, _, text = field.partition(":")
    name = {"c": "container", "e": "external_data", "card": "cardinality"}.get(mark)
    if not name or not text or (mark == "card" and text not in _CARDINALITIES):
        return False
    payload[name] = text
    return True


def _stamp_problems(payload: dict[str, Any], kind: str, now: float) -> list[str]:
    stamp = payload["timestamp"]
    if kind not in ("c", "g"):
        return ["only a count or a gauge may have a timestamp"]
    problem = "a timestamp must be whole seconds" if stamp is None else point_problem(stamp, now)
    return [problem] if problem else []


def _event(line: str) -> Received:
    parts = _taken_apart(line)
    if parts is None:
        why = "an event must be _e{title,text}:title|text, with their lengths in bytes of UTF-8"
        return Received("(no title)", as_json({"line": line}), (why,))
    title, text, fields = parts
    payload: dict[str, Any] = {"title": title, "text": text, "line": line}
    reasons = [] if title else ["an event needs a title"]
    if len(text) > MAX_TEXT_CHARACTERS:
        reasons.append(f"text has at most {MAX_TEXT_CHARACTERS} characters")
    for field in fields:
        mark, _, value = field.partition(":")
        if mark in _EVENT_FIELDS:
            payload[_EVENT_FIELDS[mark]] = value
        else:
            reasons += _fields(payload, [field])
    if payload.get("priority", "low") not in ("normal", "low"):
        reasons.append("priority must be normal or low")
    if payload.get("alert_type", "info") not in _ALERTS:
        reasons.append(f"alert_type must be one of {', '.join(_ALERTS)}")
    if not payload.get("date_happened", "0").isdecimal():
        reasons.append("date_happened must be whole seconds")
    return Received(title or "(no title)", as_json(payload), tuple(reasons))


def _taken_apart(line: str) -> tuple[str, str, list[str]] | None:
    """Return the title, the text and the fields of an event; `None` if its lengths are wrong."""
    head = _EVENT.match(line)
    if not head:
        return None
    body = line[head.end() :].encode()
    title, body = body[: int(head[1])], body[int(head[1]) :]
    text, rest = body[1 : 1 + int(head[2])], body[1 + int(head[2]) :]
    if body[:1] != b"|" or len(text) < int(head[2]) or rest[:1] not in (b"", b"|"):
        return None
    first, second, fields = (part.decode(errors="replace") for part in (title, text, rest))
    return first.replace("\\n", "\n"), second.replace("\\n", "\n"), fields.split("|")[1:]


def _service_check(line: str) -> Received:
    # The message comes last; some clients still add who they are.
    _, name, *rest = line.split("|")
    payload: dict[str, Any] = {"check": name, "status": rest[0] if rest else "", "line": line}
    reasons = [] if name else ["a service check needs a name"]
    if payload["status"] not in _STATES:
        reasons.append("the status of a service check is 0, 1, 2 or 3")
    for field in rest[1:]:
        mark, _, value = field.partition(":")
        if mark in ("d", "h", "m"):
            payload[{"d": "timestamp", "h": "hostname", "m": "message"}[mark]] = value
        else:
            reasons += _fields(payload, [field])
    if not payload.get("timestamp", "0").isdecimal():
        reasons.append("the timestamp of a service check must be whole seconds")
    return Received(name or "(no name)", as_json(payload), tuple(reasons))
