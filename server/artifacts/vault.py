"""Saved plans, sealed before they leave the process and opened only as what they were sealed as."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Protocol, Self, TypeVar

from server.artifacts.base import ArtifactStore, Gone
from server.artifacts.crypto import CannotOpen, Keyring


class StoredPlan(Protocol):
    """What the vault needs to know of an artifact's row."""

    @property
    def store_key(self) -> str:
        """Where the bytes are."""

    @property
    def binding(self) -> Mapping[str, Any]:
        """What the plan was made from: repository, pull, commit, project, workflow."""

    @property
    def sha256(self) -> str:
        """The digest of the plan itself."""

    def holding(self, *, sha256: str, size: int) -> Self:
        """Say what the stored plan is."""


Row = TypeVar("Row", bound=StoredPlan)


class PlanVault:
    """Encrypts on the way in, checks and decrypts on the way out."""

    def __init__(self, store: ArtifactStore, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    def seal(self, row: Row, content: bytes) -> Row:
        """Store a plan; the row that comes back is complete and has to be kept by the caller."""
        self._store.put(row.store_key, self._keyring.seal(content, row.binding))
        return row.holding(sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    def open(self, row: StoredPlan) -> bytes:
        """Read a plan back.

        Raises:
            CannotOpen: it is gone, or not the one that was stored for this row.
            TryLater: the store does not answer.
        """
        try:
            sealed = self._store.get(row.store_key)
        except Gone as error:
            raise CannotOpen("The saved plan is gone from the artifact store. Plan again.") from error
        content = self._keyring.open(sealed, row.binding)
        if not hmac.compare_digest(hashlib.sha256(content).hexdigest(), row.sha256):
            raise CannotOpen("The saved plan is not the one that was stored last. It is not applied. Plan again.")
        return content

    def delete(self, row: StoredPlan) -> None:
        """Remove a plan's bytes; gone already is fine."""
        self._store.delete(row.store_key)
