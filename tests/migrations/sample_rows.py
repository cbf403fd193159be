"""Rows as they were when each migration was the newest: later migrations have to cope with them."""

from collections.abc import Mapping, Sequence
from typing import Any

_ID = "0" * 25
_NOW = "2026-03-01 12:00:00.123456"
_PULL = {"pull_id": f"{_ID}1"}
_KEY = {"repo_host": "github.com", "repo_name": "acme/infra", "dir": "prod", "workspace": "default"}

# revision -> table and row, in an order in which they can be inserted; JSON and times as text
ROWS: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]] = {
    "0001": [
        (
            "pulls",
            {
                "id": f"{_ID}1",
                "repo_host": "github.com",
                "repo_name": "acme/infra",
                "number": 7,
                "title": "é",
                "author": "ann",
                "url": "u",
                "state": "open",
                "draft": False,
                "head_sha": "a",
                "head_ref": "h",
                "head_repo": "acme/infra",
                "head_fetch_ref": "r",
                "base_sha": "b",
                "base_ref": "m",
                "clone_url": "c",
            },
        ),
        ("publisher_leases", {**_PULL, "owner": "o", "until": _NOW}),
        (
            "deliveries",
            {
                "id": f"{_ID}2",
                "forge": "github",
                "delivery_id": "d",
                "kind": "push",
                "headers": "{}",
                "body": b"{}",
                "received_at": _NOW,
                "state": "received",
                "outcome": "",
                "attempts": 0,
            },
        ),
        (
            "runs",
            {
                "id": f"{_ID}3",
                **_PULL,
                "kind": "plan",
                "command": '{"kind": "plan"}',
                "trigger": "auto",
                "actor": "ann",
                "state": "open",
                "head_sha": "a",
                "base_sha": "b",
                "note": "",
                "comment_key": "",
                "created_at": _NOW,
            },
        ),
        (
            "jobs",
            {
                "id": f"{_ID}4",
                "run_id": f"{_ID}3",
                "phase": "plan",
                "project_dir": "prod",
                "wave": 0,
                "project_workspace": "default",
                "state": "queued",
                "attempt": 1,
                "pool": "default",
                "spec": "{}",
                "created_at": _NOW,
            },
        ),
        (
            "log_chunks",
            {
                "job_id": f"{_ID}4",
                "position": 1,
                "attempt": 1,
                "sequence": 0,
                "text": "x",
                "size": 1,
                "created_at": _NOW,
            },
        ),
        (
            "projects",
            {
                **_PULL,
                "dir": "prod",
                "workspace": "default",
                "name": "",
                "status": "planned",
                "updated_at": _NOW,
                "counts": '{"add": 1}',
                "artifact_id": f"{_ID}5",
                "artifact_size": 3,
                "terraform": "{}",
                "outputs": "{}",
                "config": "{}",
                "note": "",
                "wave": 0,
            },
        ),
        (
            "artifacts",
            {
                "id": f"{_ID}5",
                **_PULL,
                "run_id": f"{_ID}3",
                "job_id": f"{_ID}4",
                "binding": "{}",
                "sha256": "0",
                "size": 3,
                "store_key": "plans/x",
                "created_at": _NOW,
            },
        ),
        ("locks", {"id": f"{_ID}6", **_KEY, **_PULL, "actor": "ann", "run_id": f"{_ID}3", "acquired_at": _NOW}),
        (
            "lock_waiters",
            {
                "id": f"{_ID}7",
                **_KEY,
                **_PULL,
                "project_dir": "prod",
                "project_workspace": "default",
                "project_name": "",
                "actor": "ann",
                "since": _NOW,
            },
        ),
        (
            "outbox",
            {
                "id": f"{_ID}8",
                **_PULL,
                "kind": "comment",
                "key": "k",
                "payload": "{}",
                "version": 1,
                "sent_version": 0,
                "attempts": 0,
                "error": "",
                "created_at": _NOW,
                "updated_at": _NOW,
                "parked": False,
            },
        ),
        ("workers", {"name": "w", "pool": "default", "version": "1", "first_seen_at": _NOW, "seen_at": _NOW}),
    ],
}
