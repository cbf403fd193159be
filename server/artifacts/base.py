"""What a place for artifacts can do."""

import re
from typing import Protocol

from server.domain.errors import Defect, UserMistake

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9]+)?(/[a-z0-9][a-z0-9_-]*(\.[a-z0-9]+)?)*")


class Gone(UserMistake):
    """There is nothing under this key."""


class ArtifactStore(Protocol):
    """Bytes under keys. What is put is there whole, or not at all.

    Each method raises TryLater when the place does not answer, and UserMistake when it is set up wrongly.
    """

    def put(self, key: str, content: bytes) -> None:
        """Store bytes, over what was there."""

    def get(self, key: str) -> bytes:
        """Read bytes back.

        Raises:
            Gone: there are none.
        """

    def delete(self, key: str) -> None:
        """Remove bytes; none there is fine."""

    def check(self) -> None:
        """Write, read and remove a few bytes, to find mistakes in the setup before they cost a plan."""


def checked(key: str) -> str:
    """Insist that a key is a plain relative path.

    Raises:
        Defect: it is not; keys are made by us, never typed.
    """
    if _KEY.fullmatch(key) is None:
        raise Defect(f"not a key for an artifact: {key!r}")
    return key


def try_out(store: ArtifactStore, key: str) -> None:
    """Store a few bytes and remove them again."""
    store.put(key, b"thera")
    if store.get(key) != b"thera":
        raise UserMistake("The artifact store gives back other bytes than were stored.")
    store.delete(key)
