"""What `pip install` brings."""

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
    """Build the wheel from a copy: building leaves files behind."""
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(REPOSITORY / "eventtracking", source / "eventtracking", ignore=ignored)
    for path in REPOSITORY.iterdir():
        if path.is_file():
            shutil.copy(path, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("this interpreter has no pip to build a wheel with")
    command = [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout + done.stderr
    if "No matching distribution found for setuptools" in said:
        pytest.skip("no package index is in reach, and building needs setuptools from one")

    assert done.returncode == 0, said
    [built] = tmp_path.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_its_types_its_licence_and_three_dependencies(wheel):
    """And nothing beside the package: no tests, no documentation."""
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
