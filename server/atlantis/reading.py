"""An Atlantis server's configuration, wherever it stands, into one value for each flag; values of secrets stay unseen.

How it is written and what wins is Atlantis's documentation, "Server Configuration": flags, then variables, then the
file; a variable without a value is not set.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from server.atlantis.flags import BY_VARIABLE, FLAGS, meant
from server.atlantis.outcomes import Flag, Kind, Value
from server.config.document import ConfigMistake, ConfigMistaken, line_of, parse_yaml, plain
from server.config.loading import as_written

PREFIX = "ATLANTIS_"
COMMAND_LINE = "command line"
# What a cluster tells every container about a service that is named atlantis.
_OF_THE_CLUSTER = re.compile(rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)")
_ADDRESS = re.compile(r"(tcp|udp)://")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # as Go's strconv.ParseBool
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_ONE_OF_TWO = (("repo-config", "repo-config-json"), ("gh-app-key", "gh-app-key-file"), ("gh-token", "gh-token-file"))


@dataclass(frozen=True, kw_only=True)
class Given:
    """A flag that was set; `place` says where, for messages."""

    flag: Flag
    value: Value = field(repr=False)
    place: str


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What an Atlantis was told; `foreign` are names of variables that were beside it and are none of Atlantis's."""

    given: Mapping[str, Given]
    foreign: tuple[str, ...] = ()

    def value(self, name: str) -> Value | None:
        """Say what holds: what was given, else Atlantis's default."""
        return self.given[name].value if name in self.given else FLAGS[name].default


@dataclass(frozen=True)
class _Found:
    """One flag as it was written."""

    name: str
    text: object
    file: str
    line: int | None
    key: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def mistake(self, message: str) -> ConfigMistake:
        return ConfigMistake(self.file, self.line, self.key, message)


def read(*, config: Path | None, env_file: Path | None, words: Sequence[str]) -> Configuration:
    """Read all that is given; what is stronger counts.

    Raises:
        ConfigMistaken: with every mistake, and without the value of any secret.
    """
    mistakes: list[ConfigMistake] = []
    found: list[_Found] = []
    foreign: list[str] = []
    if config is not None:
        found += _in_yaml(config, mistakes)
    if env_file is not None:
        for one in _in_env_file(env_file, mistakes):
            if one.key.startswith(PREFIX):
                found.append(one)
            else:
                foreign.append(one.key)
    found += _on_command_line(words, mistakes)
    given: dict[str, Given] = {}
    for one in found:
        flag = FLAGS[one.name]
        try:
            value = _value(flag, one)
        except ValueError as error:
            mistakes.append(one.mistake(str(error)))
            continue
        if value is not None:
            given[flag.name] = Given(flag=flag, value=value, place=one.place)
    mistakes += _two_of_one(given)
    if mistakes:
        raise ConfigMistaken(mistakes)
    return Configuration(given=given, foreign=tuple(dict.fromkeys(foreign)))


def _value(flag: Flag, found: _Found) -> Value | None:
    """Take the value as what the flag is; None is not set.

    Raises:
        ValueError: it is something else.
    """
    text = found.text
    if text is None:
        return None
    if flag.kind is Kind.LIST:
        if isinstance(text, list):
            return json.dumps(text)
        raise ValueError("expected a list")
    if isinstance(text, (list, dict)):
        found_kind = "a list" if isinstance(text, list) else "a mapping"
        raise ValueError(f"expected {flag.kind.value}; found {found_kind}")  # noqa: TRY004  (a mistake in a file)
    return _scalar(flag, str(as_written(text)), is_variable=found.key.startswith(PREFIX))


def _scalar(flag: Flag, text: str, *, is_variable: bool) -> Value | None:
    if is_variable and text == "":
        return None
    shown = "something else" if flag.secret else f"{text!r:.60}"
    if flag.kind is Kind.BOOL:
        if text not in _TRUE | _FALSE:
            raise ValueError(f"expected true or false; found {shown}")
        return text in _TRUE
    if flag.kind is Kind.INT:
        if is_variable and _ADDRESS.match(text):
            return None  # Kubernetes put the address of a service there, and Atlantis takes its default
        if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
            raise ValueError(f"expected a whole number; found {shown}")
        return int(text)
    if flag.name == "repo-config-json" and text:
        _insist_on_object(text)
    return text


def _insist_on_object(text: str) -> None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"not valid JSON{place}") from None
    if not isinstance(value, dict) or not isinstance(value.get("repos") or [], list):
        words = "expected a JSON object with a list `repos`, like a server file"
        raise ValueError(words)  # noqa: TRY004  (a mistake in a file)


def _two_of_one(given: Mapping[str, Given]) -> Iterator[ConfigMistake]:
    for one, other in _ONE_OF_TWO:
        if all(name in given and given[name].value for name in (one, other)):
            yield ConfigMistake(given[other].place, None, f"--{other}", f"--{one} is set as well; set one of the two")


def _in_yaml(path: Path, mistakes: list[ConfigMistake]) -> Iterator[_Found]:
    text = _text(path, mistakes)
    if text is None:
        return
    file = str(path)
    try:
        document = parse_yaml(text, file=file)
        values = plain(document, file=file)
    except ConfigMistaken as error:
        mistakes += [_without_values(one) for one in error.mistakes]
        return
    if values is None:
        return
    if not isinstance(values, dict):
        mistakes.append(ConfigMistake(file, 1, "", "expected a mapping of flags to values, such as `port: 4141`"))
        return
    for key, value in values.items():
        line, name = line_of(document, (key,)), key.lower()
        if name in FLAGS:
            yield _Found(name, value, file, line, key)
        else:
            mistakes.append(ConfigMistake(file, line, key, f"Atlantis has no such flag{meant(name)}"))


def _without_values(mistake: ConfigMistake) -> ConfigMistake:
    """Take out of a mistake what may be a piece of a secret: a reader of YAML quotes what it stumbles over."""
    words = re.sub(r"'[^']*'|\"[^\"]*\"|(?<=the tag )\S+", "…", mistake.message)
    return ConfigMistake(mistake.file, mistake.line, mistake.key, words)


def _in_env_file(path: Path, mistakes: list[ConfigMistake]) -> Iterator[_Found]:
    text = _text(path, mistakes)
    if text is None:
        return
    file = str(path)
    for binding in parse_stream(StringIO(text)):
        written = binding.original.string
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        if (binding.key is None and not binding.error) or written.lstrip().startswith(";"):  # systemd's comments
            continue
        yield from _variable(binding, file, line, mistakes)


def _variable(binding: Binding, file: str, line: int, mistakes: list[ConfigMistake]) -> Iterator[_Found]:
    name = binding.key
    if binding.error or name is None or not re.fullmatch(r"\w[\w.-]*", name):
        mistakes.append(ConfigMistake(file, line, "", "not readable as NAME=value; is a quote left open?"))
    elif name in BY_VARIABLE and binding.value is None:
        mistakes.append(ConfigMistake(file, line, name, "has no value: write it here, or leave the line out"))
    elif name in BY_VARIABLE:
        yield _Found(BY_VARIABLE[name].name, binding.value, file, line, name)
    elif name.startswith(PREFIX) and not _OF_THE_CLUSTER.fullmatch(name):
        words = f"Atlantis has no such variable{meant(name, BY_VARIABLE)}"
        mistakes.append(ConfigMistake(file, line, name, words))
    elif not name.startswith(PREFIX):
        yield _Found("", None, file, line, name)


def _text(path: Path, mistakes: list[ConfigMistake]) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        mistakes.append(ConfigMistake(str(path), None, "", f"cannot be read: {error.strerror or error}"))
    except UnicodeDecodeError:
        mistakes.append(ConfigMistake(str(path), None, "", "cannot be read: it is not UTF-8 text"))
    return None


def _on_command_line(words: Sequence[str], mistakes: list[ConfigMistake]) -> Iterator[_Found]:
    """Read flags as Atlantis does: `--name=value`, `--name value`, and `--name` alone where it is on or off."""
    left = list(words)
    for opening in ("atlantis", "server"):  # a whole command may be pasted
        if left and left[0] == opening:
            left.pop(0)
    while left:
        word = left.pop(0)
        name, equals, text = word.removeprefix("--").partition("=")
        flag = FLAGS.get(name)
        if not word.startswith("--"):
            # Not shown: it may be a secret that a space was put before.
            at = len(words) - len(left)
            message = f"word {at} is no flag; write --name=value, and a switch that is off as --name=false"
            mistakes.append(ConfigMistake(COMMAND_LINE, None, "", message))
        elif flag is None or flag.only_in_file:
            mistakes.append(ConfigMistake(COMMAND_LINE, None, f"--{name}", f"Atlantis has no such flag{meant(name)}"))
        elif equals:
            yield _Found(name, text, COMMAND_LINE, None, f"--{name}")
        elif flag.kind is Kind.BOOL:
            yield _Found(name, "true", COMMAND_LINE, None, f"--{name}")
        elif left and left[0].removeprefix("--").partition("=")[0] not in FLAGS:
            yield _Found(name, left.pop(0), COMMAND_LINE, None, f"--{name}")
        else:
            mistakes.append(ConfigMistake(COMMAND_LINE, None, f"--{name}", "needs a value"))
