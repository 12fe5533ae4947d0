"""Compare this package with hand-written floors, and print a table.

    python -m tests.benchmarks [--rounds N] [--events N] [--large]

The floor of a row is the least that a program without this package would do. Each round
measures the floor and then this package, so a machine that slows down affects both. The
figures are medians, and the ratios matter more than the microseconds. With `--large`, the
guards are measured on hostile strings and on events of up to 10 MB instead.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import cases, collector_cases, delivery_cases, guard_cases


class Row(NamedTuple):
    """One line of the table."""

    work: str
    floor: float
    ours: float
    target: float
    unit: str = "us"

    def __str__(self) -> str:
        ratio = self.ours / self.floor
        verdict = "" if ratio <= self.target else "  MISSED"
        return (
            f"{self.work:<52} {self.floor:9.2f} {self.ours:9.2f} {self.unit:<3}"
            f"{ratio:6.2f}x {self.target:6.2f}x{verdict}"
        )


def main() -> None:
    """Run every case and print its row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    heading = f"{'work':<52} {'floor':>9} {'ours':>9}    {'ratio':>7} {'target':>7}"
    sys.stdout.write(f"Python {sys.version.split()[0]}\n{heading}\n{'-' * len(heading)}\n")
    with tempfile.TemporaryDirectory() as folder:
        found = rows(Path(folder), options.rounds, options.events)
        for row in large_rows(options.rounds) if options.large else found:
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()


def rows(folder: Path, rounds: int, events: int):
    """Yield the rows of the table."""
    emitting = cases.single_threaded(folder) + cases.with_threads(folder)
    guarding = guard_cases.sensitive_cases() + guard_cases.size_cases()
    for case in emitting + guarding + delivery_cases.emit_costs(folder):
        floor, ours = _paired(case.floor, case.ours, rounds, events)
        case.check()
        yield Row(case.work, floor, ours, case.target)
    small, large = cases.payload_sizes()
    for row in delivery_cases.drain_rates(min(rounds, 5), folder, events):
        yield Row(*row)
    for row in delivery_cases.outages(events):
        yield Row(*row)
    for cost in collector_cases.costs(min(rounds, 5)):
        yield Row(*cost)
    yield Row("growth with a 100 KB payload", *_paired(small, large, rounds, events), 1.15)
    yield Row("import eventtracking.tracker", *cases.import_times(rounds), 3.5, "ms")


def large_rows(rounds: int):
    """Yield the rows of events that are too large for thousands of repetitions."""
    for case in guard_cases.hostile_cases() + guard_cases.oversized_cases():
        floor, ours = _paired(case.floor, case.ours, min(rounds, 9), 1)
        case.check()
        yield Row(case.work, floor / 1e3, ours / 1e3, case.target, "ms")


def _paired(
    floor: Callable[[int], float], ours: Callable[[int], float], rounds: int, events: int
) -> tuple[float, float]:
    """Return the median microseconds per event of both, measured alternately."""
    floor(events), ours(events)
    pairs = [(floor(events), ours(events)) for _ in range(rounds)]
    floors, our_times = zip(*pairs, strict=True)
    return statistics.median(floors) / events * 1e6, statistics.median(our_times) / events * 1e6


if __name__ == "__main__":
    main()
