"""Collect the events that browsers send, and emit them through the tracker."""

from eventtracking.web.collector.client_files import CLIENT_FILES
from eventtracking.web.collector.collector import Collector

__all__ = ["CLIENT_FILES", "Collector"]
