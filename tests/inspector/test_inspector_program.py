"""`eventtracking inspect`: from the first line to Ctrl-C."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
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
            # Before the wait at the end of `with`, whatever became of it.
            started.callback(process.kill)
            return process

        yield start


def welcome(process):
    """Return what a program says until it is ready."""
    lines = []
    while not lines or not lines[-1].startswith("Ctrl-C"):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    process.stdout.readline()
    return "".join(lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_with_a_count(start, number):
    """By Ctrl-C, or the way a supervisor ends things."""
    process = start()
    said = welcome(process)
    url, token = re.search(r"Open (http://127\.0\.0\.1:\d+)/\?token=(\S+)\n", said).groups()
    client = Client(url, token)
    client.track("a", "b", "")
    process.send_signal(number)
    output, complaint = process.communicate(timeout=120)

    assert (output, complaint) == ("\n2 good event(s), 1 bad.\n", "")
    assert process.returncode == 0
    assert said.count(f'"{url}"') == 3
    assert re.search(r"statsd_port = \d+\n", said)
    assert f"Authorization: Bearer {token}\n" in said


def test_the_settings_that_it_shows_are_toml(start):
    """To be copied as they stand."""
    import tomllib

    process = start("--no-token")
    said = welcome(process)
    shown = "\n".join(line[2:] for line in said.splitlines() if line.startswith("  "))
    backends = tomllib.loads(shown)["EVENT_TRACKING_BACKENDS"]

    assert sorted(backends) == ["datadog", "datadog_logs", "google_analytics", "segment"]
    assert backends["segment"]["OPTIONS"]["host"].startswith("http://127.0.0.1:")
    assert "oken" not in said


def test_a_script_reads_one_line_of_json(start):
    """And nothing else is said, then or at the end."""
    process = start("--json")
    said = json.loads(process.stdout.readline())
    client = Client(said["http"], said["token"])

    assert client.get("/all")[1]["counts"] == {"good": 0, "bad": 0}
    assert said["page"] == f"{said['http']}/?token={said['token']}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"a:1|c", (said["statsd_host"], said["statsd_port"]))
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=120) == ("", "")
    assert process.returncode == 0


def test_a_token_can_be_chosen_or_left_out(start):
    """Chosen for scripts, left out on a machine of one's own."""
    chosen = json.loads(start("--json", "--token", "a b/c").stdout.readline())
    without = json.loads(start("--json", "--no-token").stdout.readline())

    assert Client(chosen["http"], "a b/c").get("/all")[0] == 200
    assert Client(chosen["http"]).ask("GET", chosen["page"].removeprefix(chosen["http"]))[0] == 200
    assert Client(chosen["http"]).get("/all")[0] == 401
    assert (Client(without["http"]).get("/all")[0], without["token"]) == (200, None)
    assert without["page"] == f"{without['http']}/"


@pytest.mark.parametrize("option", ["--http-port", "--statsd-port"])
def test_a_port_in_use_is_one_line(start, option):
    """With the cure in it."""
    kind = socket.SOCK_STREAM if option == "--http-port" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        ports = {"--http-port": "0", "--statsd-port": "0", option: str(port)}
        process = start(ports=[word for pair in ports.items() for word in pair])
        output, complaint = process.communicate(timeout=120)

    assert (process.returncode, output) == (1, "")
    assert complaint.startswith(
        f"port {port} of 127.0.0.1 is in use. Choose another one: {option} "
    )
    assert complaint.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "a-machine.example"])
def test_it_listens_on_this_machine_alone(start, host):
    """With a token, too: the intakes ask for none."""
    process = start("--host", host)
    output, complaint = process.communicate(timeout=120)

    assert (process.returncode, output) == (2, "")
    assert complaint.endswith(
        f"argument --host: must be a loopback address such as 127.0.0.1 or ::1, got {host!r}\n"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_may_be_told_under_which_name_of_this_machine(start, host):
    """For what insists on one of them."""
    said = json.loads(start("--json", "--host", host).stdout.readline())

    assert said["http"].startswith("http://127.0.0.1:")
    assert Client(said["http"], said["token"]).get("/all")[0] == 200


@pytest.mark.parametrize(
    "arguments",
    [["--token", ""], ["--token", "x", "--no-token"], ["--http-port", "65536"], ["--stat", "1"]],
)
def test_wrong_usage_ends_with_2(start, arguments):
    """As in the other commands."""
    process = start(*arguments)
    complaint = process.communicate(timeout=120)[1]

    assert process.returncode == 2
    assert "Traceback" not in complaint


def test_help_names_the_ports_and_the_exit_codes(start):
    """A script's author reads no source."""
    output = start("--help").communicate(timeout=120)[0]

    assert "8766" in output
    assert "8125" in output
    assert "exit codes: 0 success" in output
