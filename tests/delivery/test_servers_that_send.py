"""Events of applications under real servers, that fork before and after import, all arrive."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from reception import HANG_SECONDS, until
from sending_programs import COLLECT, arrived, run
from sink_server import sink

HERE = Path(__file__).parent
REQUESTS = 400

GUNICORN = "{python} -m gunicorn --bind 127.0.0.1:{port} --workers 2 --no-control-socket"
GTHREAD = f"{GUNICORN} --worker-class gthread --threads 4"
UWSGI = "uwsgi --http-socket 127.0.0.1:{port} --module sending_site --master --processes 2"

SERVERS = {
    "gunicorn sync": f"{GUNICORN} sending_site",
    "gunicorn sync, preload": f"{GUNICORN} --preload sending_site",
    "gunicorn sync, a worker ends after 50": f"{GUNICORN} --max-requests 50 sending_site",
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
def there():
    with sink() as there:
        yield there


@pytest.mark.parametrize("server", SERVERS)
def test_every_event_of_a_server_arrives_and_it_ends_in_time(there, tmp_path, server):
    """From memory: its workers end in an orderly way, and deliver before."""
    with serving(SERVERS[server], there, "") as port:
        ask(port, REQUESTS)

    # The master of uWSGI runs no Python before its end, so what it emitted stays in it.
    assert whole(there, first=1 if server == "uwsgi" else 0)


# For uWSGI with --die-on-term, SIGQUIT is no end but a reload.
ENDS = [
    (server, end)
    for server in SERVERS
    for end in (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL)
    if not (server.startswith("uwsgi") and end == signal.SIGQUIT)
]


@pytest.mark.parametrize(("server", "end"), ENDS)
def test_with_an_outbox_no_event_of_a_server_is_lost(there, tmp_path, server, end):
    """However it ends: those that did not arrive are delivered by the next process."""
    with serving(SERVERS[server], there, tmp_path / "outbox", end=end) as port:
        ask(port, REQUESTS)
    run(COLLECT, there, tmp_path / "outbox")

    assert whole(there)


def test_without_threads_an_outbox_keeps_what_another_process_delivers(there, tmp_path):
    """uWSGI runs no Python thread unless it is told to."""
    with serving(WITHOUT_THREADS, there, tmp_path / "outbox") as port:
        ask(port, REQUESTS)
    run(COLLECT, there, tmp_path / "outbox")

    assert whole(there)


@pytest.mark.parametrize("outbox", ["", "outbox"])
def test_every_event_of_celerys_processes_arrives(there, tmp_path, outbox):
    """Prefork, with the handler from the documentation."""
    folder = tmp_path / "broker"
    folder.mkdir()
    environ = environment(there, outbox and tmp_path / outbox, BROKER_FOLDER=str(folder))
    send = "import sending_tasks as s\nfor n in range(1, 401): s.write.delay(n)"
    subprocess.run(
        [sys.executable, "-c", send], env={**environ, "OUTBOX": ""}, check=True, cwd=HERE
    )
    command = "-m celery -A sending_tasks worker --pool prefork --concurrency 2 --loglevel ERROR"
    worker = subprocess.Popen([sys.executable, *command.split()], env=environ, cwd=tmp_path)
    try:
        until(lambda: not [*folder.iterdir()])
        worker.send_signal(signal.SIGTERM)
        worker.wait(HANG_SECONDS)
    finally:
        worker.kill()
        worker.wait(HANG_SECONDS)
    if outbox:
        run(COLLECT, there, tmp_path / outbox)

    assert whole(there)


@contextmanager
def serving(command, there, outbox, *, end=signal.SIGTERM):
    """Run the server of *command*, and yield its port; *end* it afterwards, and wait for that."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = command.format(python=sys.executable, port=port).split()
    words[0] = str(Path(sys.executable).parent / words[0]) if words[0] == "uwsgi" else words[0]
    server = subprocess.Popen(
        words,
        env=environment(there, outbox),
        cwd=HERE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: server.poll() is not None or is_listening(port))
        yield port
        if end == signal.SIGKILL:
            # The workers as well: they would notice, and end in an orderly way.
            os.killpg(server.pid, end)
        else:
            server.send_signal(end)
        server.wait(HANG_SECONDS)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(HANG_SECONDS)


def environment(there, outbox, **more):
    path = os.pathsep.join([str(HERE)])
    return {**os.environ, "PYTHONPATH": path, "SINK_URL": there.url, "OUTBOX": str(outbox), **more}


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS).close()
    except OSError:
        return False
    return True


def ask(port, requests):
    """Send a request for each number from 1 on, eight at a time."""

    def get(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
        connection.request("GET", f"/{number}")
        assert connection.getresponse().read() == b"ok"
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(get, range(1, requests + 1)))


def whole(there, first=0):
    """Tell whether each event is there, from that with the number *first* on, and none twice."""
    found = arrived(there)
    missing = [number for number in range(first, REQUESTS + 1) if number not in found]
    twice = [number for number, times in found.items() if times > 1 and number]
    assert (missing, twice) == ([], [])
    return True
