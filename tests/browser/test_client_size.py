"""The client is small, as it is shipped and as it can be made, and its types are true."""

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


TYPED_PAGE = """
import tracking, { emit, type Result } from "./eventtracking.mjs";

export const sent: Promise<Result> = emit("video.played", { seconds: 3 });
export const left: Promise<number> = tracking.flush();
eventtracking.emit("a").then(({ status }) => status === "accepted");
window.Tracker.context("unit", null);
window.Logger.log("a", {}, null, { success: () => {} }).done(() => {});
log_event("a");
// @ts-expect-error: there is no such function
tracking.send("a");
// @ts-expect-error: the module has no other level
tracking.default;
"""


def npx(*command, cwd):
    """Run a program of npm's; skip the test where that is out of reach."""
    program = shutil.which("npx")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no npx is installed here")
    done = subprocess.run(
        [program, "--yes", *command], capture_output=True, cwd=cwd, timeout=300, check=False
    )
    said = (done.stdout + done.stderr).decode()
    if re.search(r"ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT", said):
        pytest.skip("npm's registry is not in reach")

    assert done.returncode == 0, said
    return done.stdout


def test_the_client_as_shipped_is_9_kib_at_most_with_gzip():
    """Its comments are in it."""
    assert len(gzip.compress(CLIENT.read_bytes(), 9)) <= 9 * KIB


def test_the_client_minified_is_5_kib_at_most_with_gzip(tmp_path):
    """esbuild measures; nothing that is shipped went through it."""
    # Elsewhere than in a folder with a package.json of its own.
    esbuild = ["esbuild@0.28", "--minify", "--target=es2017"]
    minified = npx(*esbuild, str(CLIENT), cwd=tmp_path)

    assert len(gzip.compress(minified, 9)) <= 5 * KIB


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


def test_a_page_in_typescript_knows_the_module_and_the_globals(tmp_path):
    """As strict as it gets, for Node's way to find modules and for a bundler's."""
    shutil.copytree(STATIC, tmp_path, dirs_exist_ok=True)
    (tmp_path / "page.mts").write_text(TYPED_PAGE, "utf-8")
    tsc = ["--package=typescript@5.9", "tsc", "--strict", "--noEmit", "--lib", "es2022,dom"]

    # One after the other: npx fetches a package badly in two processes.
    for module, resolution in (("nodenext", "nodenext"), ("esnext", "bundler")):
        how = ["--module", module, "--moduleResolution", resolution]
        npx(*tsc, *how, "page.mts", cwd=tmp_path)


def test_the_script_that_is_shipped_is_the_one_that_was_written():
    """No step of a build stands between."""
    assert sorted(path.name for path in Path(STATIC).iterdir()) == [
        "eventtracking.d.mts",
        "eventtracking.d.ts",
        "eventtracking.js",
        "eventtracking.mjs",
    ]
