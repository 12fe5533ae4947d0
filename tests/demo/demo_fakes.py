"""Log backends with defects that the demo must find, and a processor that leaks passwords."""

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.exceptions import EventLost


class OmittingBackend(LogFileBackend):
    """Silently omits the answer of one user."""

    def send(self, event, /):
        if (event["name"], event["context"]["username"]) != ("edx.problem.answer.submitted", "ben"):
            super().send(event)


class LosingBackend(LogFileBackend):
    """Loses every pause, and raises the exception for it."""

    def send(self, event, /):
        if event["name"] == "edx.video.paused":
            raise EventLost("backend_error", "pauses are lost")
        super().send(event)


class RepeatingBackend(LogFileBackend):
    """Writes every enrolment twice."""

    def send(self, event, /):
        for _ in range(2 if event["name"] == "edx.course.enrollment.activated" else 1):
            super().send(event)


class MixingBackend(LogFileBackend):
    """Writes every event with the same user, and with another name."""

    def send(self, event, /):
        context = {**event["context"], "username": "ana"}
        super().send({**event, "name": event["name"].upper(), "context": context})


class UnmarkingBackend(LogFileBackend):
    """Removes the mark of a truncated event."""

    def send(self, event, /):
        context = {name: fact for name, fact in event["context"].items() if name != "truncated"}
        super().send({**event, "context": context})


def leak_password(event, /):
    """Copy a password to a field in which no guard expects one."""
    if "password" in event["data"]:
        event["context"]["motto"] = event["data"]["password"]
