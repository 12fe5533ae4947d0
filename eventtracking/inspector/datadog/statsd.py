"""DogStatsD: metrics, events and service checks, as lines in datagrams."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from eventtracking.inspector.datadog.limits import (
    MAX_TEXT_CHARACTERS,
    name_reasons,
    point_time_reasons,
    tag_reasons,
)
from eventtracking.inspector.decoding import encode_json
from eventtracking.inspector.endpoint import UNREADABLE, ReceivedEvent

# `dogstatsd_buffer_size` of the Agent; https://docs.datadoghq.com/developers/dogstatsd/
MAX_DATAGRAM_BYTES = 8192

_TYPES = {
    "c": "count",
    "g": "gauge",
    "ms": "timing",
    "h": "histogram",
    "s": "set",
    "d": "distribution",
}

_CARDINALITIES = ("none", "low", "orchestrator", "high")

_ORIGIN_FIELDS = {"c": "container", "e": "external_data", "card": "cardinality"}

_EVENT = re.compile(r"_e\{([0-9]{1,7}),([0-9]{1,7})\}:", re.ASCII)

_EVENT_FIELDS = {
    "d": "date_happened",
    "h": "host",
    "k": "aggregation_key",
    "p": "priority",
    "s": "source_type_name",
    "t": "alert_type",
}

_ALERT_TYPES = ("error", "warning", "info", "success")

_CHECK_FIELDS = {"d": "timestamp", "h": "hostname", "m": "message"}

_STATUSES = ("0", "1", "2", "3")

_MAX_SHOWN_CHARACTERS = 80


def receive(datagram: bytes, now: float) -> list[ReceivedEvent]:
    """Check each line of *datagram*, at the time *now* in seconds."""
    is_cut = len(datagram) > MAX_DATAGRAM_BYTES
    lines = datagram[:MAX_DATAGRAM_BYTES].split(b"\n")
    received = [_check(line, now) for line in lines if line]
    if is_cut:
        reason = (
            f"truncated: the datagram has {len(datagram)} bytes, "
            f"of which the Agent reads {MAX_DATAGRAM_BYTES}"
        )
        received[-1:] = [each._replace(reasons=(reason,)) for each in received[-1:]]
    return received


def _check(raw: bytes, now: float) -> ReceivedEvent:
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        payload = encode_json({"line": raw.decode(errors="replace")})
        return ReceivedEvent(UNREADABLE, payload, ("a line must be UTF-8",))
    if line.startswith("_e{"):
        return _check_event(line)
    if line.startswith("_sc|"):
        return _check_service_check(line)
    return _check_metric(line, now)


def _check_metric(line: str, now: float) -> ReceivedEvent:
    name, colon, rest = line.partition(":")
    value, *fields = rest.split("|")
    kind = fields[0] if fields else ""
    reasons = name_reasons(name) if colon and name else ["a line must be name:value|type"]
    if kind not in _TYPES:
        reasons.append(f"the type must be one of {', '.join(_TYPES)}, got {_short(kind)}")
    payload: dict[str, Any] = {"metric": name, "type": _TYPES.get(kind, kind), "line": line}
    reasons += _add_values(payload, kind, value)
    reasons += _add_fields(payload, fields[1:])
    if "timestamp" in payload:
        reasons += _timestamp_reasons(payload["timestamp"], kind, now)
    return ReceivedEvent(name or "(no name)", encode_json(payload), tuple(reasons))


def _add_values(payload: dict[str, Any], kind: str, text: str) -> list[str]:
    """Add the values of a metric to *payload*; return all that is wrong with them."""
    if kind == "s":
        payload["values"] = [text]
        return [] if text else ["a set must have a value"]
    payload["values"] = values = [_number(each) for each in text.split(":")]
    return [f"a value must be a number, got {_short(text)}"] if None in values else []


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    # Python accepts more than the Agent: spaces, underscores, infinity and NaN.
    return number if isfinite(number) and not re.search(r"[\s_]", text) else None


def _add_fields(payload: dict[str, Any], fields: list[str]) -> list[str]:
    """Add the fields after the type to *payload*; return all that is wrong with them."""
    reasons = []
    for field in fields:
        if field.startswith("#"):
            payload["tags"] = [tag for tag in field[1:].split(",") if tag]
            reasons += tag_reasons(payload["tags"])
        elif field.startswith("@"):
            payload["sample_rate"] = rate = _number(field[1:])
            if rate is None or not 0 < rate <= 1:
                reasons.append(f"a sample rate must be above 0 and at most 1, got {_short(field)}")
        elif field.startswith("T"):
            payload["timestamp"] = (
                int(field[1:]) if re.fullmatch(r"[0-9]{1,15}", field[1:]) else None
            )
        elif not _add_origin(payload, field):
            reasons.append(f"unknown field: {_short(field)}")
    return reasons


def _add_origin(payload: dict[str, Any], field: str) -> bool:
    """Add a field about the sender of a line to *payload*; return whether *field* is valid."""
    prefix, _, text = field.partition(":")
    name = _ORIGIN_FIELDS.get(prefix)
    if not name or not text or (prefix == "card" and text not in _CARDINALITIES):
        return False
    payload[name] = text
    return True


def _timestamp_reasons(timestamp: int | None, kind: str, now: float) -> list[str]:
    if kind not in ("c", "g"):
        return ["only a count or a gauge may have a timestamp"]
    if timestamp is None:
        return ["the timestamp of a metric must be a whole number of seconds"]
    return point_time_reasons(timestamp, now)


def _check_event(line: str) -> ReceivedEvent:
    parsed = _parse_event(line)
    if parsed is None:
        reason = "an event must be _e{title,text}:title|text, with their lengths in bytes of UTF-8"
        return ReceivedEvent("(no title)", encode_json({"line": line}), (reason,))
    title, text, fields = parsed
    payload: dict[str, Any] = {"title": title, "text": text, "line": line}
    reasons = [] if title else ["an event must have a title"]
    if len(text) > MAX_TEXT_CHARACTERS:
        reasons.append(f"text must have at most {MAX_TEXT_CHARACTERS} characters")
    reasons += _add_named_fields(payload, fields, _EVENT_FIELDS)
    if payload.get("priority", "low") not in ("normal", "low"):
        reasons.append("priority must be normal or low")
    if payload.get("alert_type", "info") not in _ALERT_TYPES:
        reasons.append(f"alert_type must be one of {', '.join(_ALERT_TYPES)}")
    if not payload.get("date_happened", "0").isdecimal():
        reasons.append("date_happened must be a whole number of seconds")
    return ReceivedEvent(title or "(no title)", encode_json(payload), tuple(reasons))


def _parse_event(line: str) -> tuple[str, str, list[str]] | None:
    """Return the title, the text and the fields of an event; `None` if its lengths are wrong."""
    head = _EVENT.match(line)
    if not head:
        return None
    body = line[head.end() :].encode()
    title, body = body[: int(head[1])], body[int(head[1]) :]
    text, rest = body[1 : 1 + int(head[2])], body[1 + int(head[2]) :]
    if body[:1] != b"|" or len(text) < int(head[2]) or rest[:1] not in (b"", b"|"):
        return None
    first, second, fields = (each.decode(errors="replace") for each in (title, text, rest))
    return first.replace("\\n", "\n"), second.replace("\\n", "\n"), fields.split("|")[1:]


def _check_service_check(line: str) -> ReceivedEvent:
    # The message is documented as the last field; some clients add fields about the sender.
    _, name, *rest = line.split("|")
    payload: dict[str, Any] = {"check": name, "status": rest[0] if rest else "", "line": line}
    reasons = [] if name else ["a service check must have a name"]
    if payload["status"] not in _STATUSES:
        reasons.append("the status of a service check must be 0, 1, 2 or 3")
    reasons += _add_named_fields(payload, rest[1:], _CHECK_FIELDS)
    # A number, if it came as a metric's T field.
    if not str(payload.get("timestamp", "0")).isdecimal():
        reasons.append("the timestamp of a service check must be a whole number of seconds")
    return ReceivedEvent(name or "(no name)", encode_json(payload), tuple(reasons))


def _add_named_fields(
    payload: dict[str, Any], fields: list[str], names: dict[str, str]
) -> list[str]:
    """Add *fields* to *payload*, by the names of their prefixes; return all that is wrong."""
    reasons = []
    for field in fields:
        prefix, _, value = field.partition(":")
        if prefix in names:
            payload[names[prefix]] = value
        else:
            reasons += _add_fields(payload, [field])
    return reasons


def _short(text: str) -> str:
    return repr(text[:_MAX_SHOWN_CHARACTERS])
