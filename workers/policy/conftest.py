"""conftest, the program (https://www.conftest.dev)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workers.policy.findings import PLAN, Findings, Run, Unjudged
from workers.protocol.results import PolicyMessage
from workers.redact import strip_ansi

_OUTPUT = re.compile(r"-o.*|--output(=.*)?")
# Atlantis's rule for outputs that it cannot take apart.
_FAILURES = re.compile(r"([1-9]\d*) failures?|failures\": \[\s*[^\s\]]")
_TOTAL = re.compile(r"^(\d+) tests?,", re.MULTILINE)
_NOTHING = (
    "conftest found no rule to ask: the policies' packages are not the namespace `main`. Name theirs in the step's "
    "`extra_args` (`--namespace terraform`), or add `--all-namespaces`"
)


@dataclass(frozen=True, kw_only=True)
class Conftest:
    """Runs `conftest test`."""

    binary: str
    arguments: Sequence[str] = ()
    name: str = "conftest"

    def judge(self, policies: Path, plan: Path, run: Run) -> Findings:
        """See `Engine`."""
        theirs = any(_OUTPUT.fullmatch(argument) for argument in self.arguments)
        own = [] if theirs else ["--output", "json"]
        done = run([self.binary, "test", "-p", str(policies), str(plan), "--no-color", *own, *self.arguments])
        said = strip_ansi(done.stdout.decode("utf-8", "replace")).replace(str(plan), PLAN)
        complaint = strip_ansi(done.output).replace(str(plan), PLAN).strip()
        if theirs:
            return _as_text(said, complaint, done.returncode)
        try:
            results = json.loads(said)
            found = _taken_apart(results)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Unjudged(f"conftest did not answer: {complaint or said.strip() or 'it printed nothing'}") from None
        if done.returncode != 0 and not found.messages:
            raise Unjudged(f"conftest ended with exit status {done.returncode}: {complaint}")
        if not found.messages and not found.passes:
            raise Unjudged(_NOTHING)
        return found


def _taken_apart(results: Any) -> Findings:
    if not isinstance(results, list):
        raise TypeError("a list of results was expected")
    messages: list[PolicyMessage] = []
    passes = 0
    for result in results:
        messages += _messages(result, "failures", "failure")
        messages += _messages(result, "warnings", "warning")
        passes += int(result.get("successes") or 0) + len(result.get("exceptions") or ())
    return Findings(messages=tuple(messages), passes=passes)


def _messages(result: Mapping[str, Any], key: str, severity: Literal["failure", "warning"]) -> list[PolicyMessage]:
    namespace = str(result.get("namespace") or "main")
    found = []
    for one in result.get(key) or ():
        query = str((one.get("metadata") or {}).get("query") or "").removeprefix("data.")
        found.append(PolicyMessage(severity=severity, message=str(one["msg"]), rule=query or f"{namespace}.{key}"))
    return found


def _as_text(said: str, complaint: str, returncode: int) -> Findings:
    """Judge an output format that the operator chose, by Atlantis's rule: the exit status, and a count of failures."""
    text = said.strip() or complaint
    total = _TOTAL.search(text)
    if total is not None and total.group(1) == "0":
        raise Unjudged(_NOTHING)
    if not text:
        raise Unjudged(f"conftest ended with exit status {returncode} and printed nothing")
    if returncode == 0 and not _FAILURES.search(text):
        return Findings(messages=(), passes=1, text=text)
    messages = tuple(
        PolicyMessage(severity="failure", message=line.removeprefix("FAIL - "))
        for line in text.splitlines()
        if line.startswith("FAIL - ")
    )
    return Findings(
        messages=messages or (PolicyMessage(severity="failure", message=f"exit status {returncode}"),),
        passes=0,
        text=text,
    )
