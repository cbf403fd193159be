"""opa, the program (https://www.openpolicyagent.org), asked for the rules that conftest would ask for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.policy.arguments import namespaces
from workers.policy.findings import Findings, Run, Unjudged
from workers.policy.rego import modules_at, packages_to_ask
from workers.policy.rules import findings


@dataclass(frozen=True, kw_only=True)
class Opa:
    """Runs `opa eval`."""

    binary: str
    arguments: Sequence[str] = ()
    name: str = "opa"

    def judge(self, policies: Path, plan: Path, run: Run) -> Findings:
        """See `Engine`. A built-in that fails is an error: by default OPA would go on without the rule."""
        asked = packages_to_ask(modules_at(policies), namespaces(self.arguments, engine=self.name))
        sources = ["--data", str(policies), "--input", str(plan)]
        done = run([self.binary, "eval", "--format", "json", "--strict-builtin-errors", *sources, "data"])
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            answer = {}
        if done.returncode != 0 or "result" not in answer:
            raise Unjudged(f"opa did not answer: {_complaint(answer) or done.output.strip() or 'it printed nothing'}")
        data = answer["result"][0]["expressions"][0]["value"]
        return findings({name: _below(data, name) for name in asked}, expected=asked)


def _complaint(answer: dict[str, Any]) -> str:
    return "; ".join(str(one.get("message", one)) for one in answer.get("errors", ()))


def _below(data: Any, package: str) -> Any:
    for part in package.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data
