"""Whether a release was signed by somebody whom the operator trusts."""

import re
from collections.abc import Iterator
from pathlib import Path

from pysequoia import Cert, Sig, verify

from workers.errors import JobFailed
from workers.protocol.results import FailureKind

_KEY = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----.*?-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_LARGEST = 4 * 1024 * 1024


def insist_on_signature(content: bytes, signature: bytes, *, keys: Path, what: str) -> None:
    """Check an OpenPGP signature. `keys` is a file of public keys, armoured or not, or a folder of such files.

    Raises:
        JobFailed: nobody in `keys` made it, or there is no such key at all.
    """
    trusted = tuple(_keys(keys))
    try:
        verify(bytes=content, store=lambda _: list(trusted), signature=Sig.from_bytes(signature))
    except Exception as error:
        known = ", ".join(one.fingerprint.upper() for one in trusted)
        raise JobFailed(
            FailureKind.BINARY,
            f"{what} is not signed by a key in {keys}; not used",
            f"{_first_line(error)}\nTrusted: {known}",
        ) from error


def _keys(place: Path) -> Iterator[Cert]:
    files = sorted(file for file in place.iterdir() if file.is_file()) if place.is_dir() else [place]
    found = 0
    for file in files:
        try:
            content = _content(file)
            for block in _KEY.findall(content) or [content]:
                for one in Cert.split_bytes(block):
                    found += 1
                    yield one
        except Exception as error:
            words = f"{file} cannot be read as public keys (THERA_TERRAFORM_SIGNING_KEYS): {_first_line(error)}"
            raise JobFailed(FailureKind.BINARY, words) from error
    if not found:
        raise JobFailed(FailureKind.BINARY, f"There is no public key in {place} (THERA_TERRAFORM_SIGNING_KEYS)")


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_LARGEST)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
