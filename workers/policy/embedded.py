"""The embedded engine (regopy), for workers without conftest and opa: run apart, believed as far as it is known.

It fails closed: what it might get wrong is refused before it runs (`vetting`), and whatever else than a clear answer
comes back is an error.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workers.policy.alphabet import INSTEAD, cased_letters, respelled, restored, spelled
from workers.policy.arguments import namespaces
from workers.policy.findings import Findings, Run, Unjudged
from workers.policy.rego import Module, modules_at, packages_to_ask
from workers.policy.rules import findings
from workers.policy.vetting import CASED, insist_on_known

_SANDBOX = Path(__file__).with_name("sandbox.py")
_LARGEST_PLAN = 256 * 1024 * 1024
_ENDS = {3: "more memory than {megabytes} MB", 4: "more than {seconds:g} seconds"}
_EXCEPTIONS = "exception"  # conftest's rule that takes other rules back


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Evaluates Rego v1 in a process of its own. Limits are seconds and bytes."""

    arguments: Sequence[str] = ()
    seconds: float = 60.0
    memory: int = 1024 * 1024 * 1024
    name: str = "the embedded engine"

    def judge(self, policies: Path, plan: Path, run: Run) -> Findings:
        """See `Engine`."""
        modules = modules_at(policies)
        asked = packages_to_ask(modules, namespaces(self.arguments, engine=self.name))
        used = insist_on_known(modules)
        for package, names in asked.items():
            if _EXCEPTIONS in names:
                raise Unjudged(f"the package {package} has conftest's `exception` rules, which need conftest")
        document = _read(plan)
        if used & CASED and (letter := cased_letters([document, [module.source for module in modules]])):
            words = " and ".join(f"`{name}`" for name in sorted(used & CASED))
            raise Unjudged(
                f"{words} would not know the letter `{letter}` of the plan or a policy. Install conftest or opa"
            )
        answer = self._asked(modules, list(asked), document, run)
        return findings(restored(answer), expected=asked)

    def _asked(self, modules: Sequence[Module], packages: list[str], document: Any, run: Run) -> dict[str, Any]:
        request = {
            "modules": {module.file: respelled(module) for module in modules},
            "input": spelled(document),
            "packages": packages,
            "seconds": self.seconds,
            "memory_bytes": self.memory,
        }
        content = json.dumps(request, ensure_ascii=False).encode("utf-8")
        with tempfile.TemporaryDirectory(prefix="thera-policy-") as empty:
            done = run([sys.executable, "-I", str(_SANDBOX)], env={}, cwd=Path(empty), stdin=content)
        if done.returncode in _ENDS:
            limit = _ENDS[done.returncode].format(megabytes=self.memory >> 20, seconds=self.seconds)
            raise Unjudged(f"the policies took {limit}")
        try:
            answer = json.loads(done.stdout)
            found: dict[str, Any] = answer["packages"]
        except (ValueError, KeyError, TypeError):
            raise Unjudged(f"the policies cannot be evaluated: {_why(done.stdout, done.output)}") from None
        if _has_error(found):
            raise Unjudged("the policies cannot be evaluated: a rule has an error for a value")
        return found


def is_installed() -> bool:
    """Say whether this worker has the engine's library."""
    return find_spec("regopy") is not None


def _read(plan: Path) -> Any:
    if plan.stat().st_size > _LARGEST_PLAN:
        raise Unjudged(f"the plan is too large for the embedded engine. {INSTEAD}")
    try:
        return json.loads(plan.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Unjudged("the plan's JSON cannot be read") from error


def _why(stdout: bytes, output: str) -> str:
    try:
        said = str(json.loads(stdout)["error"])
    except (ValueError, KeyError, TypeError):
        said = output.strip() or "the engine gave no answer"
    if said == "<error>":
        said = "a built-in function was given something that it cannot take, or two rules contradict each other"
    if "JSONDecodeError" in said:
        said = "the engine broke off: a function that does not exist, or one that calls itself"
    return str(restored(said))[:2000]


def _has_error(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_error(one) for one in (*value, *value.values()))
    if isinstance(value, list):
        return any(map(_has_error, value))
    return bool(value == "<error>")
