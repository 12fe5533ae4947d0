"""Classes that settings in these tests name. Each remembers what was asked of it."""

from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import ImproperlyConfigured

CLOSED = []


class Keeper:
    """A backend that takes any of three options and can be closed."""

    def __init__(self, *, label="", write_key=None, extra=None):
        self.label = label
        self.write_key = write_key
        self.extra = extra

    def send(self, event, /):
        """Take *event*."""

    def close(self, timeout):
        """Remember that this was closed."""
        CLOSED.append((self.label, timeout))


class PlainCloser:
    """A backend whose `close` takes no time."""

    def __init__(self, *, label):
        self.label = label

    def send(self, event, /):
        """Take *event*."""

    def close(self):
        """Remember that this was closed."""
        CLOSED.append((self.label, None))


class BadCloser(Keeper):
    """A backend that fails when it is closed."""

    def close(self, timeout):
        raise OSError(f"cannot close {self.write_key}")


class Picky:
    """A backend that refuses what it is given, and quotes it."""

    def __init__(self, *, write_key):
        raise ImproperlyConfigured(f"Picky: write_key must be longer, got {write_key!r}")

    def send(self, event, /):
        """Take *event*."""


class Breaking:
    """A backend whose constructor has a defect."""

    def __init__(self, *, value=None):
        raise LookupError(f"lost {value}\nin two lines")

    def send(self, event, /):
        """Take *event*."""


class Unspeakable(Exception):
    """An error that cannot be put into words."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class Mute:
    """A backend that fails without words."""

    def __init__(self):
        raise Unspeakable


class Tag:
    """A processor."""

    def __init__(self, word="tag"):
        self.word = word

    def __call__(self, event, /):
        """Mark *event*."""
        event["data"][self.word] = True


class NoSend:
    """Neither a backend nor a processor."""


class PositionalOnly:
    """A class that no OPTIONS can build."""

    def __init__(self, value, /):
        self.value = value


class Anything:
    """A backend that takes any option."""

    def __init__(self, **options):
        self.options = options

    def send(self, event, /):
        """Take *event*."""


class LimitedRouter(RoutingBackend):
    """A router with an option of its own."""

    def __init__(self, backends=None, processors=None, *, limit):
        super().__init__(backends, processors)
        self.limit = limit


def make_keeper(label):
    """Return a backend: a function may stand where a class does."""
    return Keeper(label=label)
