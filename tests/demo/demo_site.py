"""A running demonstration, and what can be asked of it."""

import json
import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

from eventtracking.journal import read


class Site:
    """A running demonstration: where it answers, and where its events go."""

    def __init__(self, url, log):
        self.url = url
        self.log = log

    def request(self, method, path, body=None, **headers):
        """Return the status, the headers and the body of the answer."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=300)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def act(self, path, user="ana", **form):
        """Do what the page does on a click; return the status and what the answer says."""
        body = json.dumps({"user": user, **form})
        status, _, answer = self.request("POST", path, body, Content_Type="application/json")
        return status, json.loads(answer)

    def events(self):
        """Return the events in the log."""
        return [*read(self.log)]


class Program(Site):
    """A demonstration in a process of its own, that has told where it answers."""

    def __init__(self, process, log):
        self.process = process
        self.welcome = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", self.welcome)
        assert url, (self.welcome, process.stderr.read())
        super().__init__(url[0], log)
        process.stdout.readline()
        process.stdout.readline()

    def end(self, number):
        """Send the signal *number*; return what the process said after it, and its exit code."""
        self.process.send_signal(number)
        output, complaint = self.process.communicate(timeout=300)
        return output, complaint, self.process.returncode
