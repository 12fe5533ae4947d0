"""What the tests of the way to a destination share."""

import pytest
from reception import Reception

from eventtracking.delivery import NetworkBackend


@pytest.fixture
def carrying():
    """Return a function that builds a backend for a destination; it is closed afterwards."""
    built = []

    def build(destination=None, **options):
        backend = NetworkBackend(destination or Reception(), **options)
        built.append(backend)
        return backend

    yield build
    for backend in built:
        backend.close(0)
