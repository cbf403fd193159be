"""Workflow hooks: the operator's commands at the root of a checkout, before or after a command."""

import time
from collections.abc import Iterable
from pathlib import Path

from workers import process
from workers.errors import JobCancelled, JobFailed
from workers.git.checkout import checked_out
from workers.git.paths import checkout_path
from workers.protocol.jobs import Discover, Hook, Hooks
from workers.protocol.results import FailureKind, HookFacts, HookResult
from workers.redact import strip_ansi
from workers.steps import generated
from workers.steps.context import Tools
from workers.steps.variables import hook_environment
from workers.steps.workplace import mirror_of, timed

_LONGEST_TEXT = 20_000
_LONGEST_STATUS = 140  # what GitHub takes as a status's description
_LARGEST_STATUS_FILE = 64 * 1024


def around(work: Hooks, tools: Tools) -> HookFacts:
    """Run hooks in a checkout of their own.

    Raises:
        JobFailed: one of them failed; the facts say which, and what each of them said.
    """
    place = checkout_path(tools.settings.checkouts, work.checkout)
    with checked_out(work.checkout, path=place, mirror=mirror_of(work.checkout, tools)) as root:
        if work.generated is not None:
            generated.put(work.generated, root, tools)
        facts = HookFacts(hooks=run_all(work, root, tools, has_errors=work.has_errors))
    failed = next((one for one in facts.hooks if not one.passed), None)
    if failed is not None:
        words = f"The workflow hook {failed.label} failed"
        raise JobFailed(FailureKind.HOOK, words, failed.text).having_done(facts)
    return facts


def run_all(
    work: Discover | Hooks, root: Path, tools: Tools, *, has_errors: bool | None = None
) -> tuple[HookResult, ...]:
    """Run hooks in their order, up to the first that fails."""
    results: list[HookResult] = []
    status_file = root.with_name(f"{root.name}.status")  # not in the checkout: it is no code
    for number, hook in enumerate(work.hooks, start=1):
        status_file.write_bytes(b"")  # of this hook alone
        environment = hook_environment(
            tools.settings,
            work.environment,
            root=root,
            status_file=status_file,
            command=work.command,
            has_errors=has_errors,
            extra_args=work.extra_args,
        )
        tools.redactor.add_environment(environment)
        with timed(f"hook {number}", tools):
            results.append(_run(hook, _label(hook, number), environment, root, status_file, tools))
        if not results[-1].passed:
            break
    status_file.unlink(missing_ok=True)
    return tuple(results)


def _run(
    hook: Hook, label: str, environment: dict[str, str], root: Path, status_file: Path, tools: Tools
) -> HookResult:
    if tools.cancel.is_set():
        raise JobCancelled(f"cancelled before the hook {label}")
    tools.sink(f"\x1b[1m$ {hook.command}\x1b[0m")
    argv = [hook.shell or "sh", *(hook.shell_args or ("-c",)), hook.command]
    began = time.monotonic()
    try:
        done = process.run(
            argv, cwd=root, env=environment, sink=tools.sink, timeout=tools.remaining(), cancel=tools.cancel
        )
    except FileNotFoundError:
        words = f"there is no `{argv[0]}` on this worker"
        return HookResult(label=label, passed=False, text=words, returncode=127)
    except (OSError, ValueError) as error:  # too long a list of arguments, a NUL in one
        return HookResult(label=label, passed=False, text=str(error), returncode=126)
    text = tools.redactor.redact(strip_ansi(done.output)).strip()
    if done.cancelled:
        raise JobCancelled(text)
    if done.timed_out:
        raise JobFailed(FailureKind.TIMEOUT, f"The workflow hook {label} took too long and was stopped", text)
    return HookResult(
        label=label,
        passed=done.ok,
        status=tools.redactor.redact(_first_line(_content(status_file))),
        text=text[-_LONGEST_TEXT:],
        returncode=done.returncode,
        seconds=round(time.monotonic() - began, 3),
    )


def _label(hook: Hook, number: int) -> str:
    return hook.description or f"#{number}"


def _content(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_LARGEST_STATUS_FILE).decode("utf-8", "replace")
    except OSError:  # the hook took it away
        return ""


def _first_line(text: str) -> str:
    lines: Iterable[str] = (line.strip() for line in strip_ansi(text).splitlines())
    return next(filter(None, lines), "")[:_LONGEST_STATUS]
