"""The wheel: its files, metadata and dependencies."""

import re
import shutil
import subprocess
import sys
from email.parser import HeaderParser
from zipfile import ZipFile

import pytest
from package_source import PACKAGE, REPOSITORY


@pytest.fixture
def wheel(tmp_path):
    """Build the wheel from a copy, because building creates files in the source folder."""
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(REPOSITORY / "eventtracking", source / "eventtracking", ignore=ignored)
    for path in REPOSITORY.iterdir():
        if path.is_file():
            shutil.copy(path, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("this interpreter has no pip to build a wheel")
    command = [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    output = done.stdout + done.stderr
    if "No matching distribution found for setuptools" in output:
        pytest.skip("no package index can be reached, and building needs setuptools from one")

    assert done.returncode == 0, output
    [built] = tmp_path.glob("*.whl")
    return built


def test_the_wheel_contains_exactly_the_package(wheel):
    """It has type information, the licence and three dependencies, but no tests."""
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        about = HeaderParser().parsestr(archive.read(metadata).decode())
    required = [line for line in about.get_all("Requires-Dist") if "extra ==" not in line]
    files = {str(path.relative_to(PACKAGE.parent)) for path in PACKAGE.rglob("*.*")}

    assert "eventtracking/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name for name in names if ".dist-info/" not in name} == {
        name for name in files if not name.endswith(".pyc")
    }
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"eventtracking"}
    assert about["License-Expression"] == "Apache-2.0"
    assert sorted(re.match(r"[\w-]+", line)[0] for line in required) == ["orjson", "pytz", "six"]
