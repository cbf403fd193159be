"""Find the Terraform or OpenTofu binary of a version, or download it from the operator's mirror."""

import hashlib
import io
import json
import platform
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

import requests
from filelock import FileLock

from workers import process
from workers.errors import JobFailed
from workers.protocol.results import FailureKind
from workers.terraform.signature import insist_on_signature

Distribution = Literal["terraform", "opentofu"]
COMMANDS: Mapping[Distribution, str] = {"terraform": "terraform", "opentofu": "tofu"}
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[\w.]+)?", re.ASCII)
_LARGEST = 512 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Binary:
    """A binary that can be run."""

    path: Path
    distribution: Distribution
    version: str


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """Where releases may be downloaded from, and whose signature makes one.

    A release lies at `<url>/<command>/<version>`, as at releases.hashicorp.com, unless the address says
    otherwise with `{command}` and `{version}` (`https://host/opentofu/v{version}`).
    """

    url: str
    keys: Path | None = None

    def release(self, command: str, version: str) -> str:
        """Give the address of a release's files."""
        if "{version}" in self.url:
            return self.url.replace("{command}", command).replace("{version}", version).rstrip("/")
        return f"{self.url.rstrip('/')}/{command}/{version}"

    def versions(self, command: str) -> frozenset[str]:
        """List what there is, if the mirror has HashiCorp's `index.json`; nothing otherwise."""
        if "{version}" in self.url:
            return frozenset()
        try:
            found = json.loads(_get(f"{self.url.rstrip('/')}/{command}/index.json"))["versions"]
            return frozenset(one for one in found if _VERSION.fullmatch(one))
        except (JobFailed, ValueError, KeyError, TypeError):
            return frozenset()


def find(
    distribution: Distribution,
    version: str | None,
    *,
    environment: Mapping[str, str],
    data_dir: Path,
    mirror: Mirror | None,
) -> Binary:
    """Find a binary; without a version, the one on the PATH will do.

    Raises:
        JobFailed: there is none; the message says what was looked for, where, and what to do.
    """
    command, search = COMMANDS[distribution], environment.get("PATH", "")
    if version is not None and not _VERSION.fullmatch(version):
        raise JobFailed(FailureKind.BINARY, f"`{version}` is not a version of {command}; write it as 1.2.3")
    managed = data_dir / "bin" / f"{command}{version}"
    if version is None:
        found = shutil.which(command, path=search)
        if found is None:
            raise _missing(command, None, managed)
        return Binary(Path(found), distribution, _version_of(Path(found), environment))
    named = shutil.which(f"{command}{version}", path=search)
    if named is not None:
        return Binary(Path(named), distribution, version)
    plain = shutil.which(command, path=search)
    if plain is not None and _version_of(Path(plain), environment) == version:
        return Binary(Path(plain), distribution, version)
    if managed.exists():
        return Binary(managed, distribution, version)
    if mirror is None:
        raise _missing(command, version, managed)
    _download(command, version, managed, mirror)
    return Binary(managed, distribution, version)


def installed(distribution: Distribution, *, environment: Mapping[str, str], data_dir: Path) -> frozenset[str]:
    """List the versions that lie ready under their own name (`terraform1.5.7`), on the PATH or downloaded."""
    command = COMMANDS[distribution]
    folders = [data_dir / "bin", *(Path(place) for place in environment.get("PATH", "").split(":") if place)]
    names = (file.name.removeprefix(command) for folder in folders for file in _files(folder, f"{command}[0-9]*"))
    return frozenset(name for name in names if _VERSION.fullmatch(name))


def on_path(distribution: Distribution, *, environment: Mapping[str, str]) -> str | None:
    """Say which version the plain command on the PATH is; None if there is none."""
    found = shutil.which(COMMANDS[distribution], path=environment.get("PATH", ""))
    return None if found is None else _version_of(Path(found), environment)


def _files(folder: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from folder.glob(pattern)
    except OSError:  # a place on the PATH that we may not read
        return


def _missing(command: str, version: str | None, managed: Path) -> JobFailed:
    if version is None:
        return JobFailed(
            FailureKind.BINARY,
            f"This worker has no {command}: install it on the worker's PATH, or set THERA_TERRAFORM_VERSION "
            "and THERA_TERRAFORM_DOWNLOAD_URL so that workers fetch it",
        )
    return JobFailed(
        FailureKind.BINARY,
        f"This worker has no {command} {version}: neither `{command}{version}` nor a `{command}` of that version is "
        f"on its PATH, nor is there {managed}. "
        "Install it, or set THERA_TERRAFORM_DOWNLOAD_URL so that workers fetch it",
    )


def _version_of(path: Path, environment: Mapping[str, str]) -> str:
    return _asked(path, path.stat().st_mtime_ns, environment.get("HOME", "/"))


@lru_cache(maxsize=64)
def _asked(path: Path, _changed: int, home: str) -> str:
    env = {"PATH": str(path.parent), "HOME": home, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}
    done = process.run(
        [path, "version", "-json"], cwd=Path("/"), env=env, timeout=timedelta(seconds=20), capture_stdout=True
    )
    try:
        return str(json.loads(done.stdout)["terraform_version"])
    except (ValueError, KeyError) as error:
        raise JobFailed(
            FailureKind.BINARY, f"`{path} version` does not answer as Terraform does", done.output[:2000]
        ) from error


def _download(command: str, version: str, target: Path, mirror: Mirror) -> None:
    """Fetch a release, check it, and put it in place at once; of several jobs that want it, one does."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f".{target.name}.lock")):
        if target.exists():
            return
        machine = _ARCHITECTURES.get(platform.machine().lower(), platform.machine().lower())
        archive = f"{command}_{version}_{platform.system().lower()}_{machine}.zip"
        base = mirror.release(command, version)
        sums_url = f"{base}/{command}_{version}_SHA256SUMS"
        if mirror.keys is None:
            raise _without_keys(command, version)
        sums = _get(sums_url)
        insist_on_signature(sums, _signature(command, sums_url), keys=mirror.keys, what=sums_url)
        content = _get(f"{base}/{archive}")
        _insist_on_checksum(archive, content, sums)
        fresh = target.with_name(f".{target.name}.new")
        fresh.write_bytes(_member(archive, content, command))
        fresh.chmod(0o755)
        fresh.replace(target)


def _signature(command: str, sums_url: str) -> bytes:
    """Fetch who signed the sums. OpenTofu's `.sig` is of another kind; its OpenPGP signature is `.gpgsig`."""
    suffixes = ("gpgsig", "sig") if command == "tofu" else ("sig",)
    for suffix in suffixes[:-1]:
        try:
            return _get(f"{sums_url}.{suffix}")
        except JobFailed:  # a mirror whose operator signs may have the other name
            continue
    return _get(f"{sums_url}.{suffixes[-1]}")


def _without_keys(command: str, version: str) -> JobFailed:
    return JobFailed(
        FailureKind.BINARY,
        f"{command} {version} is not downloaded: this worker does not know whose signature to trust",
        "Set THERA_TERRAFORM_SIGNING_KEYS to a file with the public keys of those who sign the releases on the "
        "mirror: HashiCorp's (https://www.hashicorp.com/.well-known/pgp-key.txt), OpenTofu's "
        "(https://get.opentofu.org/opentofu.asc), or your own.",
    )


def _insist_on_checksum(archive: str, content: bytes, sums: bytes) -> None:
    """Check an archive against its release's sums."""
    lines = (line.split() for line in sums.decode("utf-8", "replace").splitlines())
    expected = next((words[0] for words in lines if words[1:] == [archive]), None)
    if expected is None or hashlib.sha256(content).hexdigest() != expected.lower():
        raise JobFailed(FailureKind.BINARY, f"{archive} does not match the checksums of its release; not used")


def _get(url: str) -> bytes:
    content = bytearray()
    try:
        with requests.get(url, timeout=60, stream=True) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_content(_CHUNK):
                content += chunk
                if len(content) > _LARGEST:
                    raise JobFailed(FailureKind.BINARY, f"{url} is larger than any release; not used")
    except requests.RequestException as error:
        raise JobFailed(FailureKind.BINARY, f"Cannot download {url}: {error}") from error
    return bytes(content)


def _member(archive: str, content: bytes, command: str) -> bytes:
    """Read the one file that is wanted; names in the archive never become paths."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            info = opened.getinfo(command)
            if info.file_size > _LARGEST:
                raise JobFailed(FailureKind.BINARY, f"{command} in {archive} is larger than any release; not used")
            return opened.read(info)
    except (zipfile.BadZipFile, KeyError) as error:
        raise JobFailed(FailureKind.BINARY, f"{archive} holds no {command}; not used") from error
