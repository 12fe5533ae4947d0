"""Processes killed at any moment: no accepted event is lost."""

import contextlib
import json
import os
import random
import socketserver
import threading
import time
from collections import Counter

import pytest
from outbox_programs import HANG_SECONDS, CountedOutbox, files, ids, number_of, record, run, start
from outbox_writers import SinkDestination

from eventtracking.delivery import NetworkBackend

# Forks writers, kills one of them again and again, and prints how many it killed.
KILLER = """
    import os, random, signal, sys, time
    from outbox_writers import write_until_killed

    folder, port, acknowledged, kills = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    chance = random.Random(int(sys.argv[5]))

    def fork_writer(name):
        child = os.fork()
        if not child:
            write_until_killed(folder, port, acknowledged, name)
        return child

    writers = [fork_writer(f"w{number}") for number in range(4)]
    for number in range(4, kills):
        time.sleep(chance.uniform(0.001, 0.06))
        victim = writers.pop(chance.randrange(4))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        writers.append(fork_writer(f"w{number}"))
    for writer in writers:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    print(kills)
"""


class Sink(socketserver.ThreadingTCPServer):
    """A receiver that stores what it gets, and fails often while it is faulty."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 100

    def __init__(self, seed):
        super().__init__(("127.0.0.1", 0), Handler)
        self.is_faulty = True
        self.chance = random.Random(seed)
        self.stored = []
        self.unconfirmed = 0


class Handler(socketserver.StreamRequestHandler):
    """One batch: its length in a line, then one payload a line."""

    def handle(self):
        with contextlib.suppress(OSError, ValueError):
            body = self.rfile.read(int(self.rfile.readline()))
            self.wfile.write(self.respond(body.splitlines()))

    def respond(self, payloads):
        number = self.server.chance.random() if self.server.is_faulty else 1.0
        if number < 0.20:
            return b"500"
        if number < 0.22:
            return b"429"
        self.server.stored += payloads
        if number < 0.27:
            # The connection breaks after the batch was stored.
            self.server.unconfirmed += len(payloads)
            return b""
        if number < 0.28:
            time.sleep(1.3)
        return b"200"


@pytest.fixture
def sink():
    """A receiver in this process, which is not killed."""
    with Sink(seed=5) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(HANG_SECONDS)


@pytest.mark.parametrize(
    "kills", [300, pytest.param(5000, marks=pytest.mark.soak)], ids="{} kills".format
)
def test_no_kill_loses_an_accepted_event(tmp_path, sink, kills):
    """With a faulty receiver, all events of four writers arrive, and few of them twice."""
    folder, acknowledged = tmp_path / "outbox", tmp_path / "acknowledged"
    port = sink.server_address[1]
    with start(KILLER, folder, port, acknowledged, kills, 7) as killer:
        out, err = killer.communicate(timeout=HANG_SECONDS * 10)
    assert (out, err) == (f"{kills}\n", "")
    sink.is_faulty = False
    room = 10**10
    backend = NetworkBackend(
        SinkDestination(port), outbox=folder, exit_timeout=0, max_outbox_bytes=room
    )
    backend.put("last", record(0, "last").payload)

    finished = backend.flush(HANG_SECONDS * 4)
    found = Counter(map(number_of, sink.stored))
    accepted = {(line.split()[0], int(line.split()[1])) for line in read_lines(acknowledged)}
    twice = found.total() - len(found)
    stats = backend.stats()
    backend.close()
    figures = f"{len(accepted)} accepted, {twice} of {found.total()} twice, {stats}"
    print(f"{kills} kills: {figures}")  # noqa: T201  # the figures

    assert finished
    assert accepted - set(found) == set()
    # An event that was written and not yet noted may arrive as well: at most one for each kill.
    assert len(set(found) - accepted) <= kills + 1
    # At most a tenth arrives twice because of kills, and in addition those that the receiver
    # stored and did not confirm. On a busy machine there are fewer events for each kill: both
    # together were 12 % there, and 5 % on an idle one.
    assert twice <= 0.10 * found.total() + sink.unconfirmed
    assert stats["pending"] == 0
    assert set(stats["lost"]) <= {"corrupt"}
    assert sum(stats["lost"].values()) <= kills
    assert files(folder) == []
    # The next event arrives, too.
    backend = NetworkBackend(SinkDestination(port), outbox=folder, exit_timeout=0)
    backend.put("fresh", record(0, "fresh").payload)
    assert backend.flush(HANG_SECONDS)
    backend.close()
    assert number_of(sink.stored[-1]) == ("fresh", 0)


# For each point, runs a process that is killed there, and one that adopts its files.
KILL_POINTS = """
    import json, os, signal, sys
    from outbox_programs import UNLIMITED, CountedOutbox, files, forked, ids, record

    folder, idempotent = sys.argv[1], sys.argv[2] == "True"

    class Killed:
        '''Kills this process at the given call of a function of `os`.'''

        def __init__(self, name, number, after):
            self.real, self.left, self.after = getattr(os, name), number, after
            setattr(os, name, self)

        def __call__(self, *args):
            self.left -= 1
            if self.left == 0 and not self.after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = self.real(*args)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

    def live(place, name, number, after):
        '''Add, deliver and settle events; note which were accepted and which were sent.'''
        path = os.path.join(folder, str(place))
        counted = CountedOutbox(path, max_bytes=700_000, idempotent=idempotent)
        log = os.open(path + ".log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        note = lambda what, each: write(log, f"{what} {each}\\n".encode())
        write = os.write
        Killed(name, number, after)
        for number in range(200):
            if counted.put(record(number, size=1000)):
                note("accepted", f"w-{number}")
            if number % 20 == 19:
                batch = counted.outbox.peek(10, UNLIMITED)
                counted.outbox.mark_sending(batch)
                for each in batch:
                    note("sent", each.id)
                counted.outbox.settle(batch)
        os.kill(os.getpid(), signal.SIGKILL)

    results = []
    for place, point in enumerate(
        (name, number, after)
        for name, numbers in {
            "write": (1, 2, 30, 150), "pwrite": (1, 2, 7, 15), "unlink": (1,),
            "rename": (1, 2), "pread": (1, 4), "open": (1, 2, 3, 4),
        }.items()
        for number in numbers
        for after in (False, True)
    ):
        ended = forked(lambda: live(place, *point))
        path = os.path.join(folder, str(place))
        later = CountedOutbox(path, idempotent=idempotent)
        found = ids(later.deliver())
        stats = later.stats()
        log = [line.split() for line in open(path + ".log")]
        accepted = [each for what, each in log if what == "accepted"]
        sent = [each for what, each in log if what == "sent"]
        left = [str(each) for each in files(path)]
        results.append([point, ended, accepted, sent, found, stats, left])
    print(json.dumps(results))
"""


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_kill_at_any_point_loses_no_event_and_repeats_few(tmp_path, idempotent):
    """Before and after calls that write, move the cursor, delete, rename, read and open."""
    results = run(KILL_POINTS, tmp_path, idempotent)

    assert len(results) == 34
    for point, ended, accepted, sent, found, stats, left in results:
        assert ended == -9, point
        lost = sum(stats["lost"].values())
        missing = set(accepted) - set(sent) - set(found)
        # They were marked, and not yet sent.
        assert len(missing) <= stats["lost"].get("rejected", 0), point
        assert set(stats["lost"]) <= ({"corrupt"} if idempotent else {"corrupt", "rejected"})
        repeated = set(sent) & set(found)
        if idempotent:
            # At most those that were being sent.
            assert len(repeated) <= 10, point
            assert lost <= 1
        else:
            assert repeated == set(), point
            assert lost <= 10
        assert len(sent) == len(set(sent))
        assert len(found) == len(set(found))
        assert left == [], point


def test_a_destination_that_keeps_repeats_gets_no_event_twice_after_kills(tmp_path, sink):
    """Batches are being sent at the kills. Few events are missing."""
    folder, acknowledged = tmp_path / "outbox", tmp_path / "acknowledged"
    sink.is_faulty = False
    port = sink.server_address[1]
    with start(KILLER, folder, -port, acknowledged, 60, 3) as killer:
        out, err = killer.communicate(timeout=HANG_SECONDS)
    assert (out, err) == ("60\n", "")
    backend = NetworkBackend(SinkDestination(port, idempotent=False), outbox=folder, exit_timeout=0)
    backend.put("last", record(0, "last").payload)

    finished = backend.flush(HANG_SECONDS)
    found = Counter(map(number_of, sink.stored))
    accepted = {(line.split()[0], int(line.split()[1])) for line in read_lines(acknowledged)}
    stats = backend.stats()
    backend.close()
    missing = accepted - set(found)

    assert finished
    assert set(found.values()) == {1}
    # At most a batch for each kill.
    assert len(missing) <= 60 * 50
    assert set(stats["lost"]) <= {"corrupt", "rejected"}


def read_lines(path):
    return path.read_text("utf-8").splitlines()


def test_a_suspended_process_keeps_its_files(tmp_path):
    """Its lock shows that it is alive, however long it does nothing."""
    counted = CountedOutbox(tmp_path)
    counted.put(record(0))
    result = run(
        """
        import json, sys
        from outbox_programs import CountedOutbox, ids

        other = CountedOutbox(sys.argv[1])
        print(json.dumps(ids(other.deliver())))
        """,
        tmp_path,
    )

    assert result == []
    assert ids(counted.deliver()) == ["w-0"]
    assert json.dumps(os.listdir(tmp_path))
