"""A client of a running demo."""

import json
import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

from eventtracking.journal import read


class Site:
    """A running demo: its address and its log."""

    def __init__(self, url, log):
        self.url = url
        self.log = log

    def request(self, method, path, body=None, **headers):
        """Return the status, the headers and the body of the response."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=300)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def act(self, path, user="ana", **form):
        """Send the request of a click on the page; return the status and the parsed response."""
        body = json.dumps({"user": user, **form})
        status, _, response = self.request("POST", path, body, Content_Type="application/json")
        return status, json.loads(response)

    def events(self):
        """Return the events in the log."""
        return [*read(self.log)]


class Program(Site):
    """A demo in a process of its own, which has printed its address."""

    def __init__(self, process, log):
        self.process = process
        self.welcome = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", self.welcome)
        assert url, (self.welcome, process.stderr.read())
        super().__init__(url[0], log)
        # The second line of the welcome, and an empty one.
        process.stdout.readline()
        process.stdout.readline()

    def stop(self, number):
        """Send the signal *number*; return the rest of the output, the errors and the exit code."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=300)
        return output, errors, self.process.returncode
