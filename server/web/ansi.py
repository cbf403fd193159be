"""Terminal output as pieces of text with CSS classes. What a terminal would act on, other than colour, is left out.

The state between two pieces of a log is one string: the classes in force, then whatever was cut off in the
middle of a code. It goes to the browser and comes back, so only classes that we know are taken from it.
"""

import re
from dataclasses import dataclass

_ESC = "\x1b"
_LONGEST_CODE = 256
_CODE = re.compile(
    r"\x1b\[([0-9;]*)m"  # colours: the one kind that is kept
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # cursor movement and the like
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and hyperlinks
    r"|\x1b[ -/]*[0-Z\\^-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_CUT_OFF = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[ -/]*)?\Z")
_ON = {1: "bold", 2: "faint", 3: "italic", 4: "underline"}
_OFF = {22: ("bold", "faint"), 23: ("italic",), 24: ("underline",)}
_COLOURS = frozenset({*range(30, 38), *range(90, 98)})
_ARGUMENTS = {5: 1, 2: 3}  # after 38 or 48: a palette's number, or red, green and blue
KNOWN = frozenset({*_ON.values(), *(f"fg{number}" for number in _COLOURS)})


@dataclass(frozen=True)
class Coloured:
    """Text in pieces of (classes, text), and the state to go on with."""

    pieces: tuple[tuple[str, str], ...]
    state: str


def coloured(text: str, state: str = "") -> Coloured:
    """Read terminal output, going on from a state."""
    names, escape, pending = state.partition(_ESC)
    classes = [name for name in names.split() if name in KNOWN]
    text = (escape + pending)[:_LONGEST_CODE] + text
    cut = _CUT_OFF.search(text, max(len(text) - _LONGEST_CODE, 0))
    rest = cut.group() if cut else ""
    text = text[: len(text) - len(rest)].replace("\r\n", "\n").replace("\r", "\n")
    pieces: list[tuple[str, str]] = []
    place = 0
    for code in _CODE.finditer(text):
        _add(pieces, classes, text[place : code.start()])
        place = code.end()
        if code.group(1) is not None:
            classes = _after(classes, code.group(1))
    _add(pieces, classes, text[place:])
    return Coloured(tuple(pieces), " ".join(classes) + rest)


def _add(pieces: list[tuple[str, str]], classes: list[str], text: str) -> None:
    text = text.replace(_ESC, "")
    if not text:
        return
    names = " ".join(classes)
    if pieces and pieces[-1][0] == names:
        text = pieces.pop()[1] + text
    pieces.append((names, text))


def _after(classes: list[str], codes: str) -> list[str]:
    numbers = [int(code[:4] or 0) for code in codes.split(";")]
    while numbers:
        number = numbers.pop(0)
        if number in {38, 48}:
            del numbers[: 1 + _ARGUMENTS.get(numbers[0], 0) if numbers else 0]
        elif number == 0:
            classes = []
        elif number in _ON:
            classes = [*(name for name in classes if name != _ON[number]), _ON[number]]
        elif number in _OFF:
            classes = [name for name in classes if name not in _OFF[number]]
        elif number in _COLOURS or number == 39:  # noqa: PLR2004  (back to the usual colour)
            classes = [name for name in classes if not name.startswith("fg")]
            classes += [f"fg{number}"] if number in _COLOURS else []
    return classes
