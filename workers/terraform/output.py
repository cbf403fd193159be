"""What Terraform prints for people, reduced to what they need."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workers.redact import strip_ansi

_SUMMARY = re.compile(r"^Apply complete! Resources: (.*)\.$", re.MULTILINE)
_DONE = re.compile(r"^(\S.*?): (?:Creation|Modifications|Destruction|Import) complete", re.MULTILINE)
_REFRESH = re.compile(r": (?:Refreshing state|Reading|Still reading|Read complete)")


@dataclass(frozen=True)
class Applied:
    """What an apply says that it did."""

    summary: str
    completed: tuple[str, ...]


def applied(text: str) -> Applied:
    """Read the output of an apply, without colours."""
    found = _SUMMARY.search(text)
    return Applied(found.group(1) if found else "", tuple(dict.fromkeys(_DONE.findall(text))))


@dataclass(eq=False)
class Progress:
    """Listens to an apply while it runs: what it has done is known also when it fails or is stopped."""

    sink: Callable[[str], None]
    completed: dict[str, None] = field(default_factory=dict)  # in order, and each once

    def hear(self, line: str) -> None:
        """Pass a line on, and note what it says is done."""
        self.sink(line)
        if " complete" in line and (found := _DONE.match(strip_ansi(line))):
            self.completed[found.group(1)] = None


def without_refresh(text: str) -> str:
    """Leave out what Terraform says while it reads the world."""
    lines = text.splitlines()
    last = max((place for place, line in enumerate(lines) if _REFRESH.search(line)), default=-1)
    return "\n".join(lines[last + 1 :]).strip()


def public_outputs(document: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Take from `output -json` what is not sensitive."""
    return {name: one.get("value") for name, one in document.items() if not one.get("sensitive")}
