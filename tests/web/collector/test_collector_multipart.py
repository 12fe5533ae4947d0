"""The old form in parts, as a page sends it with FormData: read like the other, and no further."""

import gzip

import pytest
from collector_requests import FACTS, FORM, Site
from hypothesis import given
from hypothesis import strategies as st

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
DELIMITER = BOUNDARY.encode()


def typed(boundary=BOUNDARY):
    return {**FORM, "content-type": f"multipart/form-data; boundary={boundary}"}


def part(name, value, more=""):
    return f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}'.encode()


def joined(*parts, boundary=DELIMITER):
    return (
        b"".join(b"--%b\r\n%b\r\n" % (boundary, each) for each in parts) + b"--%b--\r\n" % boundary
    )


FIELDS = joined(
    part("event_type", "play_video"),
    part("event", '{"id": "v\u00e9"}'),
    part("page", "https://h/courses/a/b/c/x"),
)


def names(site, body, headers=None):
    """Return what the events are called that *body* became."""
    answer = site.post(body, headers or typed())
    assert (answer.status, answer.body) == (200, b"success")
    return [event["name"] for event in site.events]


def test_a_form_in_parts_is_an_event():
    """As with `fetch(url, {method: "POST", body: new FormData(form)})`."""
    site = Site()

    assert names(site, FIELDS) == ["play_video"]
    [event] = site.events
    assert event["data"] == {"id": "v\u00e9"}
    assert event["context"]["page"] == "https://h/courses/a/b/c/x"
    assert event["context"]["course_id"] == "a/b/c"
    assert event["context"]["username"] == "ana"


def test_it_may_be_compressed():
    """As any body."""
    headers = {**typed(), "content-encoding": "gzip"}

    assert names(Site(), gzip.compress(FIELDS), headers) == ["play_video"]


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/form-data; boundary=x", b"x"),
        ('Multipart/Form-Data; charset=utf-8; BOUNDARY="a b?"; x=y', b"a b?"),
        ("multipart/form-data;boundary=AbC;charset=UTF-8", b"AbC"),
        ("multipart/form-data; boundary=" + "b" * 70, b"b" * 70),
    ],
)
def test_a_boundary_may_be_written_in_any_way(kind, boundary):
    """Case counts in itself, and not in what stands around it."""
    body = joined(part("event_type", "a"), boundary=boundary)

    assert names(Site(), body, {**FORM, "content-type": kind}) == ["a"]


@pytest.mark.parametrize(
    "body",
    [
        joined(part("event_type", "first"), part("event_type", "a")),
        joined(part("event_type", "a"), part("event_type", "x", '; filename="b"')),
        joined(part("event_type", "a"), part("event_type", "x", "; filename*=utf-8''b")),
        joined(part("event_type", "a"), part("file", "x", '; filename="; name=event_type"')),
        joined(part("event_type", "a"), b"Content-Type: text/plain\r\n\r\nx", b"\r\nx"),
        joined(b"X: y\r\ncontent-disposition: FORM-DATA; Name=event_type; x=y\r\n\r\na"),
        b"a preamble\r\n" + joined(part("event_type", "a")) + b"an epilogue" + joined(b""),
        joined(part("event_type", "a"))[:-2],
        joined(part("event_type", "a")).replace(DELIMITER, DELIMITER + b" \t", 1),
    ],
    ids=["twice", "file", "file*", "posing", "unnamed", "small", "around", "end", "padding"],
)
def test_parts_may_be_other_things_too(body):
    """Files, and what has no name, are passed over; of two fields the last counts."""
    assert names(Site(), body) == ["a"]


def test_a_form_in_parts_without_any_is_unknown():
    """As ever: none of the fields is required."""
    assert names(Site(), joined()) == ["unknown"]


@pytest.mark.parametrize(
    "kind",
    ["", "; boundary", "; boundary=", '; boundary=""', "; boundary=" + "b" * 71, '; boundary="a'],
)
def test_a_form_without_a_boundary_is_400(kind):
    """Nobody can tell its parts."""
    site = Site()

    assert site.post(FIELDS, {**FORM, "content-type": f"multipart/form-data{kind}"}).status == 400
    assert site.refused() == {"malformed": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"event_type=a",
        FIELDS[:-10],
        FIELDS.replace(b"\r\n\r\n", b"\r\n"),
        FIELDS.replace(DELIMITER + b"\r\n", DELIMITER + b"x\r\n"),
        FIELDS.replace(b"\r\n", b"\n"),
    ],
    ids=["empty", "other form", "cut", "no blank line", "longer boundary", "newlines"],
)
def test_a_form_in_parts_that_is_not_whole_is_400(body):
    """An event of half of it would be a wrong one."""
    site = Site()

    assert site.post(body, typed()).status == 400
    assert site.refused() == {"malformed": 1}
    assert site.events == []


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        (99, (200, b"success")),
        (100, (200, b"success")),
        (101, (400, b'{"error":"too_many_fields"}')),
    ],
)
def test_a_form_has_a_largest_number_of_parts(number, answer):
    """The same as the other form has fields; files count."""
    body = joined(*(part("event", "x", '; filename="f"') for _ in range(number)))

    assert Site().post(body, typed())[::2] == answer


def test_very_many_parts_are_not_even_looked_at():
    """Whatever they are."""
    site = Site()

    assert site.post(b"--x\r\n\r\n\r\n" * 7_000, typed("x")).status == 400
    assert site.refused() == {"too_many_fields": 1}


def test_a_form_in_parts_has_the_limits_of_all_bodies_and_events():
    """64 KiB of it, and 32 KiB in an event."""
    site = Site()
    large, larger = (joined(part("event", "x" * size)) for size in (40_000, 65_536))

    assert site.post(large, typed()).body == b"success"
    assert site.post(larger, typed()).status == 413
    assert site.collector.stats()["refused"] == {"too_large": 1}


@given(body=st.binary(max_size=300), boundary=st.text(max_size=10), named=st.booleans())
def test_any_parts_are_answered(body, boundary, named):
    """With a status of the list."""
    site = Site()
    wrapped = b"--x\r\n" + body + b"\r\n--x--" if named else body
    headers = typed("x" if named else boundary)

    assert site.collector("POST", headers, wrapped, FACTS).status in (200, 400, 415)
