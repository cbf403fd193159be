"""AES-256-GCM for artifacts, with keys derived from the server's secret."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.domain.errors import Refused, UserMistake

# magic, version | key id | nonce | ciphertext and tag
_MAGIC = b"thera\x01"
_KEY_ID = 8
_NONCE = 12
_HEADER = len(_MAGIC) + _KEY_ID


class CannotOpen(Refused):
    """A sealed artifact does not open: another key, another binding, or changed bytes."""


class Keyring:
    """Seals with the newest secret and opens with any: that is how SECRET_KEY is changed without losing plans."""

    def __init__(self, primary: str, *older: str) -> None:
        if not all((primary, *older)):
            raise UserMistake("SECRET_KEY is empty.")
        keys = [_derive(secret) for secret in (primary, *older)]
        self._primary = keys[0]
        self._ciphers = {_id_of(key): AESGCM(key) for key in reversed(keys)}

    def __repr__(self) -> str:
        """Show nothing of the keys."""
        return f"Keyring(<{len(self._ciphers)} keys>)"

    def seal(self, content: bytes, binding: Mapping[str, Any]) -> bytes:
        """Encrypt, bound to what the content belongs to."""
        header = _MAGIC + _id_of(self._primary)
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[_id_of(self._primary)].encrypt(nonce, content, header + canonical(binding))
        return header + nonce + sealed

    def open(self, sealed: bytes, binding: Mapping[str, Any]) -> bytes:
        """Decrypt what was sealed with the same binding.

        Raises:
            CannotOpen: it was not, or not by us, or it was changed since.
        """
        header, nonce = sealed[:_HEADER], sealed[_HEADER : _HEADER + _NONCE]
        if not header.startswith(_MAGIC) or len(nonce) < _NONCE:
            raise CannotOpen("The saved plan is not one that this version of Thera has stored. Plan again.")
        cipher = self._ciphers.get(header[len(_MAGIC) :])
        if cipher is None:
            raise CannotOpen(
                "The saved plan was encrypted with another SECRET_KEY than the server has now. Plan again, "
                "or ask the operator to keep the earlier key beside the new one."
            )
        try:
            return cipher.decrypt(nonce, sealed[_HEADER + _NONCE :], header + canonical(binding))
        except InvalidTag:
            raise CannotOpen(
                "The saved plan was made for something else (another repository, pull request, commit, project or "
                "workflow), or its bytes were changed since it was stored. It is not applied. Plan again."
            ) from None


def canonical(binding: Mapping[str, Any]) -> bytes:
    """Write a binding so that equal ones are equal bytes."""
    return json.dumps(dict(binding), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _derive(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=b"thera", info=b"artifact encryption, version 1").derive(
        secret.encode()
    )


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"key id " + key).digest()[:_KEY_ID]
