"""Events that are sent again are emitted once, in one process and in several."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from collector_requests import HEADERS, Site, an_event, encoded
from core_fakes import in_threads

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.tracker import Tracker
from eventtracking.web.collector import Collector, shared_ids
from eventtracking.web.collector.bounded_cache import BoundedCache
from eventtracking.web.collector.shared_ids import SharedIds


def test_an_event_that_is_sent_again_is_a_duplicate():
    """In the same request or in another one, from any address."""
    site = Site()
    event = an_event(id="one")

    assert site.results(event, event) == ["accepted", "duplicate"]
    assert site.results(event, facts={"ip": "198.51.100.1"}) == ["duplicate"]
    assert len(site.events) == 1


def test_a_refused_event_may_be_sent_again():
    """It is accepted when it is fixed."""
    site = Site()

    assert site.results(an_event("a\n", id="one"), an_event("a", id="one")) == [
        "invalid_name",
        "accepted",
    ]


def test_the_last_ids_are_remembered():
    """At least that many, and never more than twice as many."""
    cache = BoundedCache(1_000)
    for number in range(10_000):
        cache.get(str(number), lambda: True)

        assert len(cache) <= 2_000
    known = [cache.get(str(number), lambda: False) for number in range(9_000, 10_000)]

    assert all(known)
    assert cache.get("0", lambda: "new") == "new"


def test_an_event_from_several_threads_is_emitted_once():
    """A beacon and a retry may arrive at the same moment."""
    site = Site()
    events = [an_event(id=f"{number}") for number in range(100)]
    in_threads([lambda: site.send(*events)] * 8)

    assert len(site.events) == 100
    assert site.collector.stats()["duplicates"] == 700


def test_two_collectors_share_the_ids_in_a_file(tmp_path):
    """As in two processes of a site."""
    path = str(tmp_path / "ids")
    sites = Site(duplicates_path=path), Site(duplicates_path=path)
    event = an_event(id="one")

    assert [site.results(event, an_event()) for site in sites] == [
        ["accepted", "accepted"],
        ["duplicate", "accepted"],
    ]
    assert os.stat(path).st_mode & 0o777 == 0o600


PROGRAM = """
import json, sys
from eventtracking.web.collector.shared_ids import SharedIds
ids = SharedIds(sys.argv[1], 10_000)
def is_first(event_id):
    with ids.locked() as locked:
        is_known = event_id in locked
        if not is_known:
            locked.add(event_id)
    return not is_known
sys.stdin.readline()
print(json.dumps([number for number in range(2_000) if is_first(str(number))]))
"""


def test_an_id_is_new_in_one_process_only(tmp_path):
    """However the processes are scheduled."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "ids")]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    accepted = [
        each for process in processes for each in json.loads(process.communicate(timeout=300)[0])
    ]

    # A bucket of the table may overflow and lose an id, but no id is found that was not added.
    assert set(accepted) == set(range(2_000))
    assert len(accepted) <= 2_010


def test_the_file_of_ids_does_not_grow(tmp_path):
    """New ids displace old ones."""
    ids = SharedIds(str(tmp_path / "ids"), 100)
    for number in range(2_000):
        with ids.locked() as locked:
            assert f"id-{number}" not in locked
            locked.add(f"id-{number}")
            assert f"id-{number}" in locked

    assert (tmp_path / "ids").stat().st_size <= 100 * 4 * 16


def test_events_are_accepted_if_the_file_cannot_be_used(tmp_path, caplog):
    """A repeated event is better than a lost one. A warning is logged."""
    site = Site(duplicates_path=str(tmp_path / "missing" / "ids"))
    event = an_event(id="one")

    assert site.results(event, event) == ["accepted", "duplicate"]
    [message] = caplog.messages
    assert message.startswith("Cannot use the shared file of event ids for 1 request(s): ")


def test_a_request_waits_for_the_file_only_once(tmp_path, monkeypatch):
    """A process that holds the lock must not block the site for each event."""
    attempts = []

    def busy(file, seconds):
        attempts.append(file)
        raise BlockingIOError("busy")

    monkeypatch.setattr(shared_ids, "lock_file", busy)
    site = Site(duplicates_path=str(tmp_path / "ids"))

    assert site.results(*(an_event() for _ in range(5))) == ["accepted"] * 5
    assert len(attempts) == 1
    assert site.results(an_event()) == ["accepted"]
    assert len(attempts) == 2


def test_events_are_accepted_while_the_file_is_locked(tmp_path, caplog):
    """With a real lock of another process."""
    path = tmp_path / "ids"
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert Site(duplicates_path=str(path)).results(an_event()) == ["accepted"]
    assert "event ids for 1 request(s)" in caplog.text


def test_a_request_without_ids_does_not_open_the_file(tmp_path):
    """It does not wait for the lock."""
    path = tmp_path / "ids"

    assert Site(duplicates_path=str(path)).results({"name": "video.played"}) == ["accepted"]
    assert not path.exists()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_is_forked_meanwhile_does_not_keep_the_lock(tmp_path):
    """If a backend forks, the next request can lock the file."""
    path = tmp_path / "ids"
    children, (ours, theirs) = [], socket.socketpair()

    class Forks:
        def send(self, event):
            child = os.fork()
            if not child:
                ours.close()
                theirs.recv(1)
                os._exit(0)
            children.append(child)

    collector = Collector(tracker=Tracker({"forks": Forks()}), duplicates_path=str(path))
    try:
        collector("POST", HEADERS, encoded(an_event()))
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        ours.close()
        theirs.close()
        ended = [os.waitpid(child, 0)[1] for child in children]

    assert ended == [0]


KILLED = """
import os, sys
from collector_requests import HEADERS, an_event, encoded
from eventtracking.tracker import Tracker
from eventtracking.web.collector import Collector
class Kills:
    def send(self, event):
        os._exit(9)
collector = Collector(tracker=Tracker({"kills": Kills()}), duplicates_path=sys.argv[1])
collector("POST", HEADERS, encoded(an_event(id="one")))
"""


def test_an_event_is_not_a_duplicate_if_the_process_was_killed_while_emitting_it(tmp_path):
    """It is accepted when the browser sends it again."""
    path = str(tmp_path / "ids")
    command = [sys.executable, "-c", KILLED, path]
    killed = subprocess.run(command, cwd=Path(__file__).parent, timeout=300, check=False)
    site = Site(duplicates_path=path)

    assert killed.returncode == 9
    assert site.results(an_event(id="one")) == ["accepted"]
    assert len(site.events) == 1


def test_a_symbolic_link_in_place_of_the_file_is_not_followed(tmp_path):
    """An attacker may have created it."""
    (tmp_path / "target").write_text("precious")
    (tmp_path / "ids").symlink_to(tmp_path / "target")

    assert Site(duplicates_path=str(tmp_path / "ids")).results(an_event()) == ["accepted"]
    assert (tmp_path / "target").read_text() == "precious"


@pytest.mark.parametrize("path", ["", 5, [], b""])
def test_the_option_for_the_file_is_a_path_or_none(path):
    """Anything else is refused when the program starts."""
    with pytest.raises(ImproperlyConfigured, match=r"^Collector: duplicates_path must be "):
        Collector(duplicates_path=path)
