"""Keys that a one-box installation makes for itself, kept in its data directory."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from server.config.settings import Settings

GENERATED = ("secret_key", "worker_token", "web_password")


def with_generated_keys(settings: Settings) -> Settings:
    """Fill in what a one-box installation was not given; the same values come back at every start.

    Raises:
        OSError: the data directory cannot be written.
    """
    if not settings.one_box:
        return settings
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = {name: SecretStr(_kept(settings.data_dir / name)) for name in GENERATED if getattr(settings, name) is None}
    return settings.model_copy(update=made)


def _kept(path: Path) -> str:
    """Read a key's file, or make it; of two processes that make it at once, both get the same."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="utf-8").strip()
