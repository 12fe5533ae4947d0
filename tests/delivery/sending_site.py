"""A site that sends an event for each request, and one when it is imported."""

from sending_programs import backend

from eventtracking import tracker

tracker.register_tracker(tracker.Tracker({"sink": backend(flush_interval=0.05)}))
# As some applications do at their start: with --preload, before the server forks.
tracker.emit("line.written", {"number": 0})


def application(environ, start_response):
    """Emit the number in the path."""
    tracker.emit("line.written", {"number": int(environ["PATH_INFO"].strip("/"))})
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
