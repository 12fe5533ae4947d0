"""What is sent again counts once: within a process, and over all of them."""

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
from eventtracking.web.collector.recent import Recent
from eventtracking.web.collector.shared_ids import SharedIds


def test_an_event_that_comes_again_is_a_duplicate():
    """In the same request or in another, from whichever address."""
    site = Site()
    event = an_event(id="one")

    assert site.results(event, event) == ["accepted", "duplicate"]
    assert site.results(event, facts={"ip": "198.51.100.1"}) == ["duplicate"]
    assert len(site.events) == 1


def test_what_was_refused_may_come_again():
    """Mended, it is taken."""
    site = Site()

    assert site.results(an_event("a\n", id="one"), an_event("a", id="one")) == [
        "invalid_name",
        "accepted",
    ]


def test_the_last_ids_are_remembered_and_no_more_than_fit():
    """All of them, and never more than twice as many."""
    recent = Recent(1_000)
    for number in range(10_000):
        recent.get(str(number), lambda: True)

        assert len(recent) <= 2_000
    known = [recent.get(str(number), lambda: False) for number in range(9_000, 10_000)]

    assert all(known)
    assert recent.get("0", lambda: "new") == "new"


def test_of_threads_with_one_event_one_brings_it():
    """A beacon and a request that was repeated may come at the same moment."""
    site = Site()
    events = [an_event(id=f"{number}") for number in range(100)]
    in_threads([lambda: site.send(*events)] * 8)

    assert len(site.events) == 100
    assert site.collector.stats()["duplicates"] == 700


def test_two_collectors_with_one_file_are_one(tmp_path):
    """As two processes of a site are."""
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
def is_first(identity):
    with ids.locked() as locked:
        is_known = identity in locked
        if not is_known:
            locked.add(identity)
    return not is_known
sys.stdin.readline()
print(json.dumps([number for number in range(2_000) if is_first(str(number))]))
"""


def test_of_processes_with_one_event_one_brings_it(tmp_path):
    """However they take turns."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "ids")]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [
        each for process in processes for each in json.loads(process.communicate(timeout=300)[0])
    ]

    # A bucket of the table may overflow, and forget; nothing is taken for one that was not there.
    assert set(taken) == set(range(2_000))
    assert len(taken) <= 2_010


def test_the_file_of_ids_does_not_grow(tmp_path):
    """It is a table, in which the new displace the old."""
    ids = SharedIds(str(tmp_path / "ids"), 100)
    for number in range(2_000):
        with ids.locked() as locked:
            assert f"id-{number}" not in locked
            locked.add(f"id-{number}")
            assert f"id-{number}" in locked

    assert (tmp_path / "ids").stat().st_size <= 100 * 4 * 16


def test_a_file_that_cannot_be_used_stops_no_event(tmp_path, caplog):
    """Twice is better than never; a warning says so."""
    site = Site(duplicates_path=str(tmp_path / "missing" / "ids"))
    event = an_event(id="one")

    assert site.results(event, event) == ["accepted", "duplicate"]
    [message] = caplog.messages
    assert message.startswith("Cannot look into the file of duplicates for 1 request(s): ")


def test_a_file_that_is_busy_is_waited_for_once_a_request(tmp_path, monkeypatch):
    """However many events it brings: whoever holds the lock must not hold up the site."""
    waited = []

    def busy(file):
        waited.append(file)
        raise BlockingIOError("busy")

    monkeypatch.setattr(shared_ids, "_lock", busy)
    site = Site(duplicates_path=str(tmp_path / "ids"))

    assert site.results(*(an_event() for _ in range(5))) == ["accepted"] * 5
    assert len(waited) == 1
    assert site.results(an_event()) == ["accepted"]
    assert len(waited) == 2


def test_a_lock_that_somebody_keeps_stops_no_event(tmp_path, caplog):
    """A real one."""
    path = tmp_path / "ids"
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        assert Site(duplicates_path=str(path)).results(an_event()) == ["accepted"]
    assert "duplicates for 1 request(s)" in caplog.text


def test_a_request_without_ids_leaves_the_file_alone(tmp_path):
    """It need not wait for anybody."""
    path = tmp_path / "ids"

    assert Site(duplicates_path=str(path)).results({"name": "video.played"}) == ["accepted"]
    assert not path.exists()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_is_forked_meanwhile_keeps_no_lock(tmp_path):
    """A backend that starts one leaves the file to the next request all the same."""
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


def test_a_process_that_is_killed_with_an_event_in_its_hands_has_not_taken_it(tmp_path):
    """It comes again, and nobody takes it for a duplicate."""
    path = str(tmp_path / "ids")
    command = [sys.executable, "-c", KILLED, path]
    killed = subprocess.run(command, cwd=Path(__file__).parent, timeout=300, check=False)
    site = Site(duplicates_path=path)

    assert killed.returncode == 9
    assert site.results(an_event(id="one")) == ["accepted"]
    assert len(site.events) == 1


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    """It may have been laid there."""
    (tmp_path / "target").write_text("precious")
    (tmp_path / "ids").symlink_to(tmp_path / "target")

    assert Site(duplicates_path=str(tmp_path / "ids")).results(an_event()) == ["accepted"]
    assert (tmp_path / "target").read_text() == "precious"


@pytest.mark.parametrize("path", ["", 5, [], b""])
def test_the_file_has_a_path(path):
    """Or there is none."""
    with pytest.raises(ImproperlyConfigured, match=r"^Collector: duplicates_path must be "):
        Collector(duplicates_path=path)
