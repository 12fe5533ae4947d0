"""Decoding request bodies: decompression, JSON and the values in it."""

import gzip
import tracemalloc
import zlib

import pytest

from eventtracking.inspector.decoding import decompress, encode_json, is_iso_time, parse_json

BODY = b'{"batch": []}' * 10


def raw_deflate(body):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize(
    ("compressed", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (gzip.compress(BODY, mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0), " GZIP "),
        (zlib.compress(BODY), "deflate"),
        (raw_deflate(BODY), "deflate"),
    ],
    ids=range(6),
)
def test_a_body_is_decompressed(compressed, encoding):
    """Clients use the name deflate for two formats."""
    assert decompress(compressed, encoding, 1000) == (BODY, "", False)


@pytest.mark.parametrize(
    ("compressed", "encoding"),
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
def test_a_body_that_cannot_be_decompressed_gives_an_error(compressed, encoding):
    """So does data after the compressed body."""
    body, error, is_too_large = decompress(compressed, encoding, 1000)

    assert (body, is_too_large) == (b"", False)
    assert error


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zlib.compress, raw_deflate])
@pytest.mark.parametrize(("size", "is_over"), [(999, False), (1000, False), (1001, True)])
def test_a_decompressed_body_has_a_limit(compress, size, is_over):
    """At, below and above it."""
    encoding = {bytes: "", gzip.compress: "gzip"}.get(compress, "deflate")
    body, error, is_too_large = decompress(compress(b"x" * size), encoding, 1000)

    assert is_too_large == bool(error) == is_over
    assert len(body) == (0 if is_over else size)


@pytest.mark.parametrize("wbits", [31, 15, -15])
def test_a_decompression_bomb_needs_little_memory(wbits):
    """100 MB in 100 kB are decompressed only up to the limit."""
    compressor = zlib.compressobj(wbits=wbits)
    blocks = [compressor.compress(b"\0" * 1_000_000) for _ in range(100)]
    bomb = b"".join(blocks) + compressor.flush()
    tracemalloc.start()
    try:
        result = decompress(bomb, "gzip" if wbits == 31 else "deflate", 500_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert result == (b"", "the decompressed body is over 500000 bytes", True)
    assert peak < 5_000_000


def test_parsed_json_can_be_encoded_again():
    """Numbers that JSON cannot represent are not parsed."""
    assert parse_json(b'{"a": [1, 2.5, null]}') == ({"a": [1, 2.5, None]}, "")
    assert encode_json({"a": "\u2028"}) == '{"a":"\u2028"}'.encode()
    assert parse_json(b"[1e999]")[1]


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_times_in_iso_8601_are_recognized(text, expected):
    """A date without a time is not one."""
    assert is_iso_time(text) == expected
