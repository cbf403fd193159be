"""YAML into typed values; mistakes name file, line, key, what was found and what was expected, all at once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from server.domain.errors import UserMistake


class Section(BaseModel):
    """A mapping of a configuration file: frozen, and no key is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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

    def __init__(self, mistakes: Iterable[ConfigMistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


S = TypeVar("S", bound=Section)
Path = tuple[str | int, ...]
_MAX_BYTES = 4 * 1024 * 1024


def parse_yaml(text: str, *, file: str) -> Any:
    """Read one YAML document, keeping line numbers; aliases are limited by the file's size.

    Raises:
        ConfigMistaken: it is not YAML, or far too long.
    """
    if len(text) > _MAX_BYTES:
        raise ConfigMistaken([ConfigMistake(file, None, "", f"larger than {_MAX_BYTES // 1024 // 1024} MiB")])
    yaml = YAML(typ="rt")
    yaml.allow_duplicate_keys = False
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise ConfigMistaken([ConfigMistake(file, line, "", f"not valid YAML: {error.problem}")]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigMistaken([ConfigMistake(file, None, "", f"not valid YAML: {error}")]) from error


def load(kind: type[S], text: str, *, file: str, secret: Collection[str] = ()) -> tuple[S, Any]:
    """Read and check a configuration file; gives the value and the raw document (for `line_of`).

    What stands under a key that is `secret` is not shown in a mistake.

    Raises:
        ConfigMistaken: with every mistake.
    """
    document = parse_yaml(text, file=file)
    if not isinstance(document, CommentedMap):
        found = "nothing" if document is None else type(document).__name__
        raise ConfigMistaken([ConfigMistake(file, 1, "", f"expected a mapping of keys, found {found}")])
    try:
        return kind.model_validate(_plain(document)), document
    except ValidationError as error:
        raise ConfigMistaken(
            _explain(item, document, file, secret=secret) for item in error.errors(include_url=False)
        ) from None


def line_of(document: Any, path: Path) -> int | None:
    """Find the line of a key, or of the nearest enclosing one that exists."""
    line: int | None = None
    node = document
    for part in path:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0] + 1
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + 1
        else:
            break
        node = node[part]
    return line


def spell(path: Path) -> str:
    """Write a path as people do: `projects[0].dir`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _explain(item: Any, document: Any, file: str, *, secret: Collection[str]) -> ConfigMistake:
    path = tuple(part for part in item["loc"] if not _is_type_name(part))
    message = str(item["msg"]).removeprefix("Value error, ")
    match item["type"]:
        case "extra_forbidden":
            message = "there is no such key here"
        case "missing":
            message = "this key is required"
        case "value_error":
            pass
        case _:
            found = "something secret" if set(path) & set(secret) else f"{item['input']!r:.60}"
            message = f"{message[0].lower()}{message[1:]}; found {found}"
    return ConfigMistake(file, line_of(document, path), spell(path), message)


def _is_type_name(part: str | int) -> bool:
    # pydantic puts the names of union members and validators into a location
    return isinstance(part, str) and (part.startswith(("function-", "tuple[", "dict[")) or part[:1].isupper())


def _plain(node: Any) -> Any:
    if isinstance(node, CommentedMap):
        return {key if isinstance(key, str) else str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)
