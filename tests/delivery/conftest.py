"""Fixtures of the tests of delivery."""

import pytest
from fake_destination import FakeDestination

from eventtracking.delivery import NetworkBackend


@pytest.fixture
def new_backend():
    """Return a function that builds a backend for a destination. It is closed afterwards."""
    built = []

    def build(destination=None, **options):
        backend = NetworkBackend(destination or FakeDestination(), **options)
        built.append(backend)
        return backend

    yield build
    for backend in built:
        backend.close(0)
