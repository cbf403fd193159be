"""The place that ARTIFACT_URL names: a directory, or a bucket through obstore."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnknownConfigurationKeyError,
)
from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

from server.artifacts.base import ArtifactStore, Gone, checked, try_out
from server.artifacts.directory import DirectoryStore
from server.domain.errors import TryLater, UserMistake

_SETUP_MISTAKES = (
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnknownConfigurationKeyError,
)
_PATIENCE = timedelta(seconds=20)  # a worker waits on the other side of the request
_ATTEMPTS = 3

_Bucket: TypeAlias = S3Store | GCSStore | AzureStore | MemoryStore
_VENDORS: dict[str, type[S3Store] | type[GCSStore] | type[AzureStore]] = {
    "s3": S3Store,
    "gs": GCSStore,
    "az": AzureStore,
}


def open_store(url: str) -> ArtifactStore:
    """Open the place; nothing is connected to yet. Credentials come from where its vendor's tools take them.

    Raises:
        UserMistake: the URL is of no place that Thera knows, or does not fit together.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        path = Path(unquote(parts.path))
        if parts.netloc not in {"", "localhost"} or not path.is_absolute():
            raise UserMistake(f"ARTIFACT_URL {url} has to be file:///, with three slashes, and a path.")
        return DirectoryStore(path)
    if parts.scheme == "memory":
        return BucketStore(MemoryStore())
    try:
        return BucketStore(_bucket(url, parts.scheme))
    except (BaseError, ValueError) as error:  # nothing was asked of the network yet, so it is the setup
        raise UserMistake(f"ARTIFACT_URL {url} cannot be used: {_first_line(error)}") from error


def _bucket(url: str, scheme: str) -> _Bucket:
    kind = _VENDORS.get(scheme)
    if kind is None:
        raise UserMistake(f"ARTIFACT_URL {url} has to begin with file:///, s3://, gs:// or az://.")
    return kind.from_url(
        url,
        retry_config={"max_retries": _ATTEMPTS, "retry_timeout": _PATIENCE},
        client_options={"timeout": timedelta(seconds=60), "connect_timeout": timedelta(seconds=5)},
    )


class BucketStore:
    """A bucket, or the part of one below a prefix."""

    def __init__(self, bucket: _Bucket) -> None:
        self._bucket = bucket

    def put(self, key: str, content: bytes) -> None:
        """Upload in one request, or in parts when it is large."""
        with _translated(key):
            self._bucket.put(checked(key), content)

    def get(self, key: str) -> bytes:
        """Download."""
        with _translated(key):
            return bytes(self._bucket.get(checked(key)).bytes())

    def delete(self, key: str) -> None:
        """Remove; some vendors complain when there is nothing, we do not."""
        try:
            with _translated(key):
                self._bucket.delete(checked(key))
        except Gone:
            return

    def check(self) -> None:
        """Try it out."""
        try_out(self, f"check/{os.getpid()}")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Gone(f"There is no artifact {what}.") from error
    except _SETUP_MISTAKES as error:
        raise UserMistake(f"The artifact store refused {what}: {_first_line(error)}") from error
    except ValueError as error:
        raise UserMistake(f"The artifact store cannot be used as it is set up: {_first_line(error)}") from error
    except BaseError as error:
        raise TryLater(f"The artifact store does not answer: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
