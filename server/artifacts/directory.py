"""Artifacts on the server's own disk, readable by its user alone."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from server.artifacts.base import Gone, checked, try_out
from server.domain.errors import TryLater, UserMistake


class DirectoryStore:
    """A directory; a file for each key."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, content: bytes) -> None:
        """Write to a file beside it, which then takes its place: a power cut leaves the old or the new."""
        path = self._root / checked(key)
        with _translated(path):
            self._make_folder(path.parent)
            handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            temporary = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(path.parent)

    def get(self, key: str) -> bytes:
        """Read the file."""
        path = self._root / checked(key)
        with _translated(path):
            return path.read_bytes()

    def delete(self, key: str) -> None:
        """Remove the file, and its folders as far as they are empty."""
        path = self._root / checked(key)
        with _translated(path):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty, or just filled by somebody else
            for folder in path.parents:
                if folder == self._root:
                    break
                folder.rmdir()

    def check(self) -> None:
        """Try it out."""
        try_out(self, f"check/{os.getpid()}")

    def _make_folder(self, folder: Path) -> None:
        # mkdir's mode counts for the last folder only, so each is made by itself.
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Gone(f"There is no artifact {path.name}.") from error
    except (PermissionError, NotADirectoryError) as error:
        raise UserMistake(f"ARTIFACT_URL: {error.strerror} ({error.filename}).") from error
    except OSError as error:
        raise TryLater(f"The artifact store's disk says: {error.strerror}.") from error
