"""The parts of the collector: each refuses, or understands, one side of a request."""
