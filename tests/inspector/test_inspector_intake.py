"""What every intake does first: unpack a body, and read what it says."""

import gzip
import tracemalloc
import zlib

import pytest

from eventtracking.inspector.intake import as_json, is_time, parse, unpack

BODY = b'{"batch": []}' * 10


def raw(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (gzip.compress(BODY, mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0), " GZIP "),
        (zlib.compress(BODY), "deflate"),
        (raw(BODY), "deflate"),
    ],
    ids=range(6),
)
def test_a_body_is_unpacked(packed, encoding):
    """Deflate comes in the two forms that clients give the name to."""
    assert unpack(packed, encoding, 1000) == (BODY, "", False)


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(BODY, mtime=0)[:-1], "gzip"),
        (gzip.compress(BODY, mtime=0) + b"x", "gzip"),
        (gzip.compress(BODY, mtime=0) * 2, "gzip"),
        (b"", "gzip"),
        (BODY, "gzip"),
        (BODY, "deflate"),
        (BODY, "br"),
        (BODY, "gzip, gzip"),
    ],
    ids=range(8),
)
def test_a_body_that_cannot_be_unpacked_says_why(packed, encoding):
    """A second one behind the first is none of it."""
    body, trouble, too_large = unpack(packed, encoding, 1000)

    assert (body, too_large) == (b"", False)
    assert trouble


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress, raw])
@pytest.mark.parametrize(("size", "is_over"), [(999, False), (1000, False), (1001, True)])
def test_a_body_has_a_limit_once_unpacked(pack, size, is_over):
    """At it, below and above."""
    encoding = {bytes: "", gzip.compress: "gzip"}.get(pack, "deflate")
    body, trouble, too_large = unpack(pack(b"x" * size), encoding, 1000)

    assert too_large == bool(trouble) == is_over
    assert len(body) == (0 if is_over else size)


@pytest.mark.parametrize("wbits", [31, 15, -15])
def test_a_bomb_is_never_unpacked(wbits):
    """A hundred megabytes in a hundred kilobytes take no more room than the limit."""
    packer = zlib.compressobj(wbits=wbits)
    bomb = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(100)) + packer.flush()
    tracemalloc.start()
    try:
        answer = unpack(bomb, "gzip" if wbits == 31 else "deflate", 500_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer == (b"", "the body is over 500000 bytes, unpacked", True)
    assert peak < 5_000_000


def test_what_was_read_can_be_shown():
    """Numbers that JSON cannot write are not read."""
    assert parse(b'{"a": [1, 2.5, null]}') == ({"a": [1, 2.5, None]}, "")
    assert as_json({"a": "\u2028"}) == '{"a":"\u2028"}'.encode()
    assert parse(b"[1e999]")[1]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("2026-01-02T03:04:05Z", True),
        ("2026-01-02T03:04:05.678901+05:30", True),
        ("2026-01-02 03:04:05", True),
        ("2026-01-02", False),
        ("2026-13-02T03:04:05Z", False),
        ("", False),
        (None, False),
        (5, False),
        ([1] * 11, False),
    ],
)
def test_a_time_is_iso_8601(text, is_one):
    """A date alone is no time."""
    assert is_time(text) == is_one
