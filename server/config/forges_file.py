"""Writes what the set-up page was told into `forges.yaml`: secrets beside it, one file each, for its owner only."""

import os
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from server.config.forges import FILE_NAME
from server.domain.errors import UserMistake


@dataclass(frozen=True, kw_only=True)
class NewForge:
    """One forge with one credential: a token, or an App's id and key (PEM). `note` is a comment for people."""

    kind: str
    url: str
    webhook_secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    app_id: int | None = None
    app_key: str = field(default="", repr=False)
    ca_file: Path | None = None
    note: str = ""


def begin_forges_file(data_dir: Path, forge: NewForge) -> Path:
    """Write the file for a first forge; gives its path.

    Raises:
        UserMistake: there is such a file already.
        OSError: it cannot be written.
    """
    place = data_dir / FILE_NAME
    if place.exists():
        raise UserMistake(f"{place} is there already. Add a forge to it by hand, and start Thera again.")
    entry: dict[str, object] = {"kind": forge.kind, "url": forge.url}
    if forge.app_id is not None:
        entry["app_id"] = forge.app_id
    if forge.ca_file is not None:
        entry["ca_bundle"] = str(forge.ca_file)
    secrets = {"app_key": forge.app_key, "token": forge.token, "webhook_secret": forge.webhook_secret}
    for name, secret in secrets.items():
        if secret:
            file = data_dir / f"{forge.kind}-{name.replace('_', '-')}"
            _write(file, secret if secret.endswith("\n") else f"{secret}\n")
            entry[f"{name}_file"] = file.name
    text = StringIO()
    YAML().dump({"forges": [entry]}, text)
    # Last, since this is what makes the others count.
    _write(place, "".join(f"# {line}\n" for line in forge.note.splitlines()) + text.getvalue())
    return place


def _write(place: Path, text: str) -> None:
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(place)
