"""The client is small, as it is shipped and as it can be made."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from stand_in_collector import STATIC

CLIENT = STATIC / "eventtracking.js"
KIB = 1024


def test_the_client_as_shipped_is_9_kib_at_most_with_gzip():
    """Its comments are in it."""
    assert len(gzip.compress(CLIENT.read_bytes(), 9)) <= 9 * KIB


def test_the_client_minified_is_5_kib_at_most_with_gzip(tmp_path):
    """esbuild measures; nothing that is shipped went through it."""
    npx = shutil.which("npx")
    if npx is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no npx is installed here")
    command = [npx, "--yes", "esbuild@0.28", "--minify", "--target=es2017", str(CLIENT)]
    # Elsewhere than in a folder with a package.json of its own.
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=300, check=False)
    said = done.stderr.decode()
    if re.search(r"ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT", said):
        pytest.skip("npm's registry is not in reach")

    assert done.returncode == 0, said
    assert len(gzip.compress(done.stdout, 9)) <= 5 * KIB


def test_the_client_needs_nothing_and_runs_no_text():
    """No dependency, no inline code, no eval: a strict policy has nothing to allow."""
    text = CLIENT.read_text("utf-8")

    foreign = r"\beval\b|new Function|innerHTML|\bimport\b|\brequire\(|cookie ="
    assert re.findall(foreign, text) == []


def test_the_types_name_all_that_the_client_has():
    """And the module exports the same names."""
    types = (STATIC / "eventtracking.d.ts").read_text("utf-8")
    module = (STATIC / "eventtracking.mjs").read_text("utf-8")
    [api] = re.findall(r"const api = {(.+?)}", CLIENT.read_text("utf-8"))
    [exported] = re.findall(r"export const {(.+?)}", module)

    assert api == exported
    for name in re.findall(r"\w+", api):
        assert re.search(rf"export function {name}\(", types), name


def test_the_script_that_is_shipped_is_the_one_that_was_written():
    """No step of a build stands between."""
    assert sorted(path.name for path in Path(STATIC).iterdir()) == [
        "eventtracking.d.ts",
        "eventtracking.js",
        "eventtracking.mjs",
    ]
