"""A site that uses the client, and browsers to visit it with."""

import pytest
from chromium import chromium
from firefox import firefox
from stand_in_collector import stand_in
from webkit import webkit


@pytest.fixture
def site():
    with stand_in() as running:
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
