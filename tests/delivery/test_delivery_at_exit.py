"""The exit of a program: its events have arrived, or are in the outbox for the next process."""

import program_exits
import pytest
from sending_programs import COLLECT, arrived, each_once, run
from sink_server import sink

EXITS = {
    **program_exits.EXITS,
    "fork before the first event": (
        """
if not os.fork():
    emit(0, 50)
    os._exit(0)
os.wait()
emit(50, 100)
""",
        0,
    ),
    "a spawned child": (
        """
import subprocess
emit(0, 50)
program = "import sending_programs as s; exec(s.PRELUDE + 'emit(50, 100)')"
subprocess.run([sys.executable, "-c", program], check=True)
""",
        0,
    ),
}

# The kernel ends the process, so that events in memory are lost and nothing can report it.
ABRUPT_EXITS = {
    "SIGTERM",
    "SIGKILL",
    "os._exit",
    "abort",
    "a forked child and os._exit",
    "a forked child of a thread",
    "fork before the first event",
    "os.execv",
    # An event after the exit hook of the library is counted as `closed`, and logged.
    "an exit hook that emits after ours",
}


@pytest.fixture
def server():
    with sink() as server:
        yield server


@pytest.mark.parametrize("end", EXITS)
def test_with_an_outbox_on_disk_every_event_arrives(server, tmp_path, end):
    """All 100 are delivered by the program, or by the next one."""
    program, status = EXITS[end]

    run(program, server, tmp_path / "outbox", status=status)
    run(COLLECT, server, tmp_path / "outbox")

    assert arrived(server) == each_once(0, 100)


@pytest.mark.parametrize("end", EXITS.keys() - ABRUPT_EXITS)
def test_events_in_memory_arrive_if_python_runs_its_exit_hooks(server, end):
    """The exit hook of the library delivers them."""
    program, status = EXITS[end]

    _, err = run(program, server, status=status)

    assert arrived(server) == each_once(0, 100)
    assert "Lost" not in err


@pytest.mark.parametrize("end", EXITS.keys() & ABRUPT_EXITS)
def test_events_in_memory_do_not_arrive_twice_if_the_process_ends_abruptly(server, end):
    """Some are lost, which an outbox on disk prevents."""
    program, status = EXITS[end]

    run(program, server, status=status)

    assert arrived(server) <= each_once(0, 100)


@pytest.mark.parametrize("response", ["hangs", "refuses", "is down"])
@pytest.mark.parametrize("outbox", ["outbox", ""])
def test_a_failing_destination_does_not_delay_the_exit(server, tmp_path, response, outbox):
    """Lost events in memory are logged with their number; a folder keeps all events."""
    server.default = {"hangs": lambda handler: handler.rfile.read(1), "refuses": 500}.get(response)
    folder = outbox and tmp_path / outbox
    if response == "is down":
        server.url = "http://127.0.0.1:1"

    _, err = run("emit(0, 100)", server, folder, EXIT_TIMEOUT="0.3")

    if not outbox:
        assert "Lost 100 event(s) on the way to Webhook" in err
        assert "closed (only in memory)" in err
        return
    assert "Lost" not in err
    server.default, server.url = 200, f"http://127.0.0.1:{server.port}"
    server.requests.clear()
    run(COLLECT, server, folder)
    assert arrived(server) == each_once(0, 100)


def test_an_event_in_memory_after_the_exit_hook_of_the_library_is_logged_as_lost(server):
    """It cannot be delivered any more."""
    _, err = run("emit(0, 50); late.append(lambda: emit(50, 100))", server)

    assert arrived(server) == each_once(0, 50)
    assert "closed" in err


HANDLER = """
from eventtracking.delivery import install_signal_handlers
install_signal_handlers()
install_signal_handlers()
emit(0, 100)
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_signal_handlers_deliver_events_in_memory(server):
    """The signal ends the process afterwards, as it would have done."""
    run(HANDLER, server, status=-15)

    assert arrived(server) == each_once(0, 100)


def test_signal_handlers_run_the_previous_handler(server):
    """The application decides what the signal means."""
    program = "signal.signal(signal.SIGTERM, lambda *_: print('handled'))\n" + HANDLER

    out, _ = run(program + "print(len(threading.enumerate()))\nemit(100, 110)", server)

    assert out.startswith("handled\n")
    assert arrived(server) == each_once(0, 110)


def test_signal_handlers_keep_ignoring_an_ignored_signal(server):
    """The program continues."""
    program = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + HANDLER

    run(program + "emit(100, 110)", server)

    assert arrived(server) == each_once(0, 110)
