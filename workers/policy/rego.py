"""Rego source, read closely enough to know what it defines and what it uses. It does not evaluate anything.

The grammar: https://www.openpolicyagent.org/docs/latest/policy-reference/#grammar
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.policy.arguments import Namespaces
from workers.policy.findings import Unjudged

KEYWORDS = frozenset(
    "as contains default else every false if import in not null package set some true with".split()  # noqa: SIM905  (a list of words reads best as words)
)
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*)|(?P<newline>\n)|(?P<raw>`[^`]*`)|(?P<text>"(?:[^"\\\n]|\\.)*")"""
    r"""|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<sign>:=|==|!=|<=|>=|[-+*/%&|=<>(){}\[\],;:.])"""
)
_OPEN, _CLOSED = "([{", ")]}"
_LARGEST = 4 * 1024 * 1024
_MOST = 2000
_CONTINUES = frozenset(["else", ":=", "=", "==", "|", "&", "+", "*", "/", "%", ".", ",", "if", "with", "and"])


@dataclass(frozen=True)
class Token:
    """One word of a source. `kind` is `raw`, `text`, `number`, `name`, `sign` or `newline`."""

    kind: str
    text: str
    line: int
    start: int
    depth: int

    @property
    def is_operand_end(self) -> bool:
        """Say whether a value may end here."""
        if self.kind == "name":
            return self.text not in KEYWORDS or self.text in {"true", "false", "null"}
        return self.kind in {"raw", "text", "number"} or self.text in {")", "]", "}"}


@dataclass(frozen=True, kw_only=True)
class Module:
    """One file: its package (`a.b`), what it calls other packages, and its rules, each a run of tokens."""

    file: str
    source: str
    package: str
    aliases: Mapping[str, str]
    rules: tuple[tuple[Token, ...], ...]

    @property
    def names(self) -> frozenset[str]:
        """Name the rules and functions that it defines."""
        return frozenset(name for rule in self.rules if (name := head_of(rule)))

    def at(self, token: Token) -> str:
        """Say where a token stands."""
        return f"{self.file}:{token.line}"


def head_of(rule: Sequence[Token]) -> str:
    """Name what a rule defines; of `a.b.c := 1` the first part, which is what others see."""
    words = [token for token in rule if token.kind != "newline"]
    if words and words[0].text == "default":
        words = words[1:]
    return words[0].text if words and words[0].kind == "name" and words[0].text not in KEYWORDS else ""


def modules_at(place: Path) -> tuple[Module, ...]:
    """Read the policies at a path: a file, or all `.rego` files below a folder but for tests.

    Raises:
        Unjudged: there are none, or one cannot be read.
    """
    files = [place] if place.is_file() else sorted(place.rglob("*.rego"))
    files = [file for file in files if not file.name.endswith("_test.rego")]
    if not files or len(files) > _MOST:
        raise Unjudged("there are no policies: no file at the set's path ends in `.rego`" if not files else "too many")
    return tuple(_module(file, place if place.is_dir() else place.parent) for file in files)


def packages_to_ask(modules: Sequence[Module], wanted: Namespaces) -> dict[str, frozenset[str]]:
    """Name the packages that are asked, and the rules that each of them has."""
    found: dict[str, frozenset[str]] = {}
    for module in modules:
        if wanted.every or module.package in wanted.names:
            found[module.package] = found.get(module.package, frozenset()) | module.names
    return found


def _module(file: Path, root: Path) -> Module:
    name = file.relative_to(root).as_posix()
    try:
        if file.stat().st_size > _LARGEST:
            raise Unjudged(f"{name} is larger than any policy")
        return parsed(name, file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Unjudged(f"{name} cannot be read: {error}") from error


def parsed(file: str, source: str) -> Module:
    """Read one module.

    Raises:
        Unjudged: it does not begin as a module does, or its brackets do not match.
    """
    statements = list(_statements(list(tokens(file, source))))
    if not statements or statements[0][0].text != "package":
        raise Unjudged(f"{file} does not begin with `package`")
    aliases: dict[str, str] = {}
    rules = []
    for statement in statements[1:]:
        if statement[0].text == "import":
            path, alias = _import(file, statement)
            aliases[alias] = path
        else:
            rules.append(tuple(statement))
    package = _dotted(file, statements[0][1:])
    return Module(file=file, source=source, package=package, aliases=aliases, rules=tuple(rules))


def tokens(file: str, source: str) -> Iterator[Token]:
    """Cut a source into its words.

    Raises:
        Unjudged: there is something in it that is no word of Rego, or a bracket without its other half.
    """
    place, line = 0, 1
    opened: list[str] = []
    while place < len(source):
        match = _TOKEN.match(source, place)
        if match is None:
            raise Unjudged(f"{file}:{line}: `{source[place : place + 20].splitlines()[0]}` cannot be read here")
        kind, text = str(match.lastgroup), match.group()
        if text in _CLOSED and (not opened or opened.pop() != _OPEN[_CLOSED.index(text)]):
            raise Unjudged(f"{file}:{line}: `{text}` closes nothing")
        if kind != "space":
            yield Token(kind, text, line, place, len(opened))
        if text in _OPEN:
            opened.append(text)
        line += text.count("\n")
        place = match.end()
    if opened:
        raise Unjudged(f"{file}: a `{opened[-1]}` is never closed")


def _statements(found: Sequence[Token]) -> Iterator[list[Token]]:
    statement: list[Token] = []
    for place, token in enumerate(found):
        if token.kind != "newline" or token.depth > 0:
            statement.append(token)
            continue
        following = next((other.text for other in found[place + 1 :] if other.kind != "newline"), "")
        if statement and not (following in _CONTINUES or statement[-1].text in _CONTINUES):
            yield statement
            statement = []
    if statement:
        yield statement


def _import(file: str, statement: Sequence[Token]) -> tuple[str, str]:
    words = [token.text for token in statement]
    if "as" in words:
        return _dotted(file, statement[1 : words.index("as")]), words[-1]
    path = _dotted(file, statement[1:])
    return path, path.rpartition(".")[2]


def _dotted(file: str, words: Sequence[Token]) -> str:
    if not words or any(token.kind != "name" and token.text != "." for token in words):
        line = words[0].line if words else 1
        raise Unjudged(f"{file}:{line}: write packages and imports as names with dots between them")
    return "".join(token.text for token in words)
