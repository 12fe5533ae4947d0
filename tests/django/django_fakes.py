"""Backends and processors for the Django settings of these tests."""

BUILT = []
CLOSED = []


class RecordingBackend:
    """A backend that records when it is built and closed."""

    def __init__(self, *, label="", write_key=None):
        self.label = label
        BUILT.append(label)

    def send(self, event, /):
        """Take *event*."""

    def close(self, timeout):
        """Record that this was closed."""
        CLOSED.append(self.label)


class NetworkedBackend(RecordingBackend):
    """A backend that declares that it sends events over a network."""

    sends_over_network = True


class Refusing:
    """A backend whose constructor raises."""

    def __init__(self, *, label="", write_key=None):
        raise OSError(f"no room for {label} {write_key}")

    def send(self, event, /):
        """Take *event*."""


def tag(event, /):
    """Mark *event*."""
    event["data"]["tagged"] = True


def make_tag():
    """Return a processor."""
    return tag
