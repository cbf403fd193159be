"""Which variables of a rule get a value, and where: by assignment, by `some … in`, by an index that goes through all.

An index that has no value yet (`input.l[i]`, `[_]`) goes through all values. The embedded engine does that only where
the reference stands alone, is assigned, or is compared with one value; within a call or a sum it goes through none, and
the rule is silent. So only there such an index counts as one that gives its variable a value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workers.policy.rego import KEYWORDS, Token

Scope = tuple[int, ...]
_VALUES = {"true", "false", "null"}


@dataclass(frozen=True)
class Bindings:
    """The variables of one rule that have a value, each with the comprehensions in which it has."""

    names: frozenset[tuple[str, Scope]]
    scopes: tuple[Scope, ...]
    wildcards: frozenset[int]

    @classmethod
    def of(cls, words: Sequence[Token]) -> "Bindings":
        """Look through a rule, given without its line ends."""
        scopes = scopes_of(words)
        plain = frozenset(_plain(words, scopes))
        first = cls(plain, scopes, frozenset())
        found = [place for place in _indices(words) if not first.cover(place, words[place].text)]
        going = [place for place in found if _goes_through(words, place, first)]
        return cls(
            plain | {(words[place].text, scopes[place]) for place in going if words[place].text != "_"},
            scopes,
            frozenset(going) | {place for place, token in enumerate(words) if token.text == "_" and place not in found},
        )

    def cover(self, place: int, name: str) -> bool:
        """Say whether the name at a place has a value there."""
        if name == "_":
            return place in self.wildcards
        scope = self.scopes[place]
        return any((name, scope[:end]) in self.names for end in range(len(scope) + 1))


def scopes_of(words: Sequence[Token]) -> tuple[Scope, ...]:
    """Say of each word in which comprehensions it stands, from the outermost; each is named by its place."""
    scopes: list[Scope] = []
    opened: list[tuple[int, bool]] = []
    for place, token in enumerate(words):
        if token.text in {")", "]", "}"}:
            opened.pop()
        scopes.append(tuple(start for start, is_scope in opened if is_scope))
        if token.text in {"(", "[", "{"}:
            opened.append((place, token.text != "(" and _divider(words, place) is not None))
    return tuple(scopes)


def _divider(words: Sequence[Token], place: int) -> int | None:
    """Find the `|` of the comprehension that opens at a place; None if it is something else."""
    if place and (words[place - 1].is_operand_end or words[place - 1].text == "if"):
        return None  # the body of a rule, or an index
    depth = words[place].depth + 1
    for other in range(place + 1, len(words)):
        token = words[other]
        if token.depth < depth or (token.depth == depth and token.text in {",", ";"}):
            return None
        if token.depth == depth and token.text == "|":
            return other
    return None


def _plain(words: Sequence[Token], scopes: Sequence[Scope]) -> Iterator[tuple[str, Scope]]:
    for place, token in enumerate(words):
        if token.text in {":=", "="}:
            yield from _assigned(words, place, scopes)
        elif token.text in {"some", "every"}:
            yield from _declared(words, place, scopes)
        elif token.text == "(" and place and _takes_names(words, place):
            yield from _names_within(words, place, scopes)


def _takes_names(words: Sequence[Token], place: int) -> bool:
    """Say whether an opening bracket follows a function's head, or `walk`, which gives its second argument values."""
    head = [token.text for token in words[:place] if token.text != "default"]
    return words[place - 1].text == "walk" or (len(head) == 1 and words[place].depth == 0)


def _assigned(words: Sequence[Token], place: int, scopes: Sequence[Scope]) -> Iterator[tuple[str, Scope]]:
    before = words[place - 1]
    if before.kind == "name" and (place == 1 or words[place - 2].text != "."):
        yield before.text, scopes[place]
    elif before.text in {"]", "}"}:
        start = place - 1
        while start and not (words[start].depth == before.depth and words[start].text in {"[", "{"}):
            start -= 1
        if not (start and words[start - 1].is_operand_end):  # else an index: `p[k] := v`
            yield from _names_within(words, start, scopes)


def _declared(words: Sequence[Token], place: int, scopes: Sequence[Scope]) -> Iterator[tuple[str, Scope]]:
    """List what `some … in` and `every … in` go through; without `in`, nothing gets a value."""
    names: list[str] = []
    for token in words[place + 1 :]:
        if token.text == "in":
            yield from ((name, scopes[place]) for name in names)
            return
        if token.text in {";", ":="} or token.depth < words[place].depth:
            return
        if token.kind == "name":
            names.append(token.text)


def _names_within(words: Sequence[Token], place: int, scopes: Sequence[Scope]) -> Iterator[tuple[str, Scope]]:
    for token in words[place + 1 :]:
        if token.depth <= words[place].depth:
            return
        if token.kind == "name" and token.text not in KEYWORDS:
            yield token.text, scopes[place]


def _indices(words: Sequence[Token]) -> Iterator[int]:
    """List the places of names that are an index by themselves."""
    for place in range(2, len(words) - 1):
        is_one = words[place].kind == "name" and words[place].text not in _VALUES
        if is_one and words[place - 1].text == "[" and words[place + 1].text == "]" and words[place - 2].is_operand_end:
            yield place


def _goes_through(words: Sequence[Token], place: int, known: Bindings) -> bool:
    """Say whether the engine goes through all values at an index: in `x := ref`, `ref`, `ref == value`."""
    bounds = _expression(words, place - 1)
    if bounds is None:
        return False
    start, end = bounds
    if start + 1 < end and words[start].kind == "name" and words[start + 1].text == ":=":
        return _reference(words, start + 2, end, known)[0] == end
    first, goes = _operand(words, start, end, known)
    if first == end:
        return True
    if first is None or words[first].text not in {"==", "!="}:
        return False
    second, goes_as_well = _operand(words, first + 1, end, known)
    return second == end and not (goes and goes_as_well)


def _expression(words: Sequence[Token], place: int) -> tuple[int, int] | None:
    """Find where the expression around a place begins and ends; None if the place is only a part of a value."""
    depth = words[place].depth
    start = place
    while start and not _is_border(words, start - 1, start, depth):
        start -= 1
    end = place + 1
    while end < len(words) and not _is_border(words, end - 1, end, depth):
        end += 1
    opener = next((other for other in range(start - 1, -1, -1) if words[other].depth < depth), None)
    if opener is None:
        return (start, end) if start and words[start - 1].text == "if" else None
    divider = _divider(words, opener)
    if divider is not None:
        return (start, end) if start > divider else None
    is_body = opener > 0 and words[opener].text == "{"
    is_body = is_body and (words[opener - 1].is_operand_end or words[opener - 1].text == "if")
    return (start, end) if is_body else None


def _is_border(words: Sequence[Token], before: int, after: int, depth: int) -> bool:
    """Say whether one expression ends and another begins between two neighbours."""
    one, other = words[before], words[after]
    if min(one.depth, other.depth) < depth or ";" in {one.text, other.text} or one.text == "if":
        return True
    if depth in {one.depth, other.depth} and "|" in {one.text, other.text}:
        return True
    is_new_line = one.line != other.line and one.depth == other.depth == depth
    return is_new_line and (one.is_operand_end or one.text == "}") and other.kind in {"name", "text", "number", "raw"}


def _operand(words: Sequence[Token], start: int, end: int, known: Bindings) -> tuple[int | None, bool]:
    """Read one value: where it ends, and whether it goes through several. None if it is more than that."""
    if start >= end:
        return None, False
    token = words[start]
    if token.kind in {"text", "raw", "number"} or token.text in _VALUES:
        return start + 1, False
    return _reference(words, start, end, known)


def _reference(words: Sequence[Token], start: int, end: int, known: Bindings) -> tuple[int | None, bool]:
    """Read a reference such as `input.a[i].b["c"]`."""
    if start >= end or words[start].kind != "name" or words[start].text in KEYWORDS:
        return None, False
    place, goes = start + 1, False
    while place < end:
        if words[place].text == "." and place + 1 < end and words[place + 1].kind == "name":
            place += 2
        elif words[place].text == "[" and place + 2 < end and words[place + 2].text == "]":
            inner = words[place + 1]
            if inner.kind == "sign":
                return None, False
            goes = goes or (inner.kind == "name" and not known.cover(place + 1, inner.text))
            place += 3
        else:
            break
    return place, goes
