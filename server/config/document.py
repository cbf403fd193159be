"""YAML text into plain values, with the line of every key; what cannot be meant is a mistake with a place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from server.domain.errors import UserMistake

Path = tuple[str | int, ...]
# Reading takes about four seconds per MiB, and a project some hundred bytes.
_MAX_BYTES = 2 * 1024 * 1024
# An honest file repeats a list of patterns in each project; a hostile one doubles a list in each line.
_MAX_REPEATED = 100_000
_MERGE = "<<"
_NOTHING, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
# Dates stay text: no key of ours is one.
_TEXT = {f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp", "value")}


@dataclass(frozen=True)
class ConfigMistake:
    """One thing wrong in a configuration file; `line` counts from 1."""

    file: str
    line: int | None
    key: str
    message: str

    @property
    def place(self) -> str:
        """The file, and the line where it is known."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        """Write it as compilers do."""
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class ConfigMistaken(UserMistake):
    """A configuration file cannot be used; `mistakes` lists everything wrong with it."""

    def __init__(self, mistakes: Sequence[ConfigMistake] | Iterator[ConfigMistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class Whole(int):
    """A whole number that knows how it was written, since a version like `1` is text to us."""

    written: str


class Fraction(float):
    """A fraction that knows how it was written: `1.10` is another version than `1.1`."""

    written: str


def spell(path: Path) -> str:
    """Write a path as people do: `projects[0].dir`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse_yaml(text: str, *, file: str) -> Node | None:
    """Read the first YAML document, keeping line numbers; None when there is nothing in it.

    Raises:
        ConfigMistaken: it is not YAML, or far too long.
    """
    if len(text) > _MAX_BYTES:
        raise ConfigMistaken([ConfigMistake(file, None, "", f"larger than {_MAX_BYTES // 1024 // 1024} MiB")])
    try:
        node: Node | None = next(iter(YAML(typ="safe", pure=True).compose_all(text)), None)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise ConfigMistaken(
            [ConfigMistake(file, line, "", f"not valid YAML: {_problem(text, line, error)}")]
        ) from error
    except RecursionError as error:
        raise ConfigMistaken([ConfigMistake(file, None, "", "nested far too deeply")]) from error
    except (YAMLError, ValueError) as error:
        raise ConfigMistaken([ConfigMistake(file, None, "", f"not valid YAML: {error}")]) from error
    return node


def _problem(text: str, line: int | None, error: MarkedYAMLError) -> str:
    rows = text.splitlines()
    if line is not None and line <= len(rows) and "\t" in rows[line - 1][: -len(rows[line - 1].lstrip())]:
        return "the line begins with a tab; YAML is indented with spaces"
    return str(error.problem or error.context)


def plain(node: Node | None, *, file: str) -> Any:
    """Turn a document into dictionaries, lists, text, numbers, truth values and None.

    Raises:
        ConfigMistaken: with every key that is there twice, and everything else that has no plain meaning.
    """
    reading = _Reading(file)
    try:
        value = None if node is None else reading.value(node, ())
    except RecursionError as error:
        raise ConfigMistaken([ConfigMistake(file, None, "", "nested far too deeply")]) from error
    if reading.mistakes:
        raise ConfigMistaken(reading.mistakes)
    return value


class _Reading:
    """One walk through a document; aliases lead to the same node again."""

    def __init__(self, file: str) -> None:
        self.mistakes: list[ConfigMistake] = []
        self._file = file
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._repeated = 0

    def value(self, node: Node, path: Path) -> Any:
        self._count(node)
        if id(node) in self._open:
            raise ConfigMistaken([self._mistake(node, path, "contains itself, by way of an alias")])
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.remove(id(node))

    def _count(self, node: Node) -> None:
        if id(node) in self._seen:
            self._repeated += 1
            if self._repeated > _MAX_REPEATED:
                words = f"aliases (`*name`) repeat more than {_MAX_REPEATED} values; write them out, or fewer of them"
                raise ConfigMistaken([self._mistake(node, (), words)])
        self._seen.add(id(node))

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            name = self._key(key, path)
            if name == _MERGE and not key.style:
                merged = self._merged(value, path) | merged
            elif name in own:
                self.mistakes.append(self._mistake(key, (*path, name), "this key is here a second time"))
            else:
                own[name] = self.value(value, (*path, name))
        return merged | own

    def _key(self, key: Node, path: Path) -> str:
        if isinstance(key, ScalarNode):
            return str(key.value)
        raise ConfigMistaken([self._mistake(key, path, "a key has to be plain text")])

    def _merged(self, node: Node, path: Path) -> dict[str, Any]:
        """Read what `<<` brings in; of several mappings, the first one that has a key."""
        found = self.value(node, path)
        together: dict[str, Any] = {}
        for one in found if isinstance(found, list) else [found]:
            if not isinstance(one, dict):
                raise ConfigMistaken([self._mistake(node, path, "`<<` takes a mapping, or a list of mappings")])
            together = one | together
        return together

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        text = str(node.value)
        tag = str(node.tag)
        if tag == _NOTHING:
            return None
        if tag == _BOOL:
            return text.lower() in {"true", "yes", "on"}
        try:
            if tag == _INT:
                return _whole(text)
            if tag == _FLOAT:
                return _fraction(text)
        except ValueError:
            return text  # a number to YAML's grammar and to nobody else, such as `0o`
        if tag not in _TEXT:
            self.mistakes.append(self._mistake(node, path, f"the tag {tag} means nothing here"))
        return text

    def _mistake(self, node: Node, path: Path, message: str) -> ConfigMistake:
        return ConfigMistake(self._file, node.start_mark.line + 1, spell(path), message)


def _whole(text: str) -> Whole:
    digits = text.replace("_", "")
    try:
        number = Whole(digits)
    except ValueError:
        number = Whole(digits, 0)  # 0x1f, 0o17
    number.written = text
    return number


def _fraction(text: str) -> Fraction:
    number = Fraction(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    number.written = text
    return number


def line_of(document: Node | None, path: Path) -> int | None:
    """Find the line of a key, or of the nearest enclosing one that exists."""
    line: int | None = None
    node = document
    for part in path:
        found = _step(node, part)
        if found is None:
            break
        at, node = found
        line = at.start_mark.line + 1
    return line


def _step(node: Node | None, part: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if not isinstance(node, MappingNode):
        return None
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value == part:
            return key, value
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value == _MERGE:
            merged = value.value if isinstance(value, SequenceNode) else [value]
            found = next(filter(None, (_step(one, part) for one in merged)), None)
            if found is not None:
                return found
    return None
