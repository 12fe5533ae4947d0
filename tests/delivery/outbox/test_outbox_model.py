"""Any order of writing, delivering, dying, tearing and starting again keeps the promises."""

import resource
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from outbox_programs import ANY, Kept, files, number_of, record

from eventtracking.delivery.outbox.record_lines import line_of

ONE = st.integers(0, 2)
MOST_ALIVE = 3


class Outboxes(RuleBasedStateMachine):
    """
    Up to three processes on one folder, and what a user may expect of them.

    Every event that was kept arrives, but for those that an outbox said it gave up, and
    those that only the memory of a killed process held. None comes that nobody emitted, a
    process delivers its own in the order it emitted them, and every book is even.
    """

    idempotent = True

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.alive = []
        self.numbers = Counter()
        self.names = 0
        self.kept = {}
        self.given_up = set()
        self.delivered = []
        self.own_delivered = {}
        self.torn = 0

    @initialize()
    def first(self):
        self.begin()

    @precondition(lambda self: len(self.alive) < MOST_ALIVE)
    @rule()
    def begin(self):
        """A process starts."""
        process = Kept(self.folder, max_bytes=700_000, idempotent=self.idempotent)
        process.outbox._writer._journal_bytes = 2_000
        process.name = f"p{self.names}"
        self.names += 1
        self.alive.append(process)

    @precondition(lambda self: self.alive)
    @rule(which=ONE, number=st.integers(1, 30), size=st.sampled_from([0, 50, 900]))
    def put(self, which, number, size):
        """A process emits."""
        process = self.process(which)
        for _ in range(number):
            each = record(self.numbers[process.name], process.name, size)
            self.numbers[process.name] += 1
            if process.put(each):
                self.kept[each.id] = each

    @precondition(lambda self: self.alive)
    @rule(which=ONE, number=st.integers(1, 10), limit=st.sampled_from([10, 700, 1500]))
    def put_with_little_room(self, which, number, limit):
        """A process emits while no file may be longer than a few bytes: writing fails half way."""
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
        try:
            self.put(which, number, 100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        # Each may have left half a line at the end of a file; it is written again elsewhere.
        self.torn += number

    @precondition(lambda self: self.alive)
    @rule(which=ONE, window=st.integers(1, 40), arrive=st.integers(0, 40), dies=st.booleans())
    def deliver(self, which, window, arrive, dies):
        """A process sends the head of what waits; it may die before it can note the answer."""
        process = self.process(which)
        batch = process.outbox.peek(window, ANY)[:arrive]
        process.outbox.begin(batch)
        self.delivered += batch
        own = self.own_delivered.setdefault(process.name, [])
        own += [each for each in batch if each.id.startswith(f"{process.name}-")]
        if dies:
            self.kill(process)
        else:
            process.settle(batch)

    @precondition(lambda self: self.alive)
    @rule(which=ONE)
    def send_nothing(self, which):
        """A process begins to send and learns that nothing went out."""
        process = self.process(which)
        batch = process.outbox.peek(10, ANY)
        process.outbox.begin(batch)
        process.outbox.release(batch)

    @precondition(lambda self: self.alive)
    @rule(which=ONE, part=st.integers(1, 200))
    def die_while_writing(self, which, part):
        """A process is killed within a write: the event was never kept."""
        process = self.process(which)
        active = [
            journal.path for journal in process.outbox._writer.journals if not journal.is_sealed
        ]
        self.kill(process)
        line = line_of(record(0, "torn", 150))
        for path in active:
            if Path(path).exists() and Path(path).read_bytes().endswith(b"\n"):
                with open(path, "ab") as file:
                    file.write(line[:part])
                self.torn += 1

    @precondition(lambda self: self.alive)
    @rule(which=ONE)
    def die(self, which):
        """A process is killed."""
        self.kill(self.process(which))

    @precondition(lambda self: self.alive)
    @rule(which=ONE)
    def close(self, which):
        """A process ends as it should, and says what it could not keep."""
        process = self.process(which)
        lost = process.outbox.close()
        process.counters.lose("closed", len(lost))
        self.given_up.update(each.id for each in lost)
        self.end(process)

    @precondition(lambda self: self.alive)
    @rule(which=ONE)
    def drop(self, which):
        """A process needs room."""
        process = self.process(which)
        dropped = process.outbox.drop_oldest()
        process.counters.lose("queue_full", len(dropped))
        self.given_up.update(each.id for each in dropped)

    @precondition(lambda self: self.alive)
    @rule(which=ONE)
    def look(self, which):
        """Half a minute goes by: a process looks for what others left."""
        self.process(which).outbox._orphans._look_at = 0.0

    @precondition(lambda self: self.alive)
    @rule(which=ONE)
    def look_at_once(self, which):
        """A process flushes: it looks for what others left."""
        self.process(which).outbox.look()

    @invariant()
    def books_are_even(self):
        """At any moment, in each process."""
        for process in self.alive:
            process.books()

    def process(self, which):
        return self.alive[which % len(self.alive)]

    def kill(self, process):
        in_window = [each.record for each in process.outbox._window.values() if not each.journal]
        in_memory = [*process.outbox._writer.backlog, *in_window]
        self.given_up.update(each.id for each in in_memory)
        process.die()
        self.end(process)

    def end(self, process):
        self.given_up.update(name for name, _, reason in process.lost if reason == "rejected")
        self.alive.remove(process)

    def teardown(self):
        """Everything ends, and one last process delivers what is left."""
        try:
            while self.alive:
                self.kill(self.alive[0])
            self.begin()
            (last,) = self.alive
            self.delivered += last.deliver(window=17)
            books = last.books()
            self.end(last)
            assert files(self.folder) == [Path(each.path) for each in last.outbox._writer.journals]
            self.check(books)
        finally:
            shutil.rmtree(self.folder)

    def check(self, books):
        seen = [each.id for each in self.delivered]
        assert books["pending"] == 0
        assert books["lost"].get("corrupt", 0) <= self.torn
        assert set(self.kept) - self.given_up - set(seen) == set()
        assert set(seen) - set(self.kept) == set()
        assert all(each == self.kept[each.id] for each in self.delivered)
        if not self.idempotent:
            assert len(seen) == len(set(seen))
        for name, own in self.own_delivered.items():
            numbers = [number_of(each.payload)[1] for each in own]
            assert numbers == sorted(numbers), name


class AtMostOnce(Outboxes):
    """The same for a destination that would count twice."""

    idempotent = False


@pytest.mark.parametrize("machine", [Outboxes, AtMostOnce])
@pytest.mark.parametrize(
    ("examples", "steps"),
    [(200, 30), pytest.param(2000, 50, marks=pytest.mark.soak)],
)
def test_whatever_happens_in_whatever_order_the_promises_hold(machine, examples, steps):
    """A machine tries sequences of events, and shortens one that breaks a promise."""
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None),
    )
