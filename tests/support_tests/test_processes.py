import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from tests.support.processes import Process, ProcessDied, eventually, free_port, http_status

BRIEFLY = timedelta(milliseconds=100)
Python = Callable[[str], Process]


@pytest.fixture
def python(tmp_path: Path) -> Iterator[Python]:
    """Start Python programs that are gone after the test."""
    started: list[Process] = []

    def start(program: str) -> Process:
        process = Process.start([sys.executable, "-uc", program], log_file=tmp_path / f"{len(started)}.log")
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()


def test_a_process_gets_added_variables_and_its_own_folder(tmp_path: Path) -> None:
    program = "import os; print(os.environ['COLOUR'], 'PATH' in os.environ, os.getcwd())"
    argv = [sys.executable, "-c", program]

    with Process.start(argv, env={"COLOUR": "red"}, cwd=tmp_path, log_file=tmp_path / "log") as process:
        process.wait()

    assert process.output() == f"red True {tmp_path}\n"


def test_a_line_is_waited_for_and_its_parts_returned(python: Python) -> None:
    process = python("import time; time.sleep(.1); print('listening on 4141'); time.sleep(60)")

    assert process.wait_for_line(r"^listening on (\d+)$")[1] == "4141"


def test_waiting_ends_at_once_when_the_process_died_and_shows_its_last_words(python: Python) -> None:
    process = python("raise SystemExit('no such database')")

    with pytest.raises(ProcessDied, match=r"(?s)ended before.*ended with 1.*no such database"):
        process.wait_for_line("listening")


def test_a_line_that_never_comes_is_reported_with_what_came_instead(python: Python) -> None:
    process = python("import time; print('still migrating'); time.sleep(60)")
    process.wait_for_line("still migrating")

    with pytest.raises(AssertionError, match=r"(?s)waiting for a line like 'ready'.*still migrating"):
        process.wait_for_line("ready", timeout=BRIEFLY)


def test_a_server_is_waited_for_until_it_answers(python: Python) -> None:
    port = free_port()
    server = python(
        "from http.server import HTTPServer, SimpleHTTPRequestHandler\n"
        f"HTTPServer(('127.0.0.1', {port}), SimpleHTTPRequestHandler).serve_forever()"
    )

    server.wait_for_http(f"http://127.0.0.1:{port}/")
    server.wait_for_http(f"http://127.0.0.1:{port}/nothing-here?at=all", status=404)

    assert http_status(f"http://127.0.0.1:{free_port()}/") is None


def test_termination_can_be_answered_and_the_exit_code_is_seen(python: Python) -> None:
    process = python(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('ready')\n"
        "time.sleep(60)"
    )
    process.wait_for_line("ready")

    assert process.terminate() == 7


def test_a_kill_cannot_be_answered(python: Python) -> None:
    process = python("import time; time.sleep(60)")

    assert process.kill() == -9


def test_a_suspended_process_does_nothing_until_it_is_resumed(python: Python) -> None:
    process = python("import time\nwhile True: print('tick'); time.sleep(.01)")
    process.wait_for_line("tick")

    process.suspend()
    eventually(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, message="waiting for the stop")
    before = process.output()
    time.sleep(0.1)
    during = process.output()
    process.resume()

    assert before == during
    eventually(lambda: process.output() > during, message="waiting for another tick", processes=[process])


@pytest.mark.parametrize("new_session", [False, True])
@pytest.mark.parametrize("killed_before", [False, True])
def test_closing_ends_grandchildren_too(python: Python, *, new_session: bool, killed_before: bool) -> None:
    process = python(
        "import subprocess, time\n"
        f"child = subprocess.Popen(['sleep', '60'], start_new_session={new_session})\n"
        "print('child', child.pid)\n"
        "time.sleep(60)"
    )
    child = psutil.Process(int(process.wait_for_line(r"child (\d+)")[1]))
    if killed_before:
        process.kill()
        assert child.is_running()

    process.close()

    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_closing_twice_is_harmless(python: Python) -> None:
    process = python("pass")

    process.close()
    process.close()

    assert not process.is_running


def test_a_leashed_process_ends_with_the_process_that_started_it(python: Python, tmp_path: Path) -> None:
    owner = python(
        "import pathlib, time\n"
        "from tests.support.processes import Process\n"
        f"log = pathlib.Path({str(tmp_path / 'child')!r})\n"
        "child = Process.start(['sleep', '60'], log_file=log, dies_with_parent=True)\n"
        "print('child', child.pid)\n"
        "time.sleep(60)"
    )
    child = psutil.Process(int(owner.wait_for_line(r"child (\d+)")[1]))
    eventually(lambda: child.name() == "sleep", message="waiting for the leash to become the command")

    os.kill(owner.pid, 9)

    eventually(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE,
        message="waiting for the end",
    )


def test_a_free_port_can_be_listened_on_and_is_not_given_twice_in_a_row() -> None:
    assert len({free_port() for _ in range(5)}) > 1


def test_patience_returns_the_first_true_answer() -> None:
    answers = iter([None, 0, "", "found", "later"])

    assert eventually(lambda: next(answers), message="looking") == "found"


def test_patience_takes_a_failed_assertion_for_not_yet_and_quotes_it_at_the_end() -> None:
    def look() -> bool:
        raise AssertionError("three comments, not four")

    with pytest.raises(AssertionError, match=r"waiting for comments: not within 0:00:00\.1.*three comments, not four"):
        eventually(look, timeout=BRIEFLY, message="waiting for comments")


def test_patience_does_not_hide_other_errors() -> None:
    def look() -> bool:
        raise KeyError("number")

    with pytest.raises(KeyError):
        eventually(look, message="looking")


def test_lost_patience_shows_the_output_of_the_processes_involved(python: Python) -> None:
    process = python("import time; print('worker is idle'); time.sleep(60)")
    process.wait_for_line("idle")

    with pytest.raises(AssertionError, match=r"(?s)the last answer was False.*worker is idle"):
        eventually(lambda: False, timeout=BRIEFLY, message="waiting", processes=[process])
