"""Protocol values to JSON and back; a value that does not fit is refused, with its place."""

from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


class Malformed(ValueError):
    """The other side sent something that is not what it claims to be."""


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}  # building one costs milliseconds


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def encode(value: Any) -> str:
    """Write a protocol value as JSON text."""
    return _adapter(type(value)).dump_json(value).decode()


def decode(kind: type[T], text: str | bytes) -> T:
    """Read a protocol value of the given type.

    Raises:
        Malformed: the text is not JSON, or not of that shape; the message names each place.
    """
    try:
        return cast("T", _adapter(kind).validate_json(text))
    except ValidationError as error:
        # Inputs are left out of the message: an assignment carries a clone credential.
        places = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'document'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise Malformed(f"not a valid {kind.__name__}: {places}") from None


def to_data(value: Any) -> dict[str, Any]:
    """Turn a protocol value into plain JSON data, for a database column."""
    return cast("dict[str, Any]", _adapter(type(value)).dump_python(value, mode="json"))


def from_data(kind: type[T], data: object) -> T:
    """Turn plain JSON data from a database column back into a protocol value."""
    return cast("T", _adapter(kind).validate_python(data))
