"""One provider cache for many concurrent jobs: Terraform's own is not safe when two inits write to it.

Every job sees a view of its own: a folder of links to the packages that its lock file names. An init that
finds all of them there writes nothing that others see and waits for nobody. Only an init that may have to
download works on the cache itself, and then alone.
"""

import fcntl
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.errors import JobCancelled
from workers.terraform.bundle import LOCK_FILE

_LOCKED_PROVIDER = re.compile(r'provider\s+"([^"]+)"\s*\{[^}]*?version\s*=\s*"([^"]+)"', re.DOTALL)
_SAFE_NAME = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
_WANTS_PROVIDERS = re.compile(rb"^\s*(?:resource|data|provider|required_providers|module|ephemeral)\b", re.MULTILINE)
_BUILT_IN = re.compile(rb'^\s*(?:resource|data)\s+"terraform_(?:data|remote_state)"', re.MULTILINE)
_SLICE = 0.1  # how soon a cancellation is noticed


@contextmanager
def cache_for_init(cache: Path, view: Path, folder: Path, *, cancel: threading.Event) -> Iterator[Path]:
    """Have a folder that this init may use as its plugin cache.

    Raises:
        JobCancelled: somebody asked for the job to stop while another init held the cache.
    """
    if needs_no_provider(folder) or is_complete(cache, view, folder):
        yield view
        return
    with _alone_in(cache, cancel):
        # Whoever was here before may have fetched them.
        yield view if is_complete(cache, view, folder) else cache


def is_complete(cache: Path, view: Path, folder: Path) -> bool:
    """Link what the lock file names into the view; say whether that is everything. When unsure: no."""
    lock_file = folder / LOCK_FILE
    if not lock_file.is_file():
        return False
    providers = _LOCKED_PROVIDER.findall(lock_file.read_text(encoding="utf-8", errors="replace"))
    linked = [_link(cache, view, f"{address}/{version}") for address, version in providers]
    return bool(linked) and all(linked)


def _link(cache: Path, view: Path, name: str) -> bool:
    """Link the packages of a provider version, one for each platform.

    The package itself is the link, so that an init which rejects it replaces the link and not the package.
    """
    if not _SAFE_NAME.fullmatch(name) or ".." in name.split("/") or not (cache / name).is_dir():
        return False
    found = False
    for package in (cache / name).iterdir():
        if not any(package.glob("terraform-provider-*")):
            continue  # of an init that was killed
        link = view / name / package.name
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(package)
        found = True
    return found


def needs_no_provider(folder: Path) -> bool:
    """Say whether a folder surely uses nothing but what is built into Terraform."""
    for file in folder.iterdir():
        if file.name.endswith((".tf.json", ".tofu", ".tofu.json")):
            return False
        if file.suffix == ".tf" and file.is_file():
            text = file.read_bytes()
            if len(_WANTS_PROVIDERS.findall(text)) != len(_BUILT_IN.findall(text)):
                return False
    return True


@contextmanager
def _alone_in(cache: Path, cancel: threading.Event) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    # A kernel lock on an open file: it goes with the process, so a killed worker leaves none behind.
    with (cache / ".lock").open("w") as file:
        while not _taken(file.fileno()):
            if cancel.wait(_SLICE):
                raise JobCancelled("cancelled while another init held the provider cache")
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
