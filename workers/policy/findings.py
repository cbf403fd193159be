"""What an engine finds, and how a verdict is written down."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workers.process import Completed
from workers.protocol.results import PolicyMessage, PolicySetResult

PLAN = "<redacted plan file>"  # as Atlantis writes it: people's `policy_item_regex` may count on it
_LONGEST_TEXT = 200_000
_MOST_MESSAGES = 1000


class Unjudged(Exception):
    """The policies could not be asked, or did not answer so that one can be sure; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the rules of a set said. `text` is the engine's own, where it has one."""

    messages: tuple[PolicyMessage, ...]
    passes: int
    text: str = ""

    @property
    def failures(self) -> int:
        """Count what must not be."""
        return sum(one.severity == "failure" for one in self.messages)

    @property
    def warnings(self) -> int:
        """Count what should not be."""
        return len(self.messages) - self.failures


class Run(Protocol):
    """Runs a command and waits for its end; whoever gave it decides where and for how long.

    `env` and `stdin` replace what the command would get otherwise; only stdout is kept in `stdout`.
    """

    def __call__(
        self, argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: bytes | None = None
    ) -> Completed:
        """Run it.

        Raises:
            Unjudged: it could not be started, or took too long.
        """


class Engine(Protocol):
    """Something that can evaluate policies."""

    @property
    def name(self) -> str:
        """Name it for people."""

    def judge(self, policies: Path, plan: Path, run: Run) -> Findings:
        """Evaluate the policies at a path, a folder or a file, on a plan's JSON.

        Raises:
            Unjudged: with the reason in plain words.
        """


def verdict(
    name: str, ask: Callable[[], Findings], *, redact: Callable[[str], str], revision: str = ""
) -> PolicySetResult:
    """Ask, and write down what came out. Not to know is not to pass."""
    try:
        found = ask()
    except Unjudged as error:
        return unjudged(name, redact(str(error)), revision=revision)
    return written(
        name,
        redact(found.text or rendered(found)),
        passed=found.failures == 0,
        failures=found.failures,
        warnings=found.warnings,
        messages=found.messages,
        revision=revision,
    )


def unjudged(name: str, error: str, *, revision: str = "") -> PolicySetResult:
    """Write down that a set has no verdict."""
    return written(name, f"ERROR - {error}", passed=False, error=error, revision=revision)


def written(
    name: str,
    text: str,
    *,
    passed: bool,
    failures: int = 0,
    warnings: int = 0,
    messages: Iterable[PolicyMessage] = (),
    error: str = "",
    revision: str = "",
) -> PolicySetResult:
    """Write a verdict down, its text cut where it is too long for a report."""
    return PolicySetResult(
        name=name,
        passed=passed,
        failures=failures,
        warnings=warnings,
        text=text[:_LONGEST_TEXT],
        text_digest=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        truncated=len(text) > _LONGEST_TEXT,
        messages=tuple(messages)[:_MOST_MESSAGES],
        error=error,
        revision=revision,
    )


def rendered(found: Findings) -> str:
    """Write findings as conftest prints them."""
    lines = [
        f"{'FAIL' if one.severity == 'failure' else 'WARN'} - {PLAN} - {one.rule.rpartition('.')[0] or 'main'} - "
        f"{one.message}"
        for one in found.messages
    ]
    total = found.passes + len(found.messages)
    counts = (
        _count(total, "test"),
        f"{found.passes} passed",
        _count(found.warnings, "warning"),
        _count(found.failures, "failure"),
        "0 exceptions",
    )
    return "\n".join([*lines, *([""] if lines else []), ", ".join(counts)])


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
