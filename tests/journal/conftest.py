"""A log of its own for each test, gone when it is over: some are hundreds of megabytes."""

import shutil

import pytest


@pytest.fixture
def log(tmp_path):
    yield tmp_path / "tracking.log"
    shutil.rmtree(tmp_path, ignore_errors=True)
