"""Small pieces that repositories share."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

from server.domain.refs import RepoRef

Row = Mapping[str, Any]


def insert_or_nothing(connection: Connection, table: Table) -> Any:
    """Begin an INSERT that both databases know how to turn into nothing or an update."""
    kind = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return kind(table)


def for_update(connection: Connection, statement: Any) -> Any:
    """Lock the rows read; on SQLite the transaction holds the only write lock already."""
    return statement if connection.dialect.name == "sqlite" else statement.with_for_update()


def same_repo(table: Table, repo: RepoRef) -> Any:
    """Name a repository in a table with `host` and `repo`; forges do not tell case apart."""
    return (table.c.host == repo.host.lower()) & (table.c.repo == repo.full_name)


__all__ = ["Insert", "Row", "for_update", "insert_or_nothing", "same_repo"]
