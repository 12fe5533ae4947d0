"""The benchmark runs, and its table has a row for each case."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def rows(*options):
    """Run the benchmark, and return the titles of its rows."""
    command = [sys.executable, "-m", "tests.benchmarks", "--rounds", "1", *options]
    table = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert table.stderr == ""
    return [line[:52].strip() for line in table.stdout.splitlines()[3:]]


def test_the_benchmark_prints_a_row_for_each_case():
    """One round says nothing about speed, but shows that the benchmark still runs."""
    assert rows("--events", "200") == [
        "emit, no-op read_only backend",
        "emit, 4 processors",
        "emit to a log file",
        "emit to a log file, 4 threads",
        "SensitiveFieldGuard, the same event",
        "SensitiveFieldGuard, each of another user",
        "SensitiveFieldGuard, with a usage key",
        "SensitiveFieldGuard, with a query",
        "SensitiveFieldGuard, with a URL in a query",
        "SensitiveFieldGuard, with an apostrophe",
        "SensitiveFieldGuard, with an email address",
        "SensitiveFieldGuard, with a JSON text",
        "SensitiveFieldGuard, pii=True",
        "SizeGuard, 900 bytes that fit",
        "SizeGuard, 40 KB that fit",
        "emit to a webhook, outbox in memory",
        "emit to a webhook, outbox on disk",
        "emit to Segment, outbox in memory",
        "delivery, outbox in memory; floor: 100,000/s",
        "delivery, outbox on disk; floor: 100,000/s",
        "delivery; floor: segment-analytics-python",
        "emit, 99th percentile, destination hangs",
        "emit, 99th percentile, destination is slow",
        "emit, 99th percentile, destination refuses",
        "emit, 99th percentile, destination is down",
        "program exit, ms, destination hangs",
        "program exit, ms, destination refuses",
        "the worst body for the collector; floor: 100 ms",
        "rate limit, 10,000 clients; floor: 20 us",
        "growth with a 100 KB payload",
        "import eventtracking.tracker",
    ]


def test_the_benchmark_of_large_events_covers_both_guards():
    """One guard gets hostile strings, the other one events that have to be cut."""
    titles = rows("--large")

    assert {title.partition(",")[0] for title in titles} == {"SensitiveFieldGuard", "SizeGuard"}
    assert len(titles) == 17
