"""What a server flag of Atlantis is, and what can become of one."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

Value = bool | int | str  # of a list, its JSON


class Kind(Enum):
    """What a flag takes, in the words of a mistake."""

    BOOL = "true or false"
    INT = "a whole number"
    TEXT = "text"
    LIST = "a list"


def same(value: Value) -> str:
    """Spell a value for an environment variable."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, kw_only=True)
class Becomes:
    """One setting says the same, with the value as `convert` gives it.

    `as_file`: the value is a path, and the setting is given as `THERA_<NAME>_FILE`. `even_if_unset`: Atlantis's
    default is carried over as well, since Thera's is another one and people would notice.
    """

    setting: str
    convert: Callable[[Value], str] = same
    as_file: bool = False
    even_if_unset: bool = False
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class PartOf:
    """It makes something together with other flags: settings, or a key for all repositories in the server file.

    `variable` names an environment variable that is none of Thera's own.
    """

    note: str
    settings: tuple[str, ...] = ()
    key: str = ""
    variable: str = ""


@dataclass(frozen=True)
class NotNeeded:
    """Nothing says this here, because Thera always does it, or because there is nothing that it could change."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """Thera does it in another way; the value has no use there. `by` is what to look at."""

    by: str
    reason: str


@dataclass(frozen=True)
class NotYet:
    """Thera does not do this today; the reason says what it does instead, the remedy what one can do about it."""

    reason: str
    remedy: str = ""


Outcome = Becomes | PartOf | NotNeeded | Replaced | NotYet


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A server flag. `default` is None where Atlantis has no fixed one; a `secret` is never shown.

    One that stands `only_in_file` is a key of the configuration file, and neither a flag nor a variable.
    """

    name: str
    kind: Kind
    default: Value | None
    outcome: Outcome
    secret: bool = False
    only_in_file: bool = False

    @property
    def option(self) -> str:
        """Spell it as on a command line."""
        return self.name if self.only_in_file else f"--{self.name}"

    @property
    def variable(self) -> str:
        """Spell it as in an environment."""
        return "ATLANTIS_" + self.name.upper().replace("-", "_")


def switch(name: str, outcome: Outcome, *, default: bool = False) -> Flag:
    """Make a flag that is on or off."""
    return Flag(name=name, kind=Kind.BOOL, default=default, outcome=outcome)


def number(name: str, default: int, outcome: Outcome) -> Flag:
    """Make a flag that takes a whole number."""
    return Flag(name=name, kind=Kind.INT, default=default, outcome=outcome)


def text(name: str, default: str | None, outcome: Outcome) -> Flag:
    """Make a flag that takes text."""
    return Flag(name=name, kind=Kind.TEXT, default=default, outcome=outcome)


def secret(name: str, outcome: Outcome) -> Flag:
    """Make a flag whose value is never shown."""
    return Flag(name=name, kind=Kind.TEXT, default="", outcome=outcome, secret=True)
