"""A log file for each test, deleted afterwards: some are hundreds of megabytes."""

import shutil

import pytest
from log_programs import end_all


@pytest.fixture
def log(tmp_path):
    yield tmp_path / "tracking.log"
    end_all()
    shutil.rmtree(tmp_path, ignore_errors=True)
