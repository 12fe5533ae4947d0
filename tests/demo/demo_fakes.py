"""Backends that do wrong what a log has to do right, and a processor that talks too much."""

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.exceptions import EventLost


class Forgetful(LogFileBackend):
    """Leaves out what one user answers, and believes it wrote it."""

    def send(self, event, /):
        if (event["name"], event["context"]["username"]) != ("edx.problem.answer.submitted", "ben"):
            super().send(event)


class Failing(LogFileBackend):
    """Loses every pause, and says so."""

    def send(self, event, /):
        if event["name"] == "edx.video.paused":
            raise EventLost("backend_error", "the pauses are full")
        super().send(event)


class Repeating(LogFileBackend):
    """Writes every enrolment twice."""

    def send(self, event, /):
        for _ in range(2 if event["name"] == "edx.course.enrollment.activated" else 1):
            super().send(event)


class Confusing(LogFileBackend):
    """Takes everyone for the first user it met, and every name for another."""

    def send(self, event, /):
        context = {**event["context"], "username": "ana"}
        super().send({**event, "name": event["name"].upper(), "context": context})


class Hushing(LogFileBackend):
    """Takes away what says that an event was cut."""

    def send(self, event, /):
        context = {name: fact for name, fact in event["context"].items() if name != "truncated"}
        super().send({**event, "context": context})


def blab(event, /):
    """Copy a password to where no guard looks for one."""
    if "password" in event["data"]:
        event["context"]["motto"] = event["data"]["password"]
