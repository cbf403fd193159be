"""The process in which the embedded engine runs: `python -I sandbox.py`, a request on stdin, an answer on stdout.

It imports nothing of Thera: what runs here is meant to see nothing but the plan and the policies. A parent watches
a child, since the engine allocates in ways that `setrlimit` cannot bound (it reserves 256 GB of addresses at once).
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import regopy

_TICK = 0.02
_PAGE = resource.getpagesize()
_OUT_OF_MEMORY, _OUT_OF_TIME, _BROKEN = 3, 4, 5


def main() -> int:
    """Evaluate, and say by the exit status how it went: 0 with an answer, else why there is none."""
    request = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    child = os.fork()
    if child == 0:
        os._exit(_evaluated(request))
    return _watched(child, seconds=request["seconds"], largest=request["memory_bytes"])


def _watched(child: int, *, seconds: float, largest: int) -> int:
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else _BROKEN
        reason = _OUT_OF_TIME if time.monotonic() > deadline else _OUT_OF_MEMORY if _size(child) > largest else 0
        if reason:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return reason
        time.sleep(_TICK)


def _size(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError):  # it just ended
        return 0


def _evaluated(request: Any) -> int:
    answering = os.dup(1)
    os.dup2(2, 1)  # the engine complains on stdout
    try:
        answer = _asked(request)
    except BaseException as error:  # noqa: BLE001  (a native library may raise anything; all of it is no answer)
        answer = {"error": f"{type(error).__name__}: {error}"}
    with os.fdopen(answering, "w", encoding="utf-8") as file:
        json.dump(answer, file)
    return 0


def _asked(request: Any) -> dict[str, Any]:
    engine = regopy.Interpreter()
    engine.strict_built_in_errors = True  # otherwise a built-in that fails makes its rule silent
    for name, source in request["modules"].items():
        engine.add_module(name, source)
    engine.set_input(request["input"])
    answers: dict[str, Any] = {}
    for package in request["packages"]:
        output = engine.query(f"data.{package}")
        if len(output) != 1 or len(output[0].expressions) != 1:
            return {"error": str(output)}
        answers[package] = output[0].expressions[0]
    return {"packages": answers}


if __name__ == "__main__":
    sys.exit(main())
