import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_benchmark_prints_a_row_for_each_promise_and_reads_every_line_back():
    """Few rounds say nothing about speed, but a table that no longer runs is noticed here."""
    command = [sys.executable, "-m", "tests.benchmarks", "--rounds", "1", "--events", "200"]

    table = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )

    assert table.stderr == ""
    assert [line[:52].strip() for line in table.stdout.splitlines()[3:]] == [
        "emit, no-op read_only backend",
        "emit, 4 processors",
        "emit to a log file",
        "emit to a log file, 4 threads",
        "growth with a 100 KB payload",
        "import eventtracking.tracker",
    ]
