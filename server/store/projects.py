"""Projects of pulls: the plan in force and what became of it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from server.domain.policy import PolicyStanding
from server.domain.project import CAN_APPLY, PullProject
from server.domain.pull import PullState
from server.domain.refs import RepoRef
from server.store.statements import all_rows, insert_into, one_row
from server.store.tables import projects, pulls
from workers.protocol.codec import from_data, to_data
from workers.protocol.jobs import ProjectKey, TerraformChoice
from workers.protocol.results import Counts

_KEY = ("pull_id", "dir", "workspace", "name")
_PLAIN = tuple(
    field.name
    for field in fields(PullProject)
    if field.name not in {"key", "counts", "terraform", "outputs", "config", "policies", "why"}
)


class Projects:
    """The projects of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, project: PullProject) -> None:
        """Write a project as it is now, new or known."""
        values = _values(project)
        statement = insert_into(self._connection, projects).values(**values)
        changes = {name: statement.excluded[name] for name in values if name not in _KEY}
        self._connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=changes))

    def of_pull(self, pull_id: str) -> list[PullProject]:
        """List a pull's projects by place."""
        statement = (
            select(projects)
            .where(projects.c.pull_id == pull_id)
            .order_by(projects.c.dir, projects.c.workspace, projects.c.name)
        )
        return [_project(row) for row in all_rows(self._connection, statement)]

    def get(self, pull_id: str, key: ProjectKey) -> PullProject | None:
        """Read one project of a pull."""
        row = one_row(self._connection, select(projects).where(_is(pull_id, key)))
        return None if row is None else _project(row)

    def delete(self, pull_id: str, key: ProjectKey) -> None:
        """Forget a project that the pull no longer touches."""
        self._connection.execute(delete(projects).where(_is(pull_id, key)))

    def with_plan_elsewhere(self, *, repo: RepoRef, key: ProjectKey, except_pull: str) -> list[PullProject]:
        """List what other open pulls have planned for the same directory and workspace."""
        statement = (
            select(projects)
            .join_from(projects, pulls, projects.c.pull_id == pulls.c.id)
            .where(
                projects.c.dir == key.dir,
                projects.c.workspace == key.workspace,
                projects.c.pull_id != except_pull,
                projects.c.status.in_(sorted(CAN_APPLY)),
                projects.c.artifact_id.is_not(None),
                pulls.c.repo_host == repo.host,
                pulls.c.repo_name == repo.full_name,
                pulls.c.state == PullState.OPEN,
            )
            .order_by(projects.c.pull_id, projects.c.name)
        )
        return [_project(row) for row in all_rows(self._connection, statement)]


def _is(pull_id: str, key: ProjectKey) -> ColumnElement[bool]:
    return and_(
        projects.c.pull_id == pull_id,
        projects.c.dir == key.dir,
        projects.c.workspace == key.workspace,
        projects.c.name == (key.name or ""),
    )


def _project(columns: Mapping[str, Any]) -> PullProject:
    return PullProject(
        key=ProjectKey(columns["dir"], columns["workspace"], columns["name"] or None),
        counts=from_data(Counts, columns["counts"]),
        terraform=from_data(TerraformChoice, columns["terraform"]),
        outputs=columns["outputs"],
        config=columns["config"],
        # nothing, where an older server wrote the row
        policies=tuple(from_data(PolicyStanding, one) for one in columns["policies"] or ()),
        why=columns["why"] or {},
        **{name: columns[name] for name in _PLAIN},
    )


def _values(project: PullProject) -> dict[str, Any]:
    return {
        **{name: getattr(project, name) for name in _PLAIN},
        "dir": project.key.dir,
        "workspace": project.key.workspace,
        "name": project.key.name or "",
        "counts": to_data(project.counts),
        "terraform": to_data(project.terraform),
        "outputs": dict(project.outputs),
        "config": dict(project.config),
        "policies": [to_data(one) for one in project.policies],
        "why": dict(project.why),
    }
