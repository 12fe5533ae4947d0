"""`eventtracking inspect`, from its first line of output to Ctrl-C."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from contextlib import ExitStack

import pytest
from inspector_client import Client


@pytest.fixture
def environment():
    """The environment without settings, in which every warning is an error."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("EVENT_TRACKING_", "PYTHON"))}
    return {**clean, "PYTHONWARNINGS": "error", "PYTHONUTF8": "1"}


@pytest.fixture
def start(environment, tmp_path):
    """Start `eventtracking inspect ...` on free ports."""
    with ExitStack() as started:

        def start(*arguments, ports=("--http-port", "0", "--statsd-port", "0")):
            process = subprocess.Popen(
                [sys.executable, "-m", "eventtracking", "inspect", *ports, *arguments],
                cwd=tmp_path,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            started.enter_context(process)
            # Runs before the end of the `with` block waits for the process.
            started.callback(process.kill)
            return process

        yield start


def read_welcome(process):
    """Return the output of a program until it is ready."""
    lines = []
    while not lines or not lines[-1].startswith("Press Ctrl-C"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    process.stdout.readline()
    return "".join(lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_addresses_and_ends_with_the_counts(start, number):
    """It can be stopped with Ctrl-C, or with SIGTERM by a supervisor."""
    process = start()
    welcome = read_welcome(process)
    url, token = re.search(r"Open (http://127\.0\.0\.1:\d+)/\?token=(\S+)\n", welcome).groups()
    client = Client(url, token)
    client.track("a", "b", "")
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)

    assert (output, errors) == ("\n2 good event(s), 1 bad.\n", "")
    assert process.returncode == 0
    assert welcome.count(f'"{url}"') == 3
    assert re.search(r"statsd_port = \d+\n", welcome)
    assert f"Authorization: Bearer {token}\n" in welcome


def test_the_settings_in_the_welcome_are_toml(start):
    """They can be copied into a settings file."""
    process = start("--no-token")
    welcome = read_welcome(process)
    shown = "\n".join(line[2:] for line in welcome.splitlines() if line.startswith("  "))
    backends = tomllib.loads(shown)["EVENT_TRACKING_BACKENDS"]

    assert sorted(backends) == ["datadog", "datadog_logs", "google_analytics", "segment"]
    assert backends["segment"]["OPTIONS"]["host"].startswith("http://127.0.0.1:")
    assert "oken" not in welcome


def test_with_json_its_only_output_is_one_line(start):
    """For scripts that start it."""
    process = start("--json")
    addresses = json.loads(process.stdout.readline())
    client = Client(addresses["http"], addresses["token"])

    assert client.get("/all")[1]["counts"] == {"good": 0, "bad": 0}
    assert addresses["page"] == f"{addresses['http']}/?token={addresses['token']}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"a:1|c", (addresses["statsd_host"], addresses["statsd_port"]))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=120) == ("", "")
    assert process.returncode == 0


def test_the_token_can_be_set_or_turned_off(start):
    """A script sets it; on a personal machine it may be turned off."""
    chosen = json.loads(start("--json", "--token", "a b/c").stdout.readline())
    without = json.loads(start("--json", "--no-token").stdout.readline())

    assert Client(chosen["http"], "a b/c").get("/all")[0] == 200
    page = chosen["page"].removeprefix(chosen["http"])
    assert Client(chosen["http"]).request("GET", page)[0] == 200
    assert Client(chosen["http"]).get("/all")[0] == 401
    assert (Client(without["http"]).get("/all")[0], without["token"]) == (200, None)
    assert without["page"] == f"{without['http']}/"


@pytest.mark.parametrize("option", ["--http-port", "--statsd-port"])
def test_a_port_in_use_is_one_line(start, option):
    """It suggests another port."""
    kind = socket.SOCK_STREAM if option == "--http-port" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        ports = {"--http-port": "0", "--statsd-port": "0", option: str(port)}
        process = start(ports=[word for pair in ports.items() for word in pair])
        output, errors = process.communicate(timeout=120)

    assert (process.returncode, output) == (1, "")
    assert errors.startswith(f"port {port} of 127.0.0.1 is in use. Choose another one: {option} ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "a-machine.example"])
def test_it_listens_on_loopback_addresses_only(start, host):
    """Even with a token: the vendors' endpoints require none."""
    process = start("--host", host)
    output, errors = process.communicate(timeout=120)

    assert (process.returncode, output) == (2, "")
    assert errors.endswith(
        f"argument --host: must be a loopback address such as 127.0.0.1 or ::1, got {host!r}\n"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_host_can_be_a_name_or_an_address(start, host):
    """Both are this machine."""
    addresses = json.loads(start("--json", "--host", host).stdout.readline())

    assert addresses["http"].startswith("http://127.0.0.1:")
    assert Client(addresses["http"], addresses["token"]).get("/all")[0] == 200


@pytest.mark.parametrize(
    "arguments",
    [["--token", ""], ["--token", "x", "--no-token"], ["--http-port", "65536"], ["--stat", "1"]],
)
def test_wrong_usage_ends_with_2(start, arguments):
    """The other commands have the same exit code for it."""
    process = start(*arguments)
    errors = process.communicate(timeout=120)[1]

    assert process.returncode == 2
    assert "Traceback" not in errors


def test_help_names_the_ports_and_the_exit_codes(start):
    """Authors of scripts need not read the source."""
    output = start("--help").communicate(timeout=120)[0]

    assert "8766" in output
    assert "8125" in output
    assert "exit codes: 0 success" in output
