"""The first schema: deliveries, pulls, runs, jobs, projects, locks, artifacts, outbox and workers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# A migration says its types itself: `server.store.tables` moves on, this file does not.
_ID = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
_CHOICE = sa.String(32)
_WORDS = sa.Text()
_DOCUMENT = sa.JSON()
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for create in (
        _deliveries,
        _pulls,
        _publisher_leases,
        _runs,
        _jobs,
        _log_chunks,
        _projects,
        _locks,
        _lock_waiters,
        _artifacts,
        _outbox,
        _workers,
    ):
        create()


def _partial(name: str, table: str, columns: list[str], *, where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("forge", sa.String(32), nullable=False),
        sa.Column("delivery_id", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(255), nullable=False),
        sa.Column("headers", _DOCUMENT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("state", _CHOICE, nullable=False),
        sa.Column("outcome", _WORDS, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try_at", _MOMENT),
        sa.Column("settled_at", _MOMENT),
        sa.UniqueConstraint("forge", "delivery_id"),
    )
    op.create_index("ix_deliveries_received_at", "deliveries", ["received_at"])
    _partial("ix_deliveries_waiting", "deliveries", ["id"], where="state = 'received'")


def _pulls() -> None:
    op.create_table(
        "pulls",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("repo_host", sa.String(255), nullable=False),
        sa.Column("repo_name", sa.String(512), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("title", _WORDS, nullable=False),
        sa.Column("author", _WORDS, nullable=False),
        sa.Column("url", _WORDS, nullable=False),
        sa.Column("state", _CHOICE, nullable=False),
        sa.Column("draft", sa.Boolean, nullable=False),
        sa.Column("head_sha", sa.String(64), nullable=False),
        sa.Column("head_ref", _WORDS, nullable=False),
        sa.Column("head_repo", _WORDS, nullable=False),
        sa.Column("head_fetch_ref", _WORDS, nullable=False),
        sa.Column("base_sha", sa.String(64), nullable=False),
        sa.Column("base_ref", _WORDS, nullable=False),
        sa.Column("clone_url", _WORDS, nullable=False),
        sa.UniqueConstraint("repo_host", "repo_name", "number"),
    )
    _partial("ix_pulls_open", "pulls", ["repo_host", "repo_name"], where="state = 'open'")


def _publisher_leases() -> None:
    op.create_table(
        "publisher_leases",
        sa.Column("pull_id", _ID, sa.ForeignKey("pulls.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("pull_id", _ID, sa.ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", _CHOICE, nullable=False),
        sa.Column("command", _DOCUMENT, nullable=False),
        sa.Column("trigger", _CHOICE, nullable=False),
        sa.Column("actor", _WORDS, nullable=False),
        sa.Column("state", _CHOICE, nullable=False),
        sa.Column("outcome", _CHOICE),
        sa.Column("head_sha", sa.String(64), nullable=False),
        sa.Column("base_sha", sa.String(64), nullable=False),
        sa.Column("note", _WORDS, nullable=False),
        sa.Column("comment_key", _WORDS, nullable=False),
        sa.Column("cancelled_by", _WORDS),
        sa.Column("forge_facts", _DOCUMENT),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT),
        sa.Column("finished_at", _MOMENT),
    )
    op.create_index("ix_runs_pull_id_id", "runs", ["pull_id", "id"])
    _partial("ix_runs_unfinished", "runs", ["pull_id", "id"], where="state IN ('pending', 'open')")


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("run_id", _ID, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("phase", _CHOICE, nullable=False),
        sa.Column("project_dir", _WORDS),
        sa.Column("project_workspace", _WORDS),
        sa.Column("project_name", _WORDS),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("state", _CHOICE, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("pool", _WORDS, nullable=False),
        sa.Column("spec", _DOCUMENT, nullable=False),
        sa.Column("report", _DOCUMENT),
        sa.Column("worker", _WORDS),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("rung_at", _MOMENT),
        sa.Column("claimed_at", _MOMENT),
        sa.Column("heartbeat_at", _MOMENT),
        sa.Column("cancel_requested_at", _MOMENT),
        sa.Column("finished_at", _MOMENT),
    )
    op.create_index("ix_jobs_run_id_wave_id", "jobs", ["run_id", "wave", "id"])
    _partial("ix_jobs_queued", "jobs", ["id"], where="state = 'queued'")
    _partial("ix_jobs_running", "jobs", ["id"], where="state = 'running'")


def _log_chunks() -> None:
    op.create_table(
        "log_chunks",
        sa.Column("job_id", _ID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("text", _WORDS, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "position"),
        sa.UniqueConstraint("job_id", "attempt", "sequence"),
    )
    op.create_index("ix_log_chunks_created_at", "log_chunks", ["created_at"])


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("pull_id", _ID, sa.ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
        sa.Column("dir", _WORDS, nullable=False),
        sa.Column("workspace", _WORDS, nullable=False),
        sa.Column("name", _WORDS, nullable=False),
        sa.Column("status", _CHOICE, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("run_id", _ID),
        sa.Column("job_id", _ID),
        sa.Column("counts", _DOCUMENT, nullable=False),
        sa.Column("plan_digest", sa.String(128)),
        sa.Column("artifact_id", _ID),
        sa.Column("artifact_sha256", sa.String(64)),
        sa.Column("artifact_size", sa.Integer, nullable=False),
        sa.Column("planned_head", sa.String(64)),
        sa.Column("planned_base", sa.String(64)),
        sa.Column("workflow_digest", sa.String(128)),
        sa.Column("terraform", _DOCUMENT, nullable=False),
        sa.Column("terraform_version", _WORDS),
        sa.Column("outputs", _DOCUMENT, nullable=False),
        sa.Column("config", _DOCUMENT, nullable=False),
        sa.Column("note", _WORDS, nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("pull_id", "dir", "workspace", "name"),
    )
    op.create_index("ix_projects_dir_workspace", "projects", ["dir", "workspace"])
    _partial("ix_projects_artifact_id", "projects", ["artifact_id"], where="artifact_id IS NOT NULL")


def _locks() -> None:
    op.create_table(
        "locks",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("repo_host", sa.String(255), nullable=False),
        sa.Column("repo_name", sa.String(512), nullable=False),
        sa.Column("dir", _WORDS, nullable=False),
        sa.Column("workspace", _WORDS, nullable=False),
        sa.Column("pull_id", _ID, sa.ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
        sa.Column("actor", _WORDS, nullable=False),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("acquired_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("repo_host", "repo_name", "dir", "workspace"),
    )
    op.create_index("ix_locks_pull_id", "locks", ["pull_id"])


def _lock_waiters() -> None:
    op.create_table(
        "lock_waiters",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("repo_host", sa.String(255), nullable=False),
        sa.Column("repo_name", sa.String(512), nullable=False),
        sa.Column("dir", _WORDS, nullable=False),
        sa.Column("workspace", _WORDS, nullable=False),
        sa.Column("pull_id", _ID, sa.ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
        sa.Column("project_dir", _WORDS, nullable=False),
        sa.Column("project_workspace", _WORDS, nullable=False),
        sa.Column("project_name", _WORDS, nullable=False),
        sa.Column("actor", _WORDS, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.UniqueConstraint(
            "pull_id",
            "repo_host",
            "repo_name",
            "dir",
            "workspace",
            "project_dir",
            "project_workspace",
            "project_name",
            name="uq_lock_waiters_place",
        ),
    )
    op.create_index("ix_lock_waiters_key", "lock_waiters", ["repo_host", "repo_name", "dir", "workspace"])


def _artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("pull_id", _ID, sa.ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("job_id", _ID, nullable=False),
        sa.Column("binding", _DOCUMENT, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("store_key", _WORDS, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("deleted_at", _MOMENT),
    )
    op.create_index("ix_artifacts_pull_id", "artifacts", ["pull_id"])
    op.create_index("ix_artifacts_created_at", "artifacts", ["created_at"])
    _partial("ix_artifacts_deleted_at", "artifacts", ["deleted_at"], where="deleted_at IS NOT NULL")


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("pull_id", _ID, sa.ForeignKey("pulls.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("key", _WORDS, nullable=False),
        sa.Column("payload", _DOCUMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sent_version", sa.Integer, nullable=False),
        sa.Column("forge_ref", _WORDS),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try_at", _MOMENT),
        sa.Column("error", _WORDS, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("parked", sa.Boolean, nullable=False),
        sa.UniqueConstraint("pull_id", "kind", "key"),
    )
    _partial("ix_outbox_unsent", "outbox", ["pull_id", "id"], where="version > sent_version")


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("pool", _WORDS, nullable=False),
        sa.Column("version", _WORDS, nullable=False),
        sa.Column("first_seen_at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
    )
