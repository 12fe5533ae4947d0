"""Classes that the settings of these tests name as engines."""

from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import ImproperlyConfigured

CLOSED = []


class Keeper:
    """A backend with three optional options that records when it is closed."""

    def __init__(self, *, label="", write_key=None, extra=None):
        self.label = label
        self.write_key = write_key
        self.extra = extra

    def send(self, event, /):
        """Take *event*."""

    def close(self, timeout):
        """Record the call."""
        CLOSED.append((self.label, timeout))


class PlainCloser:
    """A backend whose `close` has no timeout."""

    def __init__(self, *, label):
        self.label = label

    def send(self, event, /):
        """Take *event*."""

    def close(self):
        """Record the call."""
        CLOSED.append((self.label, None))


class BadCloser(Keeper):
    """A backend that fails when it is closed."""

    def close(self, timeout):
        raise OSError(f"cannot close {self.write_key}")


class Picky:
    """A backend that refuses its option and quotes it."""

    def __init__(self, *, write_key):
        raise ImproperlyConfigured(f"Picky: write_key must be longer, got {write_key!r}")

    def send(self, event, /):
        """Take *event*."""


class Breaking:
    """A backend whose constructor has a bug."""

    def __init__(self, *, value=None):
        raise LookupError(f"lost {value}\nin two lines")

    def send(self, event, /):
        """Take *event*."""


class Unprintable(Exception):
    """An error whose text and representation cannot be computed."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class UnprintableFailure:
    """A backend whose error has no text."""

    def __init__(self):
        raise Unprintable


class Tag:
    """A processor that adds a field."""

    def __init__(self, word="tag"):
        self.word = word

    def __call__(self, event, /):
        """Mark *event*."""
        event["data"][self.word] = True


class NoSend:
    """An object that is neither a backend nor a processor."""


class PositionalOnly:
    """A class that OPTIONS cannot construct, because its argument has no name."""

    def __init__(self, value, /):
        self.value = value


class Anything:
    """A backend that accepts any option."""

    def __init__(self, **options):
        self.options = options

    def send(self, event, /):
        """Take *event*."""


class LimitedRouter(RoutingBackend):
    """A router with an additional option."""

    def __init__(self, backends=None, processors=None, *, limit):
        super().__init__(backends, processors)
        self.limit = limit


def make_keeper(label):
    """Return a backend: an engine may be a function."""
    return Keeper(label=label)
