"""What commands can learn of the process that starts them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workers.process import private

# The process under test runs as nobody where the tests run as root, who may read everything; so it is given the
# module as text, since nobody may not read our folders either.
SOURCE = Path(private.__file__).read_text(encoding="utf-8")
PARENT = """
import subprocess
read = "import os, sys; sys.stdout.write(open(f'/proc/{os.getppid()}/environ').read())"
sys.exit(subprocess.run([sys.executable, "-c", read], env={}).returncode)
"""
NOBODY = 65534


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
@pytest.mark.parametrize(("call", "is_seen"), [("", True), ("keep_private()", False)])
def test_the_environment_of_a_worker_is_closed_to_what_it_runs(call: str, *, is_seen: bool) -> None:
    is_root = os.geteuid() == 0
    python = shutil.which("python3", path="/usr/bin:/bin") if is_root else sys.executable
    assert python is not None, "as root, this takes a python3 in /usr/bin"

    done = subprocess.run(
        [python, "-c", f"{SOURCE}\n{call}\n{PARENT}"],
        env={"SECRET": "hunter2"},
        user=NOBODY if is_root else None,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert ("hunter2" in done.stdout) is is_seen, done.stderr
    assert (done.returncode == 0) is is_seen
