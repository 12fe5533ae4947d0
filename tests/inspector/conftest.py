"""A running inspector, a client of it, and a browser."""

from uuid import uuid4

import pytest
from chromium import chromium
from inspector_client import Client

from eventtracking.inspector.server import Inspector


@pytest.fixture
def token():
    return uuid4().hex


@pytest.fixture
def inspector(token):
    """An inspector on free ports."""
    running = Inspector(token=token)
    yield running
    running.close()


@pytest.fixture
def client(inspector, token):
    return Client(inspector.url, token)


@pytest.fixture(scope="session")
def browser():
    with chromium() as started:
        yield started
