"""A worker's settings; `from_environment` reads them from THERA_* variables, and every mistake at once."""

import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, Literal

_PREFIX = "THERA_"
_MOST_AT_ONCE = 256


class SettingsMistaken(Exception):
    """The environment cannot be used; `mistakes` lists everything wrong with it."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Everything a worker goes by. `environment` is what commands inherit, before it is cleaned."""

    data_dir: Path
    name: str
    pool: str = "default"
    concurrency: int = 2
    version: str = "0"
    broker_url: str = field(default="memory://", repr=False)
    server_url: str = ""
    worker_token: str = field(default="", repr=False)
    checkout_dir: Path | None = None
    terraform_version: str | None = None
    terraform_distribution: Literal["terraform", "opentofu"] = "terraform"
    terraform_download_url: str | None = None
    terraform_signing_keys: Path | None = None
    var_file_allowlist: tuple[Path, ...] = ()
    module_credentials: bool = False
    heartbeat: timedelta = timedelta(seconds=5)
    stop_grace: timedelta = timedelta(seconds=60)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def checkouts(self) -> Path:
        """Where code is checked out."""
        return self.checkout_dir or self.data_dir

    @property
    def cache_dir(self) -> Path:
        """Where mirrors, providers and binaries are kept."""
        return self.data_dir / "cache"


def default_name() -> str:
    """Name this worker as people can find it."""
    return f"{socket.gethostname()}-{os.getpid()}"


def from_environment(environ: Mapping[str, str]) -> WorkerSettings:
    """Read the settings of a worker process. Variables of the server are none of its business.

    Raises:
        SettingsMistaken: with every mistake, each naming the variable and what was expected.
    """
    mistakes: list[str] = []
    values: dict[str, Any] = {}
    for name, (attribute, read) in _VARIABLES.items():
        text = _text(name, environ, mistakes)
        if not text:
            continue
        try:
            values[attribute] = read(text)
        except ValueError as error:
            mistakes.append(f"{_PREFIX}{name}: {error}")
    given = {name for name in _VARIABLES if environ.get(f"{_PREFIX}{name}") or environ.get(f"{_PREFIX}{name}_FILE")}
    mistakes += [f"{_PREFIX}{name}: required; {why}" for name, why in _REQUIRED.items() if name not in given]
    if mistakes:
        raise SettingsMistaken(mistakes)
    usual = {
        "data_dir": Path("~/.thera").expanduser(),
        "name": default_name(),
        "concurrency": os.cpu_count() or 2,
        "version": _own_version(),
    }
    return WorkerSettings(**{**usual, **values}, environment=dict(environ))


def _text(name: str, environ: Mapping[str, str], mistakes: list[str]) -> str:
    plain, file = f"{_PREFIX}{name}", f"{_PREFIX}{name}_FILE"
    if not environ.get(file):
        return environ.get(plain, "").strip()
    if environ.get(plain):
        mistakes.append(f"{file}: {plain} is set as well; set one of the two")
        return ""
    try:
        return Path(environ[file]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(f"{file}: cannot read {environ[file]}: {error}")
        return ""


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _folders(text: str) -> tuple[Path, ...]:
    return tuple(_folder(part.strip()) for part in text.split(",") if part.strip())


def _pool(text: str) -> str:
    return _matching(text, r"[a-z0-9][a-z0-9-]*", "small letters, digits and -")


def _version(text: str) -> str:
    return _matching(text, r"v?\d+\.\d+\.\d+(-[\w.]+)?", "a version such as 1.11.4").removeprefix("v")


def _address(text: str) -> str:
    return _matching(text, r"https?://[^/\s]+\S*", "an address such as https://thera.example.com").rstrip("/")


def _broker(text: str) -> str:
    if text.startswith("memory:"):
        raise ValueError("a separate worker needs a broker, such as redis://redis:6379/0")
    return text


def _distribution(text: str) -> str:
    return _matching(text, "terraform|opentofu", "`terraform` or `opentofu`")


def _yes_or_no(text: str) -> bool:
    return _matching(text.lower(), "true|false|1|0|yes|no", "`true` or `false`") in {"true", "1", "yes"}


def _concurrency(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_AT_ONCE:
        raise ValueError(f"expected a number from 1 to {_MOST_AT_ONCE}")
    return int(text)


def _seconds(text: str) -> timedelta:
    try:
        return timedelta(seconds=_not_negative(float(text)))
    except (ValueError, OverflowError):
        raise ValueError("expected a number of seconds") from None


def _interval(text: str) -> timedelta:
    if not (found := _seconds(text)):
        raise ValueError("expected more than 0 seconds")
    return found


def _not_negative(number: float) -> float:
    if not number >= 0:
        raise ValueError("negative")
    return number


def _matching(text: str, pattern: str, expected: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError(f"expected {expected}")
    return text


def _own_version() -> str:
    try:
        return version_of("thera")
    except PackageNotFoundError:  # a bare checkout
        return "0.0.0"


_VARIABLES: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "DATA_DIR": ("data_dir", _folder),
    "WORKER_NAME": ("name", str),
    "WORKER_POOL": ("pool", _pool),
    "WORKER_CONCURRENCY": ("concurrency", _concurrency),
    "BROKER_URL": ("broker_url", _broker),
    "SERVER_URL": ("server_url", _address),
    "WORKER_TOKEN": ("worker_token", str),
    "CHECKOUT_DIR": ("checkout_dir", _folder),
    "TERRAFORM_VERSION": ("terraform_version", _version),
    "TERRAFORM_DISTRIBUTION": ("terraform_distribution", _distribution),
    "TERRAFORM_DOWNLOAD_URL": ("terraform_download_url", _address),
    "TERRAFORM_SIGNING_KEYS": ("terraform_signing_keys", _folder),
    "VAR_FILE_ALLOWLIST": ("var_file_allowlist", _folders),
    "MODULE_CREDENTIALS": ("module_credentials", _yes_or_no),
    "HEARTBEAT_SECONDS": ("heartbeat", _interval),
    "STOP_GRACE_SECONDS": ("stop_grace", _seconds),
}
_REQUIRED: Mapping[str, str] = {
    "BROKER_URL": "where tickets come from, such as redis://redis:6379/0",
    "SERVER_URL": "where the server is reached",
    "WORKER_TOKEN": "what the server knows its workers by",
}
