"""The limits of requests and events, and the memory that a request can use at most."""

import gzip
import json
import os
import subprocess
import sys
import zlib

import pytest
from collector_requests import FORM, HEADERS, NOW, Site, an_event, encoded

GZIP = {**HEADERS, "content-encoding": "gzip"}


def of_size(size):
    """Return a batch of exactly *size* bytes."""
    padding = size - len(encoded(an_event(id="x", data="")))
    return encoded(an_event(id="x", data="")).replace(
        b'"data":""', b'"data":"%b"' % (b"a" * padding)
    )


def nested(levels):
    value = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("size", "status"), [(65_535, 200), (65_536, 200), (65_537, 413), (1_000_000, 413)]
)
def test_a_body_has_a_maximum_size(size, status):
    """64 KiB, the limit of browsers for a beacon."""
    site = Site(max_event_bytes=100_000)
    body = of_size(size)

    assert len(body) == size
    assert site.post(body).status == status
    assert len(site.events) == (status == 200)


@pytest.mark.parametrize("length", ["65537", "00065537", "9" * 18, "9" * 19, "9" * 30, "1" * 5_000])
def test_a_declared_length_that_is_too_large_is_refused(length):
    """Without reading the body, with any number of digits."""
    site = Site()

    assert site.post(b"", {**HEADERS, "content-length": length}).status == 413
    assert site.refused() == {"too_large": 1}


@pytest.mark.parametrize("length", ["65536", "3", "0", "0" * 5_000, "0" * 5_000 + "3"])
def test_a_wrong_declared_length_is_ignored(length):
    """The size of the received body counts."""
    site = Site(max_event_bytes=100_000)

    assert site.post(of_size(65_536), {**HEADERS, "content-length": length}).status == 200
    assert site.post(of_size(65_537), {**HEADERS, "content-length": length}).status == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "٣", "5, 5", " ", "5\n"])
def test_an_invalid_declared_length_is_malformed(length):
    """Even if the server accepts it."""
    assert Site().post(encoded(), {**HEADERS, "content-length": length}).status == 400


@pytest.mark.parametrize(("number", "status"), [(0, 200), (99, 200), (100, 200), (101, 413)])
def test_a_batch_has_a_maximum_number_of_events(number, status):
    """Beyond it, none is accepted, and the client has to send fewer at a time."""
    site = Site()
    response = site.send(*(an_event() for _ in range(number)))

    assert response.status == status
    assert len(site.events) == (number if status == 200 else 0)


@pytest.mark.parametrize(
    ("size", "result"), [(32_767, "accepted"), (32_768, "accepted"), (32_769, "too_large")]
)
def test_an_event_has_a_maximum_size(size, result):
    """As compact JSON. The next event is accepted."""
    event = an_event(id="x", data="")
    event["data"] = "a" * (size - len(json.dumps(event, separators=(",", ":"))))
    site = Site()

    assert site.results(event, an_event()) == [result, "accepted"]


@pytest.mark.parametrize(
    ("levels", "result"), [(31, "accepted"), (32, "accepted"), (33, "too_deep")]
)
@pytest.mark.parametrize("member", ["data", "context"])
def test_an_event_has_a_maximum_depth(member, levels, result):
    """In its data and in its context."""
    assert Site().results(an_event(**{member: nested(levels)}), an_event()) == [result, "accepted"]


def test_lists_count_as_levels():
    """As objects do."""
    value = []
    for _ in range(32):
        value = [value]

    assert Site().results(an_event(data=value)) == ["too_deep"]


def test_an_event_that_cannot_be_encoded_again_is_too_deep():
    """Even if the nesting is in an unknown member."""
    assert Site().results(an_event(other=nested(500)), an_event()) == ["too_deep", "accepted"]


@pytest.mark.parametrize(
    ("number", "result"),
    [(1_999, "accepted"), (2_000, "accepted"), (2_001, "too_many_values")],
)
def test_an_event_has_a_maximum_number_of_values(number, result):
    """In data and context together, at all levels."""
    event = an_event(data={"a": [0] * (number - 2)}, context={"b": 1})

    assert Site().results(event, an_event()) == [result, "accepted"]


@pytest.mark.parametrize(
    ("length", "result"),
    [(254, "accepted"), (255, "accepted"), (256, "invalid_name"), (0, "invalid_name")],
)
def test_a_name_has_a_maximum_length(length, result):
    """And it must not be empty."""
    assert Site().results(an_event("n" * length)) == [result]


@pytest.mark.parametrize(
    "name",
    [
        "edx.video.played",
        "seq_next",
        "/courses/course-v1:O+C+R/about",
        "a@b:c-d e",
        "página.vista",
        "視聴",
    ],
)
def test_a_name_has_letters_digits_and_some_punctuation(name):
    """The letters may be of any alphabet."""
    assert Site().results(an_event(name)) == ["accepted"]


@pytest.mark.parametrize(
    "name", ["a\n", "\x00", "<script>", "a;b", 'a"', "a\u202eb", "a\u200bb", 5, None, {}]
)
def test_a_name_with_other_characters_is_refused(name):
    """They could forge a line of a log, or inject HTML."""
    assert Site().results(an_event(name)) == ["invalid_name"]


def test_a_body_may_be_compressed():
    """JSON and forms."""
    site = Site()

    assert site.post(gzip.compress(encoded(an_event())), GZIP).status == 200
    form = {**FORM, "content-encoding": "GZIP"}
    assert site.post(gzip.compress(b"event_type=a"), form).body == b"success"
    assert len(site.events) == 2


@pytest.mark.parametrize(("size", "status"), [(1_048_575, 200), (1_048_576, 200), (1_048_577, 413)])
def test_an_expanded_body_has_a_maximum_size(size, status):
    """1 MiB."""
    site = Site(max_event_bytes=2_000_000)

    assert site.post(gzip.compress(of_size(size)), GZIP).status == status


GZIPPED = gzip.compress(encoded())


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (GZIPPED[:-1], 400, "malformed"),
        (GZIPPED[:10], 400, "malformed"),
        (b"", 400, "malformed"),
        (b"\x1f\x8b", 400, "malformed"),
        (encoded(), 400, "malformed"),
        (zlib.compress(encoded()), 400, "malformed"),
        (GZIPPED[:-8] + b"\0" * 8, 400, "malformed"),
        (GZIPPED + b"rest", 400, "malformed"),
        (GZIPPED + GZIPPED, 415, "content_encoding"),
        (gzip.compress(GZIPPED), 400, "malformed"),
        (gzip.compress(b"a" * 60_000_000), 413, "too_large"),
    ],
    ids=[
        "truncated",
        "head",
        "empty",
        "magic",
        "plain",
        "zlib",
        "checksum",
        "rest",
        "two",
        "nested",
        "bomb",
    ],
)
def test_a_compressed_body_is_one_complete_gzip_member(body, status, reason):
    """Anything else is refused."""
    site = Site(max_body_bytes=100_000)

    assert site.post(body, GZIP).status == status
    assert site.refused() == {reason: 1}


@pytest.mark.parametrize(
    "encoding",
    ["br", "deflate", "zstd", "compress", "gzip, gzip", "gzip,gzip", "identity, gzip", "*", "x"],
)
def test_other_encodings_are_not_supported(encoding):
    """Nor are several encodings."""
    site = Site()

    assert site.post(GZIPPED, {**HEADERS, "content-encoding": encoding}).status == 415
    assert site.refused() == {"content_encoding": 1}


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_an_uncompressed_body_may_have_the_encoding_identity(encoding):
    """The header may also be missing."""
    assert Site().post(encoded(), {**HEADERS, "content-encoding": encoding}).status == 200


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/html",
        "application/xml",
        "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=x; charset=utf-16",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/jsonp",
        "application/octet-stream",
    ],
)
def test_other_media_types_are_not_supported(kind):
    """The body is not read."""
    site = Site()

    assert site.post(b"", {**HEADERS, "content-type": kind}).status == 415
    assert site.refused() == {"content_type": 1}


@pytest.mark.parametrize(
    "kind",
    ["Application/JSON", "application/json;charset=utf-8", 'text/plain; a=b; charset="UTF-8"'],
)
def test_a_media_type_may_have_any_valid_form(kind):
    """In any case, with parameters."""
    assert Site().post(encoded(), {**HEADERS, "content-type": kind}).status == 200


def test_the_limits_are_options():
    """For example, smaller ones."""
    site = Site(
        max_events=1,
        max_event_bytes=80,
        max_depth=1,
        max_values=2,
        max_name_characters=3,
        max_body_bytes=300,
        max_expanded_bytes=400,
    )

    assert site.send(an_event("a"), an_event("a")).status == 413
    assert site.results(an_event("a", data="x" * 80)) == ["too_large"]
    assert site.results(an_event("a", data={"a": {}})) == ["too_deep"]
    assert site.results(an_event("a", data=[1, 2, 3])) == ["too_many_values"]
    assert site.results(an_event("abcd")) == ["invalid_name"]
    assert site.post(b" " * 301).status == 413
    assert site.post(gzip.compress(b" " * 401), GZIP).status == 413


BOMBS = """
import sys, zlib
from collector_requests import HEADERS, Site
site = Site(max_body_bytes=2_000_000)
site.post(b"{}")
head = b'{"sent_at":"%b","events":[' % sys.argv[1].encode()
def bomb(piece, times):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(piece) for _ in range(times)) + packer.flush()
bodies = [
    (bomb(b"a" * 1_048_576, 1_024), 413),
    (bomb(b"{}," * 100_000, 1_000), 413),
    (bomb(b"[" * 1_048_576, 1), 413),
    (bomb(b"[" * 60_000, 1), 400),
    (bomb(b"{}," * 349_000, 1), 413),
    *((bomb(head + piece + b"0]}", 1), 413) for piece in (
        b"[]," * 200_000, b'{"a":0},' * 116_000, b'{"":[]},' * 116_000, b"[[]]," * 170_000,
        b"0," * 260_000, b'{"a":0},' * 65_000, b"[1e9999]," * 19_000,
    )),
    (bomb(head + b"[" + b"[1e9999]," * 19_000 + b"0],0]}", 1), 200),
    (bomb(head + b'"' + b"\\\\" * 500_000 + b"\\\\ud800" * 5 + b'"]}', 1), 200),
    (bomb(head + b'"' + b"\\\\ud800" * 170_000 + b'"]}', 1), 200),
    (bomb(b'"' * 1_048_576, 1), 400),
]
def kilobytes(name):
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith(name)).split()[1])
# Reset the peak that building the bombs caused.
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")
before = kilobytes("VmRSS")
headers = {**HEADERS, "content-encoding": "gzip"}
for body, status in bodies:
    response = site.post(body, headers)
    assert response.status == status, response
print(kilobytes("VmHWM") - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs the peak of Linux")
def test_bombs_use_little_memory():
    """At most 32 MiB, for a gigabyte in a megabyte and for a megabyte of empty objects."""
    # In its own process, because the peak is that of the process.
    done = subprocess.run(
        [sys.executable, "-c", BOMBS, NOW],
        cwd=__file__.rpartition("/")[0],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 32 * 1024
