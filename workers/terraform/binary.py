"""Find the Terraform or OpenTofu binary of a version, or download it from the operator's mirror."""

import hashlib
import io
import json
import platform
import shutil
import zipfile
from collections.abc import Mapping
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

Distribution = Literal["terraform", "opentofu"]
COMMANDS: Mapping[Distribution, str] = {"terraform": "terraform", "opentofu": "tofu"}
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_LARGEST = 512 * 1024 * 1024


@dataclass(frozen=True)
class Binary:
    """A binary that can be run."""

    path: Path
    distribution: Distribution
    version: str


def find(
    distribution: Distribution,
    version: str | None,
    *,
    environment: Mapping[str, str],
    data_dir: Path,
    download_url: str | None,
) -> Binary:
    """Find a binary; without a version, the one on the PATH will do.

    Raises:
        JobFailed: there is none; the message says what was looked for, where, and what to do.
    """
    command, search = COMMANDS[distribution], environment.get("PATH", "")
    managed = data_dir / "bin" / f"{command}{version}"
    if version is None:
        found = shutil.which(command, path=search)
        if found is None:
            raise _missing(command, None, download_url)
        return Binary(Path(found), distribution, _version_of(Path(found), environment))
    named = shutil.which(f"{command}{version}", path=search)
    if named is not None:
        return Binary(Path(named), distribution, version)
    plain = shutil.which(command, path=search)
    if plain is not None and _version_of(Path(plain), environment) == version:
        return Binary(Path(plain), distribution, version)
    if managed.exists():
        return Binary(managed, distribution, version)
    if download_url is None:
        raise _missing(command, version, None)
    _download(command, version, managed, url=download_url)
    return Binary(managed, distribution, version)


def _missing(command: str, version: str | None, download_url: str | None) -> JobFailed:
    wanted = command if version is None else f"{command} {version}"
    advice = "" if download_url else ", or set THERA_TERRAFORM_DOWNLOAD_URL so that workers fetch it"
    return JobFailed(
        FailureKind.BINARY,
        f"This worker has no {wanted}: install it on the worker's PATH{advice}",
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
        raise JobFailed(FailureKind.BINARY, f"`{path} version` does not answer as Terraform does") from error


def _download(command: str, version: str, target: Path, *, url: str) -> None:
    """Fetch a release, check it against the release's SHA256SUMS, and put it in place at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if target.exists():
            return
        machine = _ARCHITECTURES.get(platform.machine().lower(), platform.machine().lower())
        archive = f"{command}_{version}_{platform.system().lower()}_{machine}.zip"
        base = f"{url}/{command}/{version}"
        sums = _get(f"{base}/{command}_{version}_SHA256SUMS").decode("utf-8", "replace")
        expected = next((line.split()[0] for line in sums.splitlines() if line.split()[1:] == [archive]), None)
        content = _get(f"{base}/{archive}")
        if expected is None or hashlib.sha256(content).hexdigest() != expected:
            raise JobFailed(FailureKind.BINARY, f"{archive} does not match the checksums of its release; not used")
        fresh = target.with_suffix(".new")
        fresh.write_bytes(_member(content, command))
        fresh.chmod(0o755)
        fresh.replace(target)


def _get(url: str) -> bytes:
    try:
        answer = requests.get(url, timeout=60)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise JobFailed(FailureKind.BINARY, f"Cannot download {url}: {error}") from error
    return answer.content


def _member(content: bytes, command: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = archive.getinfo(command)
        if info.file_size > _LARGEST:
            raise JobFailed(FailureKind.BINARY, f"{command} in the archive is larger than any release")
        return archive.read(info)
