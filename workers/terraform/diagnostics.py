"""Terraform's words of trouble, taken apart: what, where, and at which address."""

import re
from collections.abc import Iterator

from workers.protocol.results import Diagnostic
from workers.redact import strip_ansi

_HEAD = re.compile(r"^(Error|Warning): (.*)$")
_WITH = re.compile(r"^\s*with ([^,]+),?$")
_ON = re.compile(r"^\s*on (\S+) line (\d+)")
_INTRODUCTION = re.compile(r"(Terraform|OpenTofu) encountered problems during initiali[sz]ation")
_LARGEST = 4000
_MOST = 50


def diagnostics(output: str) -> tuple[Diagnostic, ...]:
    """Read what Terraform says of errors and warnings: errors come first, and of these the ones with a place.

    One without a place is often only an introduction ("Terraform encountered problems during initialisation").
    """
    found = [_diagnostic(block) for block in _blocks(strip_ansi(output).splitlines())]
    kept = [one for one in found if one is not None]
    if any(one.file for one in kept):  # what introduces the others says nothing by itself
        kept = [one for one in kept if one.file or not _INTRODUCTION.match(one.summary)]
    kept.sort(key=lambda one: (one.severity != "error", one.file is None))
    return tuple(dict.fromkeys(kept))[:_MOST]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Cut output into its complaints: in boxes, or one after the other where colours are off."""
    block: list[str] = []
    boxed = False
    for line in lines:
        if line.startswith("╷"):
            yield block
            block, boxed = [], True
        elif line.startswith("╵"):
            yield block
            block, boxed = [], False
        elif boxed:
            block.append(line.removeprefix("│").removeprefix(" "))
        elif _HEAD.match(line):
            yield block
            block = [line]
        elif block:
            block.append(line)
    yield block


def _diagnostic(block: list[str]) -> Diagnostic | None:
    head = next((match for line in block if (match := _HEAD.match(line))), None)
    if head is None:
        return None
    address = next((match.group(1).strip() for line in block if (match := _WITH.match(line))), None)
    place = next((match for line in block if (match := _ON.match(line))), None)
    rest = [line for line in block if not _HEAD.match(line)]
    return Diagnostic(
        severity="error" if head.group(1) == "Error" else "warning",
        summary=head.group(2).strip(),
        detail="\n".join(rest).strip()[:_LARGEST],
        address=address,
        file=place.group(1) if place else None,
        line=int(place.group(2)) if place else None,
    )
