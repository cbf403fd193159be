"""Database errors into ours, by what happens next."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from server.domain.errors import TryLater, UserMistake

T = TypeVar("T")

_CONTENTION = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock detected
        "55P03",  # lock not available
        "57014",  # cancelled by statement timeout
    }
)
_SQLITE_CONTENTION = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Busy(TryLater):
    """Transactions were in each other's way; nothing of ours was kept, so the same act may be done again."""


class NotStored(UserMistake):
    """A row was asked for by an id that does not exist."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn contention into `Busy` and a database that does not answer into `TryLater`."""
    try:
        yield
    except PoolTimeout as error:
        raise Busy("All database connections are in use.") from error
    except DBAPIError as error:
        if is_contention(error):
            raise Busy("The database was busy with somebody else's change to the same rows.") from error
        if error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError)):
            raise TryLater(f"The database does not answer: {_first_line(error)}") from error
        raise


def is_contention(error: DBAPIError) -> bool:
    """Say whether doing the same again is likely to work."""
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in _SQLITE_CONTENTION
    return getattr(error.orig, "sqlstate", None) in _CONTENTION


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]


def retrying(act: Callable[[], T], *, attempts: int = 5) -> T:
    """Do something that opens its own transaction, again while the database is `Busy`."""
    turns = Retrying(
        retry=retry_if_exception_type(Busy),
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.02, max=1),
        reraise=True,
    )
    return turns(act)
