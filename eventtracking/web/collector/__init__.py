"""Take the events that browsers send, and emit them as events of the site."""

from eventtracking.web.collector.collector import CLIENT_FILES, Collector

__all__ = ["CLIENT_FILES", "Collector"]
