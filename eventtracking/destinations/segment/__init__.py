"""Segment: messages for its HTTP API, and calls of its Python client."""
