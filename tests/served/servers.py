"""Real servers for the sites in this folder, each in a process of its own, and their client."""

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
    """Run *site* under the server called *kind*, and yield a client of it."""
    # It listens before the server starts: an early client waits, and need not retry.
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
    """Sends requests to a server, and reads its log after stopping it."""

    def __init__(self, port, log, server):
        self.port = port
        self._log = log
        self._server = server

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def get(self, path, connection=None, method="GET", body=None, **headers):
        """Return the body of the response; *headers* have names in snake case."""
        return self.request(path, connection, method, body, **headers)[1]

    def request(self, path, connection=None, method="GET", body=None, **headers):
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
        """Request *path*, read the beginning of the response, and disconnect."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=300) as connection:
            lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
            lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            assert connection.recv(64).startswith(b"HTTP/1.")

    def crowd(self, visit, number=50):
        """Call *visit* for each of *number* users at the same time."""
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
        """Stop the server as an operator would, and wait until its requests are finished."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGTERM)
            self._server.wait(timeout=300)

    def events(self):
        """Stop the server; return the events in its log."""
        self.stop()
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]
