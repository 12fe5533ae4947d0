"""Real servers for the sites in this folder, each in a process of its own."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


@contextmanager
def served(kind, site, log):
    """Run *site* under the server called *kind*, and yield what a client needs."""
    # Listening before the server starts: whoever connects early waits, and needs no retry.
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        server = start(kind, site, listening, log)
        client = Client(listening.getsockname()[1], log, server)
        try:
            yield client
        finally:
            try:
                client.stop()
            finally:
                server.kill()
                server.wait()


def start(kind, site, listening, log):
    return subprocess.Popen(
        [sys.executable, str(HERE / "run_server.py"), kind, site, str(listening.fileno())],
        pass_fds=[listening.fileno()],
        env={**os.environ, "PYTHONPATH": str(HERE), "SERVED_LOG": str(log)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Client:
    """Talks to a server, and reads what it logged once it has stopped."""

    def __init__(self, port, log, server):
        self.port = port
        self._log = log
        self._server = server

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def get(self, path, connection=None, method="GET", body=None, **headers):
        """Return the body that answers a request; headers in snake case."""
        return self.ask(path, connection, method, body, **headers)[1]

    def ask(self, path, connection=None, method="GET", body=None, **headers):
        """Return the response and its body."""
        own = connection or self.connection()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        own.request(method, path, body, named)
        response = own.getresponse()
        text = response.read()
        if connection is None:
            own.close()
        return response, text

    def hang_up(self, path, **headers):
        """Ask for *path*, read the beginning of the answer, and go away."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=300) as connection:
            lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            assert connection.recv(64).startswith(b"HTTP/1.")

    def crowd(self, visit, number=50):
        """Run *visit*, for each of *number* users, at the same moment."""
        start = threading.Barrier(number, timeout=300)
        failures = []

        def run(user):
            start.wait()
            try:
                visit(user)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(user,)) for user in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []

    def stop(self):
        """End the server as an operator would, and wait for what it still does."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGTERM)
            self._server.wait(timeout=300)

    def events(self):
        """Return the events that the server logged, after stopping it."""
        self.stop()
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]
