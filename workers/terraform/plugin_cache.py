"""One provider cache for many concurrent jobs: Terraform's own is not safe when two inits write to it.

An init that may have to download holds the cache alone; one whose providers are all there shares it.
"""

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCKED_PROVIDER = re.compile(r'provider\s+"([^"]+)"\s*\{[^}]*?version\s*=\s*"([^"]+)"', re.DOTALL)
_WANTS_PROVIDERS = re.compile(rb"^\s*(?:resource|data|provider|required_providers|module|ephemeral)\b", re.MULTILINE)
_BUILT_IN = re.compile(rb'^\s*(?:resource|data)\s+"terraform_(?:data|remote_state)"', re.MULTILINE)


@contextmanager
def cache_for_init(cache: Path, folder: Path) -> Iterator[None]:
    """Hold the cache as an init of this folder needs it: not at all, shared, or alone."""
    if needs_no_provider(folder):
        yield
        return
    cache.mkdir(parents=True, exist_ok=True)
    kind = fcntl.LOCK_SH if is_complete(cache, folder) else fcntl.LOCK_EX
    # A kernel lock on an open file: it goes with the process, so a killed worker leaves none behind.
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, kind)
        yield


def is_complete(cache: Path, folder: Path) -> bool:
    """Say whether every provider that the lock file names lies in the cache. When unsure: no."""
    lock_file = folder / ".terraform.lock.hcl"
    if not lock_file.is_file():
        return False
    providers = _LOCKED_PROVIDER.findall(lock_file.read_text(errors="replace"))
    return bool(providers) and all((cache / address / version).is_dir() for address, version in providers)


def needs_no_provider(folder: Path) -> bool:
    """Say whether a folder surely uses nothing but what is built into Terraform."""
    for file in folder.iterdir():
        if file.suffix in {".json", ".tofu"}:
            return False
        if file.suffix == ".tf":
            text = file.read_bytes()
            if len(_WANTS_PROVIDERS.findall(text)) != len(_BUILT_IN.findall(text)):
                return False
    return True
