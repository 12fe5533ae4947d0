import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def rows(*options):
    """Run the benchmark and return the works that its table has."""
    command = [sys.executable, "-m", "tests.benchmarks", "--rounds", "1", *options]
    table = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert table.stderr == ""
    return [line[:52].strip() for line in table.stdout.splitlines()[3:]]


def test_the_benchmark_prints_a_row_for_each_promise_and_reads_every_line_back():
    """Few rounds say nothing about speed, but a table that no longer runs is noticed here."""
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
        "SensitiveFieldGuard, with a mail address",
        "SensitiveFieldGuard, with a text of JSON",
        "SensitiveFieldGuard, pii=True",
        "SizeGuard, 900 bytes that fit",
        "SizeGuard, 40 KB that fit",
        "emit to a webhook, waits in memory",
        "emit to a webhook, waits on disk",
        "emit to Segment, waits in memory",
        "until it arrived, from memory; floor: 100,000/s",
        "until it arrived, from disk; floor: 100,000/s",
        "the same; floor: segment-analytics-python",
        "emit, 99th percentile, destination hangs",
        "emit, 99th percentile, destination is slow",
        "emit, 99th percentile, destination refuses",
        "emit, 99th percentile, destination is down",
        "end of a program, ms, destination hangs",
        "end of a program, ms, destination refuses",
        "the worst body for the collector; floor: 100 ms",
        "a look at the rate, 10,000 clients; floor: 20 us",
        "growth with a 100 KB payload",
        "import eventtracking.tracker",
    ]


def test_the_benchmark_of_large_events_has_both_guards_in_it():
    """Hostile texts for the one, and what has to be cut for the other."""
    works = rows("--large")

    assert {work.partition(",")[0] for work in works} == {"SensitiveFieldGuard", "SizeGuard"}
    assert len(works) == 17
