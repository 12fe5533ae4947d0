"""The files of the client: their size, their types and their sections."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_collector import STATIC

CLIENT = STATIC / "eventtracking.js"
KIB = 1024


TYPED_PAGE = """
import tracking, { emit, type Result } from "./eventtracking.mjs";

export const sent: Promise<Result> = emit("video.played", { seconds: 3 });
export const queued: Promise<number> = tracking.flush();
eventtracking.emit("a").then(({ status }) => status === "accepted");
window.Tracker.context("unit", null);
window.Logger.log("a", {}, null, { success: () => {} }).done(() => {});
log_event("a");
// @ts-expect-error: an unknown function
tracking.send("a");
// @ts-expect-error: the default export has no default of its own
tracking.default;
"""


def npx(*command, cwd):
    """Run a program from npm. Skip the test if npx or npm's registry is not available."""
    program = shutil.which("npx")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("npx is not installed")
    completed = subprocess.run(
        [program, "--yes", *command], capture_output=True, cwd=cwd, timeout=300, check=False
    )
    output = (completed.stdout + completed.stderr).decode()
    if re.search(r"ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT", output):
        pytest.skip("npm's registry is not reachable")

    assert completed.returncode == 0, output
    return completed.stdout


def test_the_client_as_shipped_has_at_most_9_kib_with_gzip():
    """Including its comments."""
    assert len(gzip.compress(CLIENT.read_bytes(), 9)) <= 9 * KIB


def test_the_client_minified_has_at_most_5_kib_with_gzip(tmp_path):
    """esbuild is used only to measure; the package ships the source."""
    # In an empty folder, so that no package.json applies.
    esbuild = ["esbuild@0.28", "--minify", "--target=es2017"]
    minified = npx(*esbuild, str(CLIENT), cwd=tmp_path)

    assert len(gzip.compress(minified, 9)) <= 5 * KIB


def test_the_client_has_no_dependency_and_evaluates_no_code():
    """No import, no inline code and no eval, so it works under a strict policy."""
    text = CLIENT.read_text("utf-8")

    forbidden = r"\beval\b|new Function|innerHTML|\bimport\b|\brequire\(|cookie ="
    assert re.findall(forbidden, text) == []


def test_the_head_comment_lists_the_sections_in_order():
    """A reader finds a section by searching for its title."""
    text = CLIENT.read_text("utf-8")
    [contents] = re.findall(r"\* Sections: (.+?)\.\n", text, re.DOTALL)
    sections = re.findall(r"^  /\* (.+) \*/$", text, re.MULTILINE)

    assert re.split(r",(?:\s|\*)+", contents) == sections


def test_the_types_declare_all_functions_of_the_client():
    """The module exports the same names."""
    types = (STATIC / "eventtracking.d.ts").read_text("utf-8")
    module = (STATIC / "eventtracking.mjs").read_text("utf-8")
    [api] = re.findall(r"const api = {(.+?)}", CLIENT.read_text("utf-8"))
    [exported] = re.findall(r"export const {(.+?)}", module)

    assert api == exported
    for name in re.findall(r"\w+", api):
        assert re.search(rf"export function {name}\(", types), name


def test_typescript_accepts_a_page_that_uses_the_module_and_the_globals(tmp_path):
    """In strict mode, with the module resolution of Node and of bundlers."""
    shutil.copytree(STATIC, tmp_path, dirs_exist_ok=True)
    (tmp_path / "page.mts").write_text(TYPED_PAGE, "utf-8")
    tsc = ["--package=typescript@5.9", "tsc", "--strict", "--noEmit", "--lib", "es2022,dom"]

    # Not in parallel: two processes of npx may corrupt a package that both fetch.
    for module, resolution in (("nodenext", "nodenext"), ("esnext", "bundler")):
        options = ["--module", module, "--moduleResolution", resolution]
        npx(*tsc, *options, "page.mts", cwd=tmp_path)


def test_only_the_source_files_are_shipped():
    """There is no build step, so no built file."""
    assert sorted(path.name for path in Path(STATIC).iterdir()) == [
        "eventtracking.d.mts",
        "eventtracking.d.ts",
        "eventtracking.js",
        "eventtracking.mjs",
    ]
