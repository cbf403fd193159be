"""Commands are run, followed, stopped and cleaned up after."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from tests.support.processes import Process, eventually
from workers import process
from workers.process import Completed, clean_environment, run
from workers.process.taking import LINE_LIMIT

ENV = {"PATH": os.environ["PATH"]}
SHORTLY = timedelta(seconds=0.5)


@pytest.fixture(params=["tools", "python"])
def leash(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to leash a command: by setpriv and env, and where these are missing."""
    if request.param == "python":
        monkeypatch.setattr(process, "_leash_tools", lambda: None)


def sh(script: str, cwd: Path, **options: object) -> Completed:
    return run(["sh", "-c", script], cwd=cwd, env=ENV, **options)  # type: ignore[arg-type]


def is_gone(pid_file: Path) -> bool:
    pid = int(pid_file.read_text())
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.usefixtures("leash")
def test_output_arrives_line_by_line_in_order_with_both_streams_merged(tmp_path: Path) -> None:
    lines: list[str] = []

    done = sh("echo one; echo two >&2; echo; printf three", tmp_path, sink=lines.append)

    assert lines == ["one", "two", "", "three"]
    assert done == Completed(returncode=0, output="one\ntwo\n\nthree")
    assert done.ok


@pytest.mark.usefixtures("leash")
def test_an_exit_code_and_a_signal_are_told_apart(tmp_path: Path) -> None:
    assert sh("exit 3", tmp_path).returncode == 3
    assert sh("kill -TERM $$", tmp_path).returncode == -signal.SIGTERM


def test_captured_stdout_stays_clean_of_messages(tmp_path: Path) -> None:
    lines: list[str] = []

    done = sh("echo '{}'; echo warning >&2", tmp_path, sink=lines.append, capture_stdout=True)

    assert done.stdout == b"{}\n"
    assert lines == ["warning"]
    assert done.output == "warning\n"


def test_captured_stdout_beyond_its_limit_is_marked(tmp_path: Path) -> None:
    done = sh("echo 123456789", tmp_path, capture_stdout=True, stdout_limit=4)

    assert done.stdout == b"1234"
    assert done.stdout_truncated


def test_a_question_reads_end_of_file_and_fails_at_once(tmp_path: Path) -> None:
    assert sh("read answer", tmp_path, timeout=timedelta(seconds=5)).returncode == 1


def test_stdin_may_be_larger_than_any_pipe(tmp_path: Path) -> None:
    done = run(["cat"], cwd=tmp_path, env=ENV, stdin=b"x" * 3_000_000, capture_stdout=True)

    assert len(done.stdout) == 3_000_000


def test_a_missing_command_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="terraform-9"):
        run(["terraform-9"], cwd=tmp_path, env=ENV)
    with pytest.raises(FileNotFoundError):
        run([tmp_path / "missing"], cwd=tmp_path, env=ENV)
    with pytest.raises(FileNotFoundError):
        run(["true"], cwd=tmp_path / "missing", env=ENV)


def test_no_word_is_ever_read_by_a_shell(tmp_path: Path) -> None:
    done = run(["echo", "a&&touch b", "$(touch c)", "-n;x"], cwd=tmp_path, env=ENV)

    assert done.output == "a&&touch b $(touch c) -n;x\n"
    assert list(tmp_path.iterdir()) == []


def test_of_a_giant_line_the_beginning_is_kept(tmp_path: Path) -> None:
    lines: list[str] = []

    sh("head -c 5000000 /dev/zero | tr '\\0' é; echo; echo next", tmp_path, sink=lines.append)

    assert [len(line) <= LINE_LIMIT for line in lines] == [True, True, True]
    assert lines[1] == f"[... {5_000_000 - LINE_LIMIT} more bytes of this line left out ...]"
    assert lines[2] == "next"


def test_of_a_giant_output_beginning_and_end_are_kept(tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss

    done = sh("echo first; head -c 200000000 /dev/zero | tr '\\0' 'x'; echo; echo last", tmp_path, limit=1000)

    assert done.output.startswith("first\nxxx")
    assert done.output.endswith("xxx\nlast\n")
    assert "bytes left out" in done.output
    assert len(done.output) < 1100
    assert psutil.Process().memory_info().rss - before < 50_000_000


def test_output_within_the_limit_is_whole(tmp_path: Path) -> None:
    done = run(["seq", "1", "20000"], cwd=tmp_path, env=ENV)

    assert done.output == "".join(f"{number}\n" for number in range(1, 20001))


@pytest.mark.usefixtures("leash")
def test_cancelling_interrupts_once_and_lets_the_command_finish(tmp_path: Path) -> None:
    cancel, lines = threading.Event(), list[str]()
    script = "trap 'echo saving; sleep 0.3; echo saved; exit 7' INT; echo ready; while :; do sleep 0.05; done"

    def sink(line: str) -> None:
        lines.append(line)
        cancel.set()

    done = sh(script, tmp_path, sink=sink, cancel=cancel)

    assert lines == ["ready", "saving", "saved"]
    assert (done.cancelled, done.timed_out, done.returncode, done.ok) == (True, False, 7, False)


def test_who_ignores_the_interrupt_is_killed_after_the_grace(tmp_path: Path) -> None:
    started = time.monotonic()

    done = sh("trap '' INT; while :; do sleep 0.05; done", tmp_path, timeout=SHORTLY, grace=SHORTLY)

    assert (done.timed_out, done.cancelled, done.returncode) == (True, False, -signal.SIGKILL)
    assert 1 <= time.monotonic() - started < 4


def test_a_command_inside_a_shell_is_interrupted_too_and_may_finish(tmp_path: Path) -> None:
    inner = "trap 'sleep 0.3; touch saved; exit 0' INT; touch ready; while :; do sleep 0.05; done"
    script = f"sh -c '{inner.replace(chr(39), chr(34))}' >/dev/null 2>&1; true"

    done = sh(script, tmp_path, timeout=SHORTLY, grace=timedelta(seconds=10))

    assert done.timed_out
    assert (tmp_path / "saved").exists()


def test_what_a_command_leaves_in_the_background_is_killed(tmp_path: Path) -> None:
    started = time.monotonic()

    done = sh("sleep 60 & echo $! > pid; echo done", tmp_path)

    assert done.output == "done\n"
    assert time.monotonic() - started < 5
    eventually(lambda: is_gone(tmp_path / "pid"), message="the background command to end")


def test_a_daemon_that_keeps_the_pipe_does_not_hold_us_up(tmp_path: Path) -> None:
    started = time.monotonic()

    done = sh("setsid sleep 3 & echo done", tmp_path)

    assert done.output == "done\n"
    assert time.monotonic() - started < 2.5


def test_a_sink_that_fails_stops_the_command_gracefully(tmp_path: Path) -> None:
    script = "trap 'echo saving; touch saved; exit 0' INT; echo ready; while :; do sleep 0.05; done"

    def sink(_: str) -> None:
        raise ConnectionError("the log is gone")

    with pytest.raises(ConnectionError):
        sh(script, tmp_path, sink=sink)

    assert (tmp_path / "saved").exists()


def test_a_sink_that_fails_during_a_cancellation_sends_no_second_interrupt(tmp_path: Path) -> None:
    cancel = threading.Event()
    script = "trap 'echo x >> interrupts; echo saving' INT; echo ready; while :; do sleep 0.05; done"

    def sink(line: str) -> None:
        cancel.set()
        if line == "saving":
            raise ConnectionError("the log is gone")

    with pytest.raises(ConnectionError):
        sh(script, tmp_path, sink=sink, cancel=cancel, grace=timedelta(seconds=2))

    assert (tmp_path / "interrupts").read_text() == "x\n"


@pytest.mark.usefixtures("leash")
def test_a_worker_that_ignores_interrupts_does_not_hand_that_down(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = run(["sleep", "30"], cwd=tmp_path, env=ENV, timeout=SHORTLY)
    finally:
        signal.signal(signal.SIGINT, before)

    assert done.returncode == -signal.SIGINT


@pytest.mark.parametrize("leashed_by", ["tools", "python"])
def test_a_command_stops_gracefully_when_its_worker_is_killed(tmp_path: Path, leashed_by: str) -> None:
    script = "trap 'echo saving; seq 1 9; touch saved; exit' INT; echo ready; while :; do sleep 0.05; done"
    worker = (
        "import pathlib, os; from workers import process\n"
        f"if {leashed_by!r} == 'python': process._leash_tools = lambda: None\n"
        f"process.run(['sh', '-c', {script!r}], cwd=pathlib.Path({str(tmp_path)!r}), env=dict(os.environ),"
        " sink=lambda line: print(line, flush=True))"
    )
    argv = [sys.executable, "-c", worker]
    with Process.start(argv, log_file=tmp_path / "log", cwd=Path.cwd()) as running:
        running.wait_for_line("ready")

        running.kill()

        # Its output has no reader any more: it must not die of that before it has saved.
        eventually((tmp_path / "saved").exists, message="the orphan to save its state")


@pytest.mark.terraform
def test_an_apply_whose_worker_is_killed_saves_its_state_and_unlocks_it(tmp_path: Path, terraform_binary: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'resource "terraform_data" "made" {}\n'
        'resource "terraform_data" "busy" {\n'
        '  provisioner "local-exec" {\n    command = "echo ticking; sleep 2"\n  }\n'
        "  depends_on = [terraform_data.made]\n}\n"
        'resource "terraform_data" "never" {\n  depends_on = [terraform_data.busy]\n}\n'
    )
    argv = [str(terraform_binary), "apply", "-auto-approve", "-input=false", "-no-color"]
    worker = (
        "import pathlib, os; from workers import process\n"
        f"process.run({argv!r}, cwd=pathlib.Path({str(tmp_path)!r}), env=dict(os.environ),"
        " sink=lambda line: print(line, flush=True))"
    )
    run([terraform_binary, "init", "-input=false"], cwd=tmp_path, env=dict(os.environ))
    with Process.start([sys.executable, "-c", worker], log_file=tmp_path / "log", cwd=Path.cwd()) as running:
        running.wait_for_line(r"local-exec\): ticking", timeout=timedelta(seconds=30))
        assert (tmp_path / ".terraform.tfstate.lock.info").exists()

        running.kill()

        eventually(lambda: not (tmp_path / ".terraform.tfstate.lock.info").exists(), message="the state lock to go")
    state = (tmp_path / "terraform.tfstate").read_text()
    assert ['"made"' in state, '"busy"' in state, '"never"' in state] == [True, True, False]


def test_eight_threads_run_commands_side_by_side(tmp_path: Path) -> None:
    outputs = dict[int, str]()

    def work(number: int) -> None:
        outputs[number] = "".join(sh(f"echo {number}", tmp_path).output for _ in range(10))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outputs == {number: f"{number}\n" * 10 for number in range(8)}


def test_no_file_descriptor_is_left_open(tmp_path: Path) -> None:
    sh("true", tmp_path)
    before = psutil.Process().num_fds()

    for _ in range(5):
        sh("echo x; sleep 9 &", tmp_path, stdin=b"x", capture_stdout=True)
        with pytest.raises(FileNotFoundError):
            run(["true"], cwd=tmp_path / "missing", env=ENV)

    assert psutil.Process().num_fds() == before


def test_a_clean_environment_leaves_the_workers_own_settings_behind() -> None:
    base = {"PATH": "/bin", "THERA_WORKER_TOKEN": "x", "ATLANTIS_GH_TOKEN": "y", "thera_key": "z", "AWS_REGION": "eu"}

    environment = clean_environment(base, {"ATLANTIS_TERRAFORM_VERSION": "1.9.0", "AWS_REGION": "us"})

    assert environment == {"PATH": "/bin", "AWS_REGION": "us", "ATLANTIS_TERRAFORM_VERSION": "1.9.0"}


def test_a_command_sees_no_more_than_its_environment(tmp_path: Path) -> None:
    done = run(["env"], cwd=tmp_path, env=ENV | {"ONLY": "this"})

    names = {line.partition("=")[0] for line in done.output.splitlines()}
    assert names - {"_", "PWD", "SHLVL", "LC_CTYPE"} == {"PATH", "ONLY"}


def test_starting_a_command_costs_a_few_milliseconds(tmp_path: Path) -> None:
    run(["true"], cwd=tmp_path, env=ENV)
    started = time.perf_counter()
    for _ in range(20):
        run(["true"], cwd=tmp_path, env=ENV)

    ours = time.perf_counter() - started

    started = time.perf_counter()
    for _ in range(20):
        subprocess.run(["true"], check=True)
    bare = time.perf_counter() - started
    print(f"run: {ours / 20 * 1000:.1f} ms, bare: {bare / 20 * 1000:.1f} ms")
    assert ours / 20 < 0.1
