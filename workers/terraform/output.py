"""What Terraform prints for people, reduced to what they need."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

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


def without_refresh(text: str) -> str:
    """Leave out what Terraform says while it reads the world."""
    lines = text.splitlines()
    last = max((place for place, line in enumerate(lines) if _REFRESH.search(line)), default=-1)
    return "\n".join(lines[last + 1 :]).strip()


def escaped(arguments: tuple[str, ...]) -> str:
    """Spell a comment's arguments as Atlantis hands them to scripts: every character behind a backslash."""
    return ",".join("".join(f"\\{character}" for character in argument) for argument in arguments)


def public_outputs(document: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Take from `output -json` what is not sensitive."""
    return {name: one.get("value") for name, one in document.items() if not one.get("sensitive")}
