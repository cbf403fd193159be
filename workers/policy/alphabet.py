"""Texts in a spelling that the embedded engine handles: without a character that JSON or Rego would escape.

The engine (regopy 1.5) keeps the escapes of some strings and undoes those of others, so that a line end written in a
policy is not the line end in a plan. Every such character is replaced by one that nobody uses, one for one, before
the engine sees it, and put back in what it answers. Lengths, positions and equality stay what they are.
"""

import json
from typing import Any

from workers.policy.findings import Unjudged
from workers.policy.rego import Module

INSTEAD = "Install conftest or opa on the worker"
_MOST, _DECIMALS = 10**15, 6
_FIRST = 0xF700  # of Unicode's private use area
_ESCAPED = [*range(0x20), ord('"'), ord("\\"), 0x7F, 0x2028, 0x2029]
_THERE = {code: chr(_FIRST + place) for place, code in enumerate(_ESCAPED)}
_BACK = {ord(other): chr(code) for code, other in _THERE.items()}


def spelled(value: Any) -> Any:
    """Spell every text of a JSON value anew.

    Raises:
        Unjudged: it holds one of the characters that stand in for others, or a number that would be changed.
    """
    if isinstance(value, str):
        return _spelled(value)
    if not is_exact(value):
        raise Unjudged(f"the plan holds the number {value}, which the embedded engine would change. {INSTEAD}")
    if isinstance(value, list):
        return [spelled(one) for one in value]
    if isinstance(value, dict):
        return {_spelled(key): spelled(one) for key, one in value.items()}
    return value


def restored(value: Any) -> Any:
    """Undo it in what the engine answered."""
    if isinstance(value, str):
        return value.translate(_BACK)
    if isinstance(value, list):
        return [restored(one) for one in value]
    if isinstance(value, dict):
        return {restored(key): restored(one) for key, one in value.items()}
    return value


def respelled(module: Module) -> str:
    """Write a module's source with its texts spelled anew.

    Raises:
        Unjudged: a text in it cannot be read.
    """
    pieces: list[str] = []
    place = 0
    for rule in module.rules:
        for token in rule:
            if token.kind not in {"text", "raw"}:
                continue
            pieces += [module.source[place : token.start], f'"{_spelled(_text(module, token.text, token.line))}"']
            place = token.start + len(token.text)
    return "".join([*pieces, module.source[place:]])


def is_exact(value: Any) -> bool:
    """Say whether the engine keeps a number as it is: it has 64 bits for integers, and six decimals."""
    if isinstance(value, float):
        return abs(value) < _MOST and round(value, _DECIMALS) == value
    return not isinstance(value, int) or abs(value) < _MOST


def cased_letters(value: Any) -> str:
    """Give the first letter beyond ASCII that has two cases; nothing if there is none."""
    text = json.dumps(value, ensure_ascii=False)
    return next((one for one in text if not one.isascii() and (one.lower() != one or one.upper() != one)), "")


def _spelled(text: str) -> str:
    if any(ord(one) in _BACK or "\ud800" <= one <= "\udfff" for one in text):
        raise Unjudged("there is a text with characters for private use in the plan or in a policy")
    return text.translate(_THERE)


def _text(module: Module, token: str, line: int) -> str:
    if token.startswith("`"):
        return token[1:-1].replace("\r", "")
    try:
        return str(json.loads(token))  # Rego's texts are JSON's
    except ValueError:
        raise Unjudged(f"{module.file}:{line}: {token} is not a text that can be read") from None
