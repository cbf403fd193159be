"""A configuration file into typed values; mistakes name file, line, key, what was found and what was expected."""

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from ruamel.yaml.nodes import Node

from server.config.document import (
    ConfigMistake,
    ConfigMistaken,
    Fraction,
    Path,
    Whole,
    line_of,
    parse_yaml,
    plain,
    spell,
)


class Section(BaseModel):
    """A mapping of a configuration file: frozen, and no key is ignored. A key without a value is not set."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, value: object) -> object:
        if value is None:
            return {}
        if not isinstance(value, dict):
            return value
        return {key: one for key, one in value.items() if one is not None or key not in keys_of(cls)}


def as_written(value: object) -> object:
    """Give a number or a truth value as the text it was written as: `1.10` for a version, `2024` for a name."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.written if isinstance(value, (Whole, Fraction)) else value


def _truth(value: object) -> object:
    # YAML 1.1's words, which Go's reader takes where a truth value is expected.
    words = {"y": True, "yes": True, "on": True, "n": False, "no": False, "off": False}
    return words.get(value.lower(), value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(as_written)]
Flag = Annotated[bool, BeforeValidator(_truth)]

S = TypeVar("S", bound=Section)
_VALIDATOR = re.compile(r"(function-\w+|list|dict|tuple|union|nullable|tagged-union)\[.*\]", re.DOTALL)

_KINDS = {
    "bool_type": "expected true or false",
    "dict_type": "expected a mapping of keys",
    "int_type": "expected a whole number",
    "list_type": "expected a list",
    "model_type": "expected a mapping of keys",
    "string_type": "expected text",
}


def load(kind: type[S], text: str, *, file: str, secret: Collection[str] = ()) -> tuple[S, Node | None]:
    """Read and check a configuration file; gives the value and the document (for `line_of`).

    What stands under a key that is `secret` is not shown in a mistake.

    Raises:
        ConfigMistaken: with every mistake.
    """
    document = parse_yaml(text, file=file)
    value = plain(document, file=file)
    if not isinstance(value, dict):
        message = f"expected a mapping of keys, found {_shown(value)}"
        raise ConfigMistaken([ConfigMistake(file, 1, "", message)])
    try:
        return kind.model_validate(value), document
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise ConfigMistaken(_explain(item, kind, document, file, secret=secret) for item in found) from None


def keys_of(kind: type[BaseModel]) -> list[str]:
    """List the keys of a mapping as people write them."""
    return [field.alias or name for name, field in kind.model_fields.items()]


def closest(word: str, known: Collection[str]) -> str:
    """Give `; did you mean …?` for a word that is nearly a known one, and nothing otherwise."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def one_of(value: str, known: Collection[str], *, what: str) -> str:
    """Give the value if it is known.

    Raises:
        ValueError: it is not; the message lists what is, and what may have been meant.
    """
    if value in known:
        return value
    raise ValueError(f"unknown {what} {value!r}; expected one of {', '.join(known)}{closest(value, known)}")


def _explain(
    item: Any, kind: type[BaseModel], document: Node | None, file: str, *, secret: Collection[str]
) -> ConfigMistake:
    path = _as_written(item["loc"], last=item["type"] == "extra_forbidden")
    message = str(item["msg"]).removeprefix("Value error, ")
    match item["type"]:
        case "extra_forbidden":
            message = f"there is no such key here{closest(str(path[-1]), keys_of(_section_at(kind, path[:-1])))}"
        case "missing":
            message = "this key is required"
        case "value_error":
            pass
        case "literal_error" | "enum":
            message = _choice(item)
        case _:
            found = "something secret" if set(path) & set(secret) else _shown(item["input"])
            message = f"{_KINDS.get(item['type'], f'{message[0].lower()}{message[1:]}')}; found {found}"
    return ConfigMistake(file, line_of(document, path), spell(path), message)


def _choice(item: Any) -> str:
    known = str(item["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
    hint = closest(item["input"], known.split(", ")) if isinstance(item["input"], str) else ""
    many = "one of " if ", " in known else ""
    return f"expected {many}{known}; found {_shown(item['input'])}{hint}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping of keys"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"{value!r:.60}"
    return f"{as_written(value)}"


def _as_written(location: Path, *, last: bool) -> Path:
    # pydantic puts the names of validators into a location: `function-after[_dir(), str]`.
    # The last part of a location stays when it is known for a key of the file, however it looks.
    ends = len(location) - 1 if last else len(location)
    return (*(part for part in location[:ends] if not _VALIDATOR.fullmatch(str(part))), *location[ends:])


def _section_at(kind: type[BaseModel], path: Path) -> type[BaseModel]:
    """Find the kind of mapping that a path leads to; indices and free names stay where they are."""
    for part in path:
        field = next((one for name, one in kind.model_fields.items() if (one.alias or name) == part), None)
        if field is not None:
            kind = next(_sections_in(field.annotation), kind)
    return kind


def _sections_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _sections_in(one)


__all__ = [
    "ConfigMistake",
    "ConfigMistaken",
    "Flag",
    "Path",
    "Section",
    "Text",
    "closest",
    "keys_of",
    "line_of",
    "load",
    "one_of",
    "spell",
]
