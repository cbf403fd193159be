"""Findings for people, as a table, and for programs, as JSON."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from server.domain.findings import Finding, Verdict

_MARKS = {Verdict.GOOD: "ok", Verdict.WARNING: "warning", Verdict.BAD: "BAD", Verdict.UNKNOWN: "unknown"}
_VERDICT, _SUBJECT = 8, 20
Findings = Mapping[str, Sequence[Finding]]


def as_table(found: Findings, *, width: int = 100) -> str:
    """Write findings by place, each remedy under what it is for."""
    lines: list[str] = []
    for place, findings in found.items():
        lines += ["", place, "-" * min(len(place), width)]
        for one in findings:
            lines += _row(one, width=max(width, 60))
    return "\n".join(lines[1:])


def _row(one: Finding, *, width: int) -> list[str]:
    indent = " " * (_VERDICT + _SUBJECT + 2)
    head = f"{_MARKS[one.verdict]:<{_VERDICT}} {one.subject:<{_SUBJECT}} "
    rows = textwrap.wrap(head + one.found, width, subsequent_indent=indent, break_on_hyphens=False)
    if one.remedy:
        rows += textwrap.wrap(
            f"→ {one.remedy}", width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
        )
    return rows


def as_json(found: Findings) -> str:
    """Write findings for programs."""
    rows = [{"place": place, **asdict(one)} for place, findings in found.items() for one in findings]
    return json.dumps({"findings": rows, "healthy": is_healthy(found)}, indent=2)


def is_healthy(found: Findings) -> bool:
    """Say whether nothing is bad; warnings and what could not be looked at are no failure."""
    return not any(one.verdict is Verdict.BAD for findings in found.values() for one in findings)
