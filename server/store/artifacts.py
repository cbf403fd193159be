"""Which saved plans are stored where, and what each is bound to; the bytes are elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, or_, select, update

from server.store.statements import all_rows, one_row
from server.store.tables import artifacts, projects


@dataclass(frozen=True, kw_only=True)
class ArtifactRow:
    """A stored plan. `sha256` and `size` are those of the plan itself, not of its encrypted form."""

    id: str
    pull_id: str
    run_id: str
    job_id: str
    binding: Mapping[str, Any]
    sha256: str
    size: int
    store_key: str
    created_at: datetime
    deleted_at: datetime | None = None

    @classmethod
    def new(
        cls,
        *,
        id: str,  # noqa: A002  (the field's name)
        pull_id: str,
        run_id: str,
        job_id: str,
        binding: Mapping[str, Any],
        now: datetime,
    ) -> Self:
        """Begin a row for a plan that is not stored yet; the vault fills in the rest."""
        return cls(
            id=id,
            pull_id=pull_id,
            run_id=run_id,
            job_id=job_id,
            binding=binding,
            sha256="",
            size=0,
            store_key=f"plans/{pull_id}/{id}",
            created_at=now,
        )

    def holding(self, *, sha256: str, size: int) -> Self:
        """Say what the stored plan is."""
        return replace(self, sha256=sha256, size=size)


class Artifacts:
    """The artifacts of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, artifact: ArtifactRow) -> None:
        """Note a plan whose bytes are stored."""
        self._connection.execute(
            insert(artifacts).values(
                id=artifact.id,
                pull_id=artifact.pull_id,
                run_id=artifact.run_id,
                job_id=artifact.job_id,
                binding=dict(artifact.binding),
                sha256=artifact.sha256,
                size=artifact.size,
                store_key=artifact.store_key,
                created_at=artifact.created_at,
                deleted_at=artifact.deleted_at,
            )
        )

    def get(self, artifact_id: str) -> ArtifactRow | None:
        """Read a row, also of a plan that is to be deleted."""
        row = one_row(self._connection, select(artifacts).where(artifacts.c.id == artifact_id))
        return None if row is None else ArtifactRow(**row)

    def of_pull(self, pull_id: str) -> list[ArtifactRow]:
        """List a pull's plans that are not to be deleted, oldest first."""
        statement = (
            select(artifacts)
            .where(artifacts.c.pull_id == pull_id, artifacts.c.deleted_at.is_(None))
            .order_by(artifacts.c.id)
        )
        return [ArtifactRow(**row) for row in all_rows(self._connection, statement)]

    def mark_deleted(self, ids: Sequence[str], *, now: datetime) -> None:
        """Note that plans are of no use any more; their bytes go later, after the commit."""
        if ids:
            self._connection.execute(
                update(artifacts)
                .where(artifacts.c.id.in_(ids), artifacts.c.deleted_at.is_(None))
                .values(deleted_at=now)
            )

    def deletable(self, *, limit: int, orphaned_before: datetime | None = None) -> list[ArtifactRow]:
        """List plans whose bytes may go: marked ones, and older ones that no project refers to any more."""
        useless: ColumnElement[bool] = artifacts.c.deleted_at.is_not(None)
        if orphaned_before is not None:
            referred_to = exists().where(projects.c.artifact_id == artifacts.c.id)
            useless = or_(useless, (artifacts.c.created_at < orphaned_before) & ~referred_to)
        statement = select(artifacts).where(useless).order_by(artifacts.c.id).limit(limit)
        return [ArtifactRow(**row) for row in all_rows(self._connection, statement)]

    def forget(self, artifact_id: str) -> None:
        """Remove a row whose bytes are gone."""
        self._connection.execute(delete(artifacts).where(artifacts.c.id == artifact_id))
