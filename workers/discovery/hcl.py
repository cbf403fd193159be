"""One file of Terraform or OpenTofu: which local modules it calls, or why it cannot be read."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import hcl2
from lark import Token, Tree
from lark.exceptions import LarkError, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from workers.discovery.outside import ANYTHING, outside
from workers.discovery.syntax import expectation

LARGEST = 2 * 1024 * 1024
_LARGEST_PARSED = 256 * 1024  # the densest text takes 16 seconds per megabyte
_LONGEST_BLANK = 512  # python-hcl2's heredoc takes time by the square of this: 8,000 take 0.3 s
SUFFIXES = (".tf", ".tofu", ".tf.json", ".tofu.json")

_LOCAL = ("./", "../")
# Every literal local source has one of these, so a file without need not be parsed to know its calls.
_MAYBE_LOCAL = re.compile(rb'"\.\.?/')
_HCL_SOURCE = re.compile(r'\bsource[ \t]*=[ \t]*"(\.\.?/[^"$\n]*)"')
_JSON_SOURCE = re.compile(r'"source"\s*:\s*"(\.\.?/[^"$\n]*)"')
_BLANK = re.compile(rb"\s+")
_CONFLICT_BEGINS = re.compile(rb"^<{7} ", re.MULTILINE)
_CONFLICT_DIVIDES = re.compile(rb"^={7}\r?$", re.MULTILINE)
_LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a file cannot be read. A warning is about our limits, an error about the file."""

    summary: str
    detail: str = ""
    line: int | None = None
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a file says: its local module sources as written, and what else it reads elsewhere (`outside`).

    `parsed` is False if nobody looked closer.
    """

    sources: tuple[str, ...] = ()
    problem: Problem | None = None
    parsed: bool = True
    reads: tuple[str, ...] = ()


def is_json(name: str) -> bool:
    """Say in which of the two syntaxes a file is written."""
    return name.endswith(".json")


def may_call_modules(content: bytes) -> bool:
    """Say whether a file could call a local module at all."""
    return b"module" in content and _MAYBE_LOCAL.search(content) is not None


def glance(content: bytes) -> Reading:
    """Look at a file that calls no local module."""
    return Reading(parsed=False, reads=outside(content.decode("utf-8", "replace"), ()))


def read(name: str, content: bytes) -> Reading:
    """Parse a file. What cannot be parsed is still searched for module calls, so that none is missed."""
    reading = _read(name, content)
    text = content.decode("utf-8", "replace")
    return replace(reading, reads=(ANYTHING,) if reading.problem else outside(text, reading.sources))


def _read(name: str, content: bytes) -> Reading:
    if content.startswith(_LFS):
        return Reading(problem=Problem(summary="Stored in Git LFS, which is not fetched", severity="warning"))
    if (line := _conflict(content)) is not None:
        return _searched(name, content, Problem(summary="Contains merge conflict markers", line=line))
    if _is_too_much(content):
        return Reading(sources=search(name, content))
    try:
        text = content.decode("utf-8-sig")  # Terraform accepts a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _searched(name, content, Problem(summary="Is not UTF-8 text", line=line))
    try:
        found = _json_sources(text) if is_json(name) else _hcl_sources(text.replace("\r\n", "\n"))
        sources = tuple(dict.fromkeys(source for source in found if source.startswith(_LOCAL)))
    except Exception as error:  # noqa: BLE001  (a parser may do anything when fed with hostile text)
        return _searched(name, content, _explained(error, text))
    return Reading(sources=sources)


def search(name: str, content: bytes) -> tuple[str, ...]:
    """Find what look like local module sources, without parsing."""
    if b"module" not in content:
        return ()
    pattern = _JSON_SOURCE if is_json(name) else _HCL_SOURCE
    return tuple(dict.fromkeys(pattern.findall(content.decode("utf-8", "replace"))))


def _is_too_much(content: bytes) -> bool:
    return len(content) > _LARGEST_PARSED or any(
        blank.end() - blank.start() > _LONGEST_BLANK for blank in _BLANK.finditer(content)
    )


def _conflict(content: bytes) -> int | None:
    begin = _CONFLICT_BEGINS.search(content)
    if begin is None or _CONFLICT_DIVIDES.search(content, begin.end()) is None:
        return None
    return content.count(b"\n", 0, begin.start()) + 1


def _searched(name: str, content: bytes, problem: Problem) -> Reading:
    return Reading(sources=search(name, content), problem=problem)


# HCL. The raw tree is enough, and takes half the time of turning all of it into values.


def _hcl_sources(text: str) -> Iterator[str]:
    for block in _children(hcl2.parses_to_tree(text), "body", "block"):
        if _name(block) == "module":
            for attribute in _children(block, "body", "attribute"):
                if _name(attribute) == "source":
                    yield from _literal(attribute)


def _children(tree: Tree[Token], *path: str) -> Iterator[Tree[Token]]:
    if not path:
        yield tree
        return
    for child in tree.children:
        if isinstance(child, Tree) and child.data == path[0]:
            yield from _children(child, *path[1:])


def _name(tree: Tree[Token]) -> str:
    first = tree.children[0]
    return "".join(str(token) for token in first.children) if isinstance(first, Tree) else ""


def _literal(attribute: Tree[Token]) -> Iterator[str]:
    for string in _children(attribute, "expr_term", "string"):
        pieces = [piece for part in _children(string, "string_part") for piece in part.children]
        if all(isinstance(piece, Token) for piece in pieces):
            yield "".join(str(piece) for piece in pieces)


# JSON. Blocks may be objects or lists of objects at every level, and names may be repeated.


class _Object(tuple[tuple[str, Any], ...]):
    __slots__ = ()


def _json_sources(text: str) -> Iterator[str]:
    document = json.loads(text, object_pairs_hook=_Object)
    if not isinstance(document, _Object | list):
        raise json.JSONDecodeError("expected an object at the top", text, 0)
    for blocks in _values(document, "module"):
        for call in _values(blocks):
            yield from (source for source in _values(call, "source") if isinstance(source, str))


def _values(value: Any, name: str | None = None) -> Iterator[Any]:
    if isinstance(value, _Object):
        yield from (item for key, item in value if name in {None, key})
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, name)


# Words


def _explained(error: Exception, text: str) -> Problem:
    match error:
        case UnexpectedToken():
            found = str(error.token) if error.token.type != "$END" else None
            return _unexpected(error, found, error.accepts or error.expected, text)
        case UnexpectedCharacters():
            return _unexpected(error, error.char, error.allowed or (), text)
        case json.JSONDecodeError():
            return Problem(summary=f"Invalid JSON: {error.msg}", line=error.lineno)
        case RecursionError():
            return Problem(summary="Nested too deeply to be read here", severity="warning")
        case LarkError():
            return Problem(summary="Invalid syntax")
        case _:
            return Problem(summary="Could not be read here", detail=type(error).__name__, severity="warning")


def _unexpected(error: UnexpectedInput, found: str | None, expected: Iterable[str], text: str) -> Problem:
    lines = text.splitlines()
    line = error.line if 0 < error.line <= len(lines) else max(len(lines), 1)
    # The lexer skips blanks before it complains: a line that just ends is where the mistake is.
    if found is not None and found.startswith("\n"):
        found = "\n"
    place = lines[line - 1].strip()[:200] if lines else ""
    return Problem(summary=f"Invalid syntax: {expectation(found, set(expected))}", detail=place, line=line)
