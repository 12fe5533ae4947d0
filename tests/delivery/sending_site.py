"""A site that sends an event for each request, and one as it is imported."""

from sending_programs import backend

from eventtracking import tracker

tracker.register_tracker(tracker.Tracker({"sink": backend(flush_interval=0.05)}))
# As applications do that track their own start: before a server forks, with --preload.
tracker.emit("line.written", {"number": 0})


def application(environ, start_response):
    """Emit the number that is the path."""
    tracker.emit("line.written", {"number": int(environ["PATH_INFO"].strip("/"))})
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
