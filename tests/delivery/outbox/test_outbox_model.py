"""Any order of writing, delivering, dying and starting again, tried by a state machine."""

import resource
import shutil
import tempfile
from collections import Counter

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
from outbox_programs import UNLIMITED, CountedOutbox, files, number_of, record

from eventtracking.delivery.outbox import segment_file
from eventtracking.delivery.outbox.record_lines import line_of

ONE_PROCESS = st.integers(0, 2)
MAX_ALIVE = 3

# An outbox scans its folder for orphans every 30 seconds.
SCAN_SECONDS = 31.0


class Outboxes(RuleBasedStateMachine):
    """
    Up to three processes with one folder, and their promises to a user.

    Every accepted event arrives, except for those that an outbox has reported as lost, and
    those that were only in the memory of a killed process. No event arrives that was not
    emitted. A process delivers its own events in order, and all statistics are exact.
    """

    idempotent = True

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.now = 0.0
        self.alive = []
        self.numbers = Counter()
        self.names = 0
        self.accepted = {}
        self.given_up = set()
        self.delivered = []
        self.own_delivered = {}
        self.torn = 0

    @initialize()
    def first(self):
        self.begin()

    @precondition(lambda self: len(self.alive) < MAX_ALIVE)
    @rule()
    def begin(self):
        """A process starts."""
        process = CountedOutbox(
            self.folder,
            max_bytes=700_000,
            segment_bytes=2_000,
            idempotent=self.idempotent,
            clock=lambda: self.now,
        )
        process.name = f"p{self.names}"
        self.names += 1
        self.alive.append(process)

    @precondition(lambda self: self.alive)
    @rule(which=ONE_PROCESS, number=st.integers(1, 30), size=st.sampled_from([0, 50, 900]))
    def put(self, which, number, size):
        """A process emits."""
        process = self.process(which)
        for _ in range(number):
            each = record(self.numbers[process.name], process.name, size)
            self.numbers[process.name] += 1
            if process.put(each):
                self.accepted[each.id] = each

    @precondition(lambda self: self.alive)
    @rule(which=ONE_PROCESS, number=st.integers(1, 10), limit=st.sampled_from([10, 700, 1500]))
    def put_with_little_room(self, which, number, limit):
        """A process emits while the size of a file is limited, so that writes are incomplete."""
        _, hard_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard_limit))
        try:
            self.put(which, number, 100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard_limit, hard_limit))
        # Each write may have left part of a line. The event is written again elsewhere.
        self.torn += number

    @precondition(lambda self: self.alive)
    @rule(
        which=ONE_PROCESS,
        window=st.integers(1, 40),
        arrive=st.integers(0, 40),
        dies=st.booleans(),
    )
    def deliver(self, which, window, arrive, dies):
        """A process sends the oldest events. It may be killed before it can settle them."""
        process = self.process(which)
        batch = process.outbox.peek(window, UNLIMITED)[:arrive]
        process.outbox.mark_sending(batch)
        self.delivered += batch
        own = self.own_delivered.setdefault(process.name, [])
        own += [each for each in batch if each.id.startswith(f"{process.name}-")]
        if dies:
            self.kill(process)
        else:
            process.settle(batch)

    @precondition(lambda self: self.alive)
    @rule(which=ONE_PROCESS)
    def send_nothing(self, which):
        """A process begins to send, and nothing goes out."""
        process = self.process(which)
        batch = process.outbox.peek(10, UNLIMITED)
        process.outbox.mark_sending(batch)
        process.outbox.mark_waiting(batch)

    @precondition(lambda self: self.alive)
    @rule(which=ONE_PROCESS, length=st.integers(1, 200))
    def die_while_writing(self, which, length):
        """A process is killed while it writes: the event was not accepted."""
        process = self.process(which)
        own = [path for path in files(self.folder) if segment_file.is_locked(str(path))]
        self.kill(process)
        # The newest of the files that were released is the one that it was writing.
        active = [path for path in own if not segment_file.is_locked(str(path))][-1:]
        line = line_of(record(0, "torn", 150))
        for path in active:
            if path.read_bytes().endswith(b"\n"):
                with path.open("ab") as file:
                    file.write(line[:length])
                self.torn += 1

    @precondition(lambda self: self.alive)
    @rule(which=ONE_PROCESS)
    def die(self, which):
        """A process is killed."""
        self.kill(self.process(which))

    @precondition(lambda self: self.alive)
    @rule(which=ONE_PROCESS)
    def close(self, which):
        """A process closes its outbox, and reports the events that are lost."""
        process = self.process(which)
        lost = process.outbox.close()
        process.counters.lose("closed", len(lost))
        self.given_up.update(each.id for each in lost)
        self.end(process)

    @precondition(lambda self: self.alive)
    @rule(which=ONE_PROCESS)
    def drop(self, which):
        """A process needs room."""
        process = self.process(which)
        dropped = process.outbox.drop_oldest()
        process.counters.lose("queue_full", len(dropped))
        self.given_up.update(each.id for each in dropped)

    @rule()
    def wait(self):
        """Half a minute passes: a scan for orphans is due."""
        self.now += SCAN_SECONDS

    @precondition(lambda self: self.alive)
    @rule(which=ONE_PROCESS)
    def scan(self, which):
        """A process flushes, which begins with a scan."""
        self.process(which).outbox.scan()

    @invariant()
    def statistics_are_exact(self):
        """At any moment, in each process."""
        for process in self.alive:
            process.stats()

    def process(self, which):
        return self.alive[which % len(self.alive)]

    def kill(self, process):
        in_window = process.outbox._window.records_in_memory()
        in_memory = [*process.outbox._writer.backlog, *in_window]
        self.given_up.update(each.id for each in in_memory)
        process.kill()
        self.end(process)

    def end(self, process):
        self.given_up.update(name for name, _, reason in process.lost if reason == "rejected")
        self.alive.remove(process)

    def teardown(self):
        """All processes are killed, and another one delivers the rest."""
        try:
            while self.alive:
                self.kill(self.alive[0])
            self.begin()
            (last,) = self.alive
            self.delivered += last.deliver(window=17)
            stats = last.stats()
            self.end(last)
            # It has written nothing, and all files of the others are delivered.
            assert files(self.folder) == []
            self.check(stats)
        finally:
            shutil.rmtree(self.folder)

    def check(self, stats):
        ids = [each.id for each in self.delivered]
        assert stats["pending"] == 0
        assert stats["lost"].get("corrupt", 0) <= self.torn
        assert set(self.accepted) - self.given_up - set(ids) == set()
        assert set(ids) - set(self.accepted) == set()
        assert all(each == self.accepted[each.id] for each in self.delivered)
        if not self.idempotent:
            assert len(ids) == len(set(ids))
        for name, own in self.own_delivered.items():
            numbers = [number_of(each.payload)[1] for each in own]
            assert numbers == sorted(numbers), name


class AtMostOnce(Outboxes):
    """The same for a destination that keeps repeats."""

    idempotent = False


@pytest.mark.parametrize("machine", [Outboxes, AtMostOnce])
@pytest.mark.parametrize(
    ("examples", "steps"),
    [(200, 30), pytest.param(2000, 50, marks=pytest.mark.soak)],
)
def test_the_promises_hold_in_any_order_of_events(machine, examples, steps):
    """The machine tries sequences of steps, and shortens one that breaks a promise."""
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None),
    )
