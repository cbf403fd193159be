"""Pieces of SQL that several aggregates need."""

from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Column, ColumnElement, Connection, Executable, Table, literal_column
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> postgresql.Insert:
    """Begin an INSERT that can say ON CONFLICT, which both databases spell alike."""
    if connection.dialect.name == "sqlite":
        return cast("postgresql.Insert", sqlite.insert(table))
    return postgresql.insert(table)


def is_postgres(connection: Connection) -> bool:
    """Say whether rows are locked one by one; on SQLite a writer is alone anyway."""
    return connection.dialect.name == "postgresql"


def is_one_of(column: Column[Any], first: StrEnum, *others: StrEnum) -> ColumnElement[bool]:
    """Compare with values spelled out in the SQL: a parameter would keep partial indexes from being used."""
    spelled: list[ColumnElement[Any]] = [literal_column(f"'{value.value}'") for value in (first, *others)]
    return column.in_(spelled) if others else column == spelled[0]


def all_rows(connection: Connection, statement: Executable) -> list[dict[str, Any]]:
    """Read rows as the names and values of their columns."""
    return [cast("dict[str, Any]", dict(row)) for row in connection.execute(statement).mappings()]


def one_row(connection: Connection, statement: Executable) -> dict[str, Any] | None:
    """Read the row, if there is one."""
    row = connection.execute(statement).mappings().one_or_none()
    return None if row is None else cast("dict[str, Any]", dict(row))
