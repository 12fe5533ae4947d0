"""Classes that the Django settings of these tests name."""

BUILT = []
CLOSED = []


class Keeper:
    """A backend that remembers being made and being closed."""

    def __init__(self, *, label="", write_key=None):
        self.label = label
        BUILT.append(label)

    def send(self, event, /):
        """Take *event*."""

    def close(self, timeout):
        """Remember that this was closed."""
        CLOSED.append(self.label)


class Network(Keeper):
    """A backend that says it sends events away."""

    sends_over_network = True


class Refusing:
    """A backend that cannot be made."""

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
