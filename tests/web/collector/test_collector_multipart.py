"""The legacy form as `multipart/form-data`, as a page sends it with `FormData`."""

import gzip

import pytest
from collector_requests import FACTS, FORM, Site
from hypothesis import given
from hypothesis import strategies as st

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
DELIMITER = BOUNDARY.encode()


def headers(boundary=BOUNDARY):
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


def names(site, body, with_headers=None):
    """Return the names of the events in *body*."""
    response = site.post(body, with_headers or headers())
    assert (response.status, response.body) == (200, b"success")
    return [event["name"] for event in site.events]


def test_a_multipart_form_becomes_an_event():
    """As with `fetch(url, {method: "POST", body: new FormData(form)})`."""
    site = Site()

    assert names(site, FIELDS) == ["play_video"]
    [event] = site.events
    assert event["data"] == {"id": "v\u00e9"}
    assert event["context"]["page"] == "https://h/courses/a/b/c/x"
    assert event["context"]["course_id"] == "a/b/c"
    assert event["context"]["username"] == "ana"


def test_a_multipart_form_may_be_compressed():
    """As any body."""
    compressed = {**headers(), "content-encoding": "gzip"}

    assert names(Site(), gzip.compress(FIELDS), compressed) == ["play_video"]


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/form-data; boundary=x", b"x"),
        ('Multipart/Form-Data; charset=utf-8; BOUNDARY="a b?"; x=y', b"a b?"),
        ("multipart/form-data;boundary=AbC;charset=UTF-8", b"AbC"),
        ("multipart/form-data; boundary=" + "b" * 70, b"b" * 70),
    ],
)
def test_a_boundary_may_have_any_valid_form(kind, boundary):
    """It is case-sensitive, unlike the rest of the header."""
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
    ids=["twice", "file", "file*", "quoted", "unnamed", "case", "preamble", "end", "padding"],
)
def test_files_and_unnamed_parts_are_ignored(body):
    """The last of two fields with one name counts."""
    assert names(Site(), body) == ["a"]


def test_a_multipart_form_without_parts_is_an_unknown_event():
    """No field is required."""
    assert names(Site(), joined()) == ["unknown"]


@pytest.mark.parametrize(
    "kind",
    ["", "; boundary", "; boundary=", '; boundary=""', "; boundary=" + "b" * 71, '; boundary="a'],
)
def test_a_multipart_form_without_a_boundary_is_malformed(kind):
    """Its parts cannot be found."""
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
    ids=["empty", "other form", "truncated", "no blank line", "longer boundary", "newlines"],
)
def test_an_incomplete_multipart_form_is_malformed(body):
    """No event is emitted for a part of it."""
    site = Site()

    assert site.post(body, headers()).status == 400
    assert site.refused() == {"malformed": 1}
    assert site.events == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (99, (200, b"success")),
        (100, (200, b"success")),
        (101, (400, b'{"error":"too_many_fields"}')),
    ],
)
def test_a_multipart_form_has_a_maximum_number_of_parts(number, expected):
    """It is that of the fields of the other form. Files count."""
    body = joined(*(part("event", "x", '; filename="f"') for _ in range(number)))

    assert Site().post(body, headers())[::2] == expected


def test_a_form_with_very_many_parts_is_refused():
    """The parts beyond the limit are not parsed."""
    site = Site()

    assert site.post(b"--x\r\n\r\n\r\n" * 7_000, headers("x")).status == 400
    assert site.refused() == {"too_many_fields": 1}


def test_a_multipart_form_has_the_limits_of_all_bodies_and_events():
    """64 KiB for the body, and 32 KiB for the event."""
    site = Site()
    large, larger = (joined(part("event", "x" * size)) for size in (40_000, 65_536))

    assert site.post(large, headers()).body == b"success"
    assert site.post(larger, headers()).status == 413
    assert site.collector.stats()["refused"] == {"too_large": 1}


@given(body=st.binary(max_size=300), boundary=st.text(max_size=10), named=st.booleans())
def test_any_parts_get_a_response(body, boundary, named):
    """With a known status."""
    site = Site()
    wrapped = b"--x\r\n" + body + b"\r\n--x--" if named else body
    sent = headers("x" if named else boundary)

    assert site.collector("POST", sent, wrapped, FACTS).status in (200, 400, 415)
