"""Every table, as the newest migration leaves it."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)

from server.domain.commands import CommandKind
from server.domain.job import JobState
from server.domain.project import ProjectStatus
from server.domain.pull import PullState
from server.domain.run import RunOutcome, RunState, Trigger
from server.store.states import DeliveryState
from server.store.types import Choice, Document, Id, Moment, Words
from workers.protocol.jobs import Phase

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("forge", String(32), nullable=False),
    Column("delivery_id", String(255), nullable=False),
    Column("kind", String(255), nullable=False),
    Column("headers", Document, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("state", Choice(DeliveryState), nullable=False),
    Column("outcome", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", Moment),
    Column("settled_at", Moment),
    UniqueConstraint("forge", "delivery_id"),
    Index("ix_deliveries_received_at", "received_at"),
    _partial("ix_deliveries_waiting", "id", where="state = 'received'"),
)

pulls = Table(
    "pulls",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repo_host", String(255), nullable=False),
    Column("repo_name", String(512), nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Words, nullable=False),
    Column("author", Words, nullable=False),
    Column("url", Words, nullable=False),
    Column("state", Choice(PullState), nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("head_sha", String(64), nullable=False),
    Column("head_ref", Words, nullable=False),
    Column("head_repo", Words, nullable=False),
    Column("head_fetch_ref", Words, nullable=False),
    Column("base_sha", String(64), nullable=False),
    Column("base_ref", Words, nullable=False),
    Column("clone_url", Words, nullable=False),
    Column("labels", Document),
    UniqueConstraint("repo_host", "repo_name", "number"),
    _partial("ix_pulls_open", "repo_host", "repo_name", where="state = 'open'"),
)

# A table of its own: whoever publishes must not wait for whoever holds the pull's row.
publisher_leases = Table(
    "publisher_leases",
    metadata,
    Column("pull_id", Id, ForeignKey("pulls.id", ondelete="CASCADE"), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("until", Moment, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pull_id", Id, ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Choice(CommandKind), nullable=False),
    Column("command", Document, nullable=False),
    Column("trigger", Choice(Trigger), nullable=False),
    Column("actor", Words, nullable=False),
    Column("state", Choice(RunState), nullable=False),
    Column("outcome", Choice(RunOutcome)),
    Column("head_sha", String(64), nullable=False),
    Column("base_sha", String(64), nullable=False),
    Column("note", Words, nullable=False),
    Column("comment_key", Words, nullable=False),
    Column("cancelled_by", Words),
    Column("forge_facts", Document),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Index("ix_runs_pull_id_id", "pull_id", "id"),
    _partial("ix_runs_unfinished", "pull_id", "id", where="state IN ('pending', 'open')"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("phase", Choice(Phase), nullable=False),
    Column("project_dir", Words),
    Column("project_workspace", Words),
    Column("project_name", Words),
    Column("wave", Integer, nullable=False),
    Column("state", Choice(JobState), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("pool", Words, nullable=False),
    Column("spec", Document, nullable=False),
    Column("report", Document),
    Column("worker", Words),
    Column("created_at", Moment, nullable=False),
    Column("rung_at", Moment),
    Column("claimed_at", Moment),
    Column("heartbeat_at", Moment),
    Column("cancel_requested_at", Moment),
    Column("finished_at", Moment),
    Index("ix_jobs_run_id_wave_id", "run_id", "wave", "id"),
    _partial("ix_jobs_queued", "id", where="state = 'queued'"),
    _partial("ix_jobs_running", "id", where="state = 'running'"),
)

log_chunks = Table(
    "log_chunks",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("text", Words, nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    PrimaryKeyConstraint("job_id", "position"),
    UniqueConstraint("job_id", "attempt", "sequence"),
    Index("ix_log_chunks_created_at", "created_at"),
)

projects = Table(
    "projects",
    metadata,
    Column("pull_id", Id, ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
    Column("dir", Words, nullable=False),
    Column("workspace", Words, nullable=False),
    Column("name", Words, nullable=False),  # empty for a project without one: NULLs are never equal
    Column("status", Choice(ProjectStatus), nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("run_id", Id),
    Column("job_id", Id),
    Column("counts", Document, nullable=False),
    Column("plan_digest", String(128)),
    Column("artifact_id", Id),
    Column("artifact_sha256", String(64)),
    Column("artifact_size", Integer, nullable=False),
    Column("planned_head", String(64)),
    Column("planned_base", String(64)),
    Column("workflow_digest", String(128)),
    Column("terraform", Document, nullable=False),
    Column("terraform_version", Words),
    Column("outputs", Document, nullable=False),
    Column("config", Document, nullable=False),
    Column("note", Words, nullable=False),
    Column("wave", Integer, nullable=False),
    Column("policies", Document),
    Column("why", Document),
    PrimaryKeyConstraint("pull_id", "dir", "workspace", "name"),
    Index("ix_projects_dir_workspace", "dir", "workspace"),
    _partial("ix_projects_artifact_id", "artifact_id", where="artifact_id IS NOT NULL"),
)

locks = Table(
    "locks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repo_host", String(255), nullable=False),
    Column("repo_name", String(512), nullable=False),
    Column("dir", Words, nullable=False),
    Column("workspace", Words, nullable=False),
    Column("pull_id", Id, ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
    Column("actor", Words, nullable=False),
    Column("run_id", Id, nullable=False),  # empty when it was handed over before its run began
    Column("acquired_at", Moment, nullable=False),
    UniqueConstraint("repo_host", "repo_name", "dir", "workspace"),
    Index("ix_locks_pull_id", "pull_id"),
)

lock_waiters = Table(
    "lock_waiters",
    metadata,
    Column("id", Id, primary_key=True),
    Column("repo_host", String(255), nullable=False),
    Column("repo_name", String(512), nullable=False),
    Column("dir", Words, nullable=False),
    Column("workspace", Words, nullable=False),
    Column("pull_id", Id, ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
    Column("project_dir", Words, nullable=False),
    Column("project_workspace", Words, nullable=False),
    Column("project_name", Words, nullable=False),
    Column("actor", Words, nullable=False),
    Column("since", Moment, nullable=False),
    UniqueConstraint(
        "pull_id",
        "repo_host",
        "repo_name",
        "dir",
        "workspace",
        "project_dir",
        "project_workspace",
        "project_name",
        name="uq_lock_waiters_place",  # PostgreSQL cuts names at 63 bytes
    ),
    Index("ix_lock_waiters_key", "repo_host", "repo_name", "dir", "workspace"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pull_id", Id, ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", Id, nullable=False),
    Column("job_id", Id, nullable=False),
    Column("binding", Document, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("store_key", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("deleted_at", Moment),
    Index("ix_artifacts_pull_id", "pull_id"),
    Index("ix_artifacts_created_at", "created_at"),
    _partial("ix_artifacts_deleted_at", "deleted_at", where="deleted_at IS NOT NULL"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pull_id", Id, ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("key", Words, nullable=False),
    Column("payload", Document, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sent_version", Integer, nullable=False),
    Column("forge_ref", Words),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", Moment),
    Column("error", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("parked", Boolean, nullable=False),
    UniqueConstraint("pull_id", "kind", "key"),
    _partial("ix_outbox_unsent", "pull_id", "id", where="version > sent_version"),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("pool", Words, nullable=False),
    Column("version", Words, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
)
