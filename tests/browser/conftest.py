"""A site that uses the client, and browsers that visit it."""

import pytest
from chromium import chromium
from fake_collector import fake_collector
from firefox import firefox
from webkit import webkit


@pytest.fixture
def site():
    with fake_collector() as running:
        yield running


@pytest.fixture(
    scope="session",
    params=[
        chromium,
        pytest.param(firefox, marks=pytest.mark.browsers),
        pytest.param(webkit, marks=pytest.mark.browsers),
    ],
    ids=lambda start: start.__name__,
)
def browser(request):
    with request.param() as started:
        yield started
