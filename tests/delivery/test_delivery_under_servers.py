"""Applications under real servers, which fork before or after they import the application."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_destination import HANG_SECONDS, wait_until
from sending_programs import COLLECT, arrived, run
from sink_server import sink

HERE = Path(__file__).parent
REQUESTS = 400

GUNICORN = "{python} -m gunicorn --bind 127.0.0.1:{port} --workers 2 --no-control-socket"
GTHREAD = f"{GUNICORN} --worker-class gthread --threads 4"
UWSGI = (
    "uwsgi --http-socket 127.0.0.1:{port} --module sending_site --master --processes 2"
    " --stats {folder}/stats"
)

SERVERS = {
    "gunicorn sync": f"{GUNICORN} sending_site",
    "gunicorn sync, preload": f"{GUNICORN} --preload sending_site",
    "gunicorn sync, workers replaced": f"{GUNICORN} --max-requests 50 sending_site",
    "gunicorn gthread": f"{GTHREAD} sending_site",
    "gunicorn gthread, preload": f"{GTHREAD} --preload sending_site",
    "gunicorn gevent": f"{GUNICORN} --worker-class gevent sending_site",
    "gunicorn gevent, preload": f"{GUNICORN} --worker-class gevent --preload sending_site",
    "uwsgi": f"{UWSGI} --enable-threads --die-on-term",
    "uwsgi, lazy": f"{UWSGI} --enable-threads --lazy-apps --die-on-term",
}

WITHOUT_THREADS = f"{UWSGI} --die-on-term"

pytestmark = pytest.mark.servers


@pytest.fixture
def receiver():
    with sink() as receiver:
        yield receiver


@pytest.mark.parametrize("server", SERVERS)
def test_events_in_memory_arrive_when_a_server_is_stopped(receiver, tmp_path, server):
    """Its workers run their exit hooks, which deliver."""
    with serving(SERVERS[server], receiver, "", tmp_path) as port:
        request_each(port, REQUESTS)
        # uWSGI runs no exit hooks in a worker that is busy when it is stopped.
        wait_until(lambda: is_idle(tmp_path / "stats"))

    # The master process of uWSGI runs no Python at its exit, so its own event is lost.
    assert all_arrived(receiver, first=1 if server == "uwsgi" else 0)


# SIGQUIT makes uWSGI with --die-on-term reload.
EXITS = [
    (server, end)
    for server in SERVERS
    for end in (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL)
    if not (server.startswith("uwsgi") and end == signal.SIGQUIT)
]


@pytest.mark.parametrize(("server", "end"), EXITS)
def test_events_on_disk_are_not_lost_however_a_server_ends(receiver, tmp_path, server, end):
    """The next process delivers the events that had not arrived."""
    with serving(SERVERS[server], receiver, tmp_path / "outbox", tmp_path, end=end) as port:
        request_each(port, REQUESTS)
    run(COLLECT, receiver, tmp_path / "outbox")

    assert all_arrived(receiver)


def test_events_of_a_server_without_threads_are_delivered_by_another_process(receiver, tmp_path):
    """uWSGI runs Python threads only with --enable-threads."""
    with serving(WITHOUT_THREADS, receiver, tmp_path / "outbox", tmp_path) as port:
        request_each(port, REQUESTS)
    run(COLLECT, receiver, tmp_path / "outbox")

    assert all_arrived(receiver)


@pytest.mark.parametrize("outbox", ["", "outbox"])
def test_events_of_celery_tasks_arrive(receiver, tmp_path, outbox):
    """In a prefork pool, with the signal handler from the documentation."""
    folder = tmp_path / "broker"
    folder.mkdir()
    environ = environment(receiver, outbox and tmp_path / outbox, BROKER_FOLDER=str(folder))
    send = "import sending_tasks as s\nfor n in range(1, 401): s.write.delay(n)"
    subprocess.run(
        [sys.executable, "-c", send], env={**environ, "OUTBOX": ""}, check=True, cwd=HERE
    )
    command = "-m celery -A sending_tasks worker --pool prefork --concurrency 2 --loglevel ERROR"
    worker = subprocess.Popen([sys.executable, *command.split()], env=environ, cwd=tmp_path)
    try:
        wait_until(lambda: not [*folder.iterdir()])
        worker.send_signal(signal.SIGTERM)
        worker.wait(HANG_SECONDS)
    finally:
        worker.kill()
        worker.wait(HANG_SECONDS)
    if outbox:
        run(COLLECT, receiver, tmp_path / outbox)

    assert all_arrived(receiver)


@contextmanager
def serving(command, receiver, outbox, folder, *, end=signal.SIGTERM):
    """
    Run the server *command*, and yield its port. Stop it afterwards by the signal *end*.

    uWSGI puts the socket of its statistics into *folder*.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = command.format(python=sys.executable, port=port, folder=folder).split()
    words[0] = str(Path(sys.executable).parent / words[0]) if words[0] == "uwsgi" else words[0]
    server = subprocess.Popen(
        words,
        env=environment(receiver, outbox),
        cwd=HERE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: server.poll() is not None or is_listening(port))
        yield port
        if end == signal.SIGKILL:
            # The workers as well: they would notice the end of the master and run exit hooks.
            os.killpg(server.pid, end)
        else:
            server.send_signal(end)
        server.wait(HANG_SECONDS)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(HANG_SECONDS)


def environment(receiver, outbox, **more):
    path = os.pathsep.join([str(HERE)])
    return {
        **os.environ,
        "PYTHONPATH": path,
        "SINK_URL": receiver.url,
        "OUTBOX": str(outbox),
        **more,
    }


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS).close()
    except OSError:
        return False
    return True


def is_idle(path):
    """Return whether no worker of uWSGI, with its statistics at *path*, serves a request."""
    if not path.exists():
        # Another server.
        return True
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        statistics = json.load(connection.makefile("rb"))
    return all(worker["status"] == "idle" for worker in statistics["workers"])


def request_each(port, requests):
    """Send a request for each number from 1 on, eight at a time."""

    def get(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
        connection.request("GET", f"/{number}")
        assert connection.getresponse().read() == b"ok"
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(get, range(1, requests + 1)))


def all_arrived(receiver, first=0):
    """Return whether each event from number *first* on has arrived, and none twice."""
    found = arrived(receiver)
    missing = [number for number in range(first, REQUESTS + 1) if number not in found]
    twice = [number for number, times in found.items() if times > 1 and number]
    assert (missing, twice) == ([], [])
    return True
