"""However a process ends, what it emitted is at the destination, or in the outbox for the next."""

import program_exits
import pytest
from sending_programs import COLLECT, arrived, each_once, run
from sink_server import sink

ENDS = {
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

# In memory nothing survives these, and nothing can say so: the kernel ends the process.
# "multiprocessing" and threads are fine; a bare os._exit is not.
CUT_OFF = {
    "SIGTERM",
    "SIGKILL",
    "os._exit",
    "abort",
    "a forked child and os._exit",
    "a forked child of a thread",
    "fork before the first event",
    "os.execv",
    # What comes after our exit hook is counted as `closed`, and said.
    "an exit hook that emits after ours",
}


@pytest.fixture
def there():
    with sink() as there:
        yield there


@pytest.mark.parametrize("end", ENDS)
def test_with_an_outbox_on_disk_every_event_arrives(there, tmp_path, end):
    """100 of 100, whatever the end: from the program, or from the one after it."""
    program, status = ENDS[end]

    run(program, there, tmp_path / "outbox", status=status)
    run(COLLECT, there, tmp_path / "outbox")

    assert arrived(there) == each_once(0, 100)


@pytest.mark.parametrize("end", ENDS.keys() - CUT_OFF)
def test_in_memory_every_event_arrives_before_an_end_that_python_sees(there, end):
    """The exit hook delivers what waits."""
    program, status = ENDS[end]

    _, err = run(program, there, status=status)

    assert arrived(there) == each_once(0, 100)
    assert "Lost" not in err


@pytest.mark.parametrize("end", ENDS.keys() & CUT_OFF)
def test_in_memory_no_event_comes_twice_when_the_process_is_cut_off(there, end):
    """Some are lost: that is what an outbox on disk is for."""
    program, status = ENDS[end]

    run(program, there, status=status)

    assert arrived(there) <= each_once(0, 100)


@pytest.mark.parametrize("answer", ["hangs", "refuses", "is down"])
@pytest.mark.parametrize("outbox", ["outbox", ""])
def test_a_destination_in_trouble_does_not_hold_up_the_end(there, tmp_path, answer, outbox):
    """Memory says how many events are lost by that; a folder keeps them all."""
    there.default = {"hangs": lambda handler: handler.rfile.read(1), "refuses": 500}.get(answer)
    folder = outbox and tmp_path / outbox
    if answer == "is down":
        there.url = "http://127.0.0.1:1"

    _, err = run("emit(0, 100)", there, folder, EXIT_TIMEOUT="0.3")

    if not outbox:
        assert "Lost 100 event(s) on the way to Webhook" in err
        assert "closed (only in memory)" in err
        return
    assert "Lost" not in err
    there.default, there.url = 200, f"http://127.0.0.1:{there.port}"
    there.requests.clear()
    run(COLLECT, there, folder)
    assert arrived(there) == each_once(0, 100)


def test_what_an_exit_hook_emits_after_ours_is_said_to_be_lost_in_memory(there):
    """It cannot be delivered any more, and is not kept in silence."""
    _, err = run("emit(0, 50); late.append(lambda: emit(50, 100))", there)

    assert arrived(there) == each_once(0, 50)
    assert "closed" in err


HANDLER = """
from eventtracking.delivery import install_signal_handlers
install_signal_handlers()
install_signal_handlers()
emit(0, 100)
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_signal_handlers_deliver_what_waits_in_memory(there):
    """And the process ends by the signal, as it would have."""
    run(HANDLER, there, status=-15)

    assert arrived(there) == each_once(0, 100)


def test_signal_handlers_run_the_handler_that_was_there(there):
    """The host decides what the signal means."""
    program = "signal.signal(signal.SIGTERM, lambda *_: print('handled'))\n" + HANDLER

    out, _ = run(program + "print(len(threading.enumerate()))\nemit(100, 110)", there)

    assert out.startswith("handled\n")
    assert arrived(there) == each_once(0, 110)


def test_signal_handlers_let_an_ignored_signal_be_ignored(there):
    """The program goes on."""
    program = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + HANDLER

    run(program + "emit(100, 110)", there)

    assert arrived(there) == each_once(0, 110)
