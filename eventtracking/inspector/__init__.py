"""A local stand-in for Segment, Datadog and Google Analytics, with a live page."""
