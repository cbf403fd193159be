"""Pull requests, and who may publish to each."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.store.errors import NotStored
from server.store.ids import new_id
from server.store.statements import all_rows, insert_into, is_one_of, one_row
from server.store.tables import publisher_leases, pulls

_REF = ("repo_host", "repo_name", "number")


class Pulls:
    """The pulls of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def upsert(self, pull: Pull) -> Pull:
        """Keep what the forge says of a pull now; the one stored, with its id, comes back."""
        values = _values(pull)
        statement = insert_into(self._connection, pulls).values(id=pull.id or new_id(), **values)
        changes = {name: statement.excluded[name] for name in values if name not in _REF}
        stored = self._connection.execute(
            statement.on_conflict_do_update(index_elements=list(_REF), set_=changes).returning(pulls)
        )
        return pull_of(dict(stored.mappings().one()))

    def get(self, pull_id: str) -> Pull:
        """Read a pull.

        Raises:
            NotStored: there is none with this id.
        """
        row = one_row(self._connection, select(pulls).where(pulls.c.id == pull_id))
        if row is None:
            raise NotStored(f"There is no pull request {pull_id}.")
        return pull_of(row)

    def get_for_update(self, pull_id: str) -> Pull:
        """Read a pull and keep others from changing it, or anything done under its lock, until the commit.

        Raises:
            NotStored: there is none with this id.
        """
        # Weaker than FOR UPDATE: rows that point at the pull may still be added meanwhile.
        statement = select(pulls).where(pulls.c.id == pull_id).with_for_update(key_share=True)
        row = one_row(self._connection, statement)
        if row is None:
            raise NotStored(f"There is no pull request {pull_id}.")
        return pull_of(row)

    def by_ref(self, ref: PullRef) -> Pull | None:
        """Find a pull by its repository and number."""
        found = and_(_is_of(ref.repo), pulls.c.number == ref.number)
        row = one_row(self._connection, select(pulls).where(found))
        return None if row is None else pull_of(row)

    def list_open(self, repo: RepoRef | None = None) -> list[Pull]:
        """List the open pulls, of one repository or of all, in the order we first heard of them."""
        statement = select(pulls).where(is_one_of(pulls.c.state, PullState.OPEN)).order_by(pulls.c.id)
        if repo is not None:
            statement = statement.where(_is_of(repo))
        return [pull_of(row) for row in all_rows(self._connection, statement)]

    def repos(self) -> list[RepoRef]:
        """List every repository that we heard of."""
        statement = select(pulls.c.repo_host, pulls.c.repo_name).distinct().order_by(pulls.c.repo_host, "repo_name")
        return [RepoRef(row[0], row[1]) for row in self._connection.execute(statement)]

    def close(self, pull_id: str, *, state: PullState) -> None:
        """Note that a pull is open no more, when the forge says nothing else about it."""
        self._connection.execute(update(pulls).where(pulls.c.id == pull_id).values(state=state))

    def lease_publisher(self, pull_id: str, *, owner: str, now: datetime, for_: timedelta) -> bool:
        """Become, or stay, the only one who publishes to a pull; False while somebody else is."""
        statement = insert_into(self._connection, publisher_leases).values(
            pull_id=pull_id, owner=owner, until=now + for_
        )
        mine_or_over = or_(publisher_leases.c.owner == owner, publisher_leases.c.until <= now)
        taken = self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["pull_id"],
                set_={"owner": statement.excluded.owner, "until": statement.excluded.until},
                where=mine_or_over,
            ).returning(publisher_leases.c.owner)
        )
        return taken.one_or_none() is not None

    def release_publisher(self, pull_id: str, *, owner: str) -> None:
        """Let others publish; nothing happens when the lease has passed to somebody else."""
        mine = and_(publisher_leases.c.pull_id == pull_id, publisher_leases.c.owner == owner)
        self._connection.execute(delete(publisher_leases).where(mine))


def pull_of(columns: dict[str, Any]) -> Pull:
    """Read a pull out of the columns of `pulls`."""
    fields = dict(columns)
    repo = RepoRef(fields.pop("repo_host"), fields.pop("repo_name"))
    labels = tuple(fields.pop("labels") or ())  # nothing, where an older server wrote the row
    return Pull(ref=PullRef(repo, fields.pop("number")), labels=labels, **fields)


def _values(pull: Pull) -> dict[str, Any]:
    fields = asdict(pull)
    del fields["id"], fields["ref"]
    return {
        "repo_host": pull.ref.repo.host,
        "repo_name": pull.ref.repo.full_name,
        "number": pull.ref.number,
        **fields,
    }


def _is_of(repo: RepoRef) -> ColumnElement[bool]:
    return and_(pulls.c.repo_host == repo.host, pulls.c.repo_name == repo.full_name)
