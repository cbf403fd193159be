"""Reading foreign JSON: what is missing or of the wrong kind is named, never a KeyError."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from server.domain.errors import UserMistake


class Fields:
    """A JSON object and where it stands in the payload."""

    def __init__(self, value: object, place: str) -> None:
        if not isinstance(value, Mapping):
            raise UserMistake(f"{place or 'the payload'}: expected an object, found {_kind(value)}")
        self._value: Mapping[str, Any] = value
        self._place = place

    def below(self, key: str) -> "Fields":
        """Enter an object."""
        return Fields(self._value.get(key), self._name(key))

    def has(self, key: str) -> bool:
        """Say whether a key is there and not null."""
        return self._value.get(key) is not None

    def text(self, key: str) -> str:
        """Read a string."""
        return str(self._read(key, str))

    def number(self, key: str) -> int:
        """Read a whole number."""
        return int(self._read(key, int))

    def flag(self, key: str) -> bool:
        """Read true or false; absent is false."""
        return bool(self._value.get(key))

    def host(self, key: str) -> str:
        """Read the host of an address, in small letters and with its port if it names one."""
        try:
            host = urlsplit(self.text(key)).netloc.lower()
        except ValueError:
            host = ""
        if not host:
            raise UserMistake(f"{self._name(key)}: expected an address with a host")
        return host

    def _read(self, key: str, kind: type) -> Any:
        value = self._value.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise UserMistake(f"{self._name(key)}: expected {kind.__name__}, found {_kind(value)}")
        return value

    def _name(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
