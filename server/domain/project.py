"""A project within one pull: what is known about its plan and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from workers.protocol.jobs import ProjectKey, TerraformChoice
from workers.protocol.results import Counts


class ProjectStatus(StrEnum):
    """Where a project of a pull stands; the value is what the API and the marker say."""

    PENDING = "pending"  # chosen, not planned yet
    LOCKED = "locked"  # waits for another pull's lock
    PLANNED = "planned"
    NO_CHANGES = "planned_no_changes"
    PLAN_FAILED = "plan_errored"
    APPLYING = "applying"
    APPLIED = "applied"
    APPLY_FAILED = "apply_errored"
    LOST = "apply_lost"
    DISCARDED = "plan_discarded"
    STALE = "plan_stale"


CAN_APPLY = frozenset({ProjectStatus.PLANNED, ProjectStatus.APPLY_FAILED})
SETTLED = frozenset({ProjectStatus.APPLIED, ProjectStatus.NO_CHANGES})


@dataclass(frozen=True, kw_only=True)
class PullProject:
    """One project of one pull. Plan facts are those of the plan in force, if there is one.

    `config` is what was configured for it when it was planned, as JSON: an apply goes by it.
    """

    pull_id: str
    key: ProjectKey
    status: ProjectStatus
    updated_at: datetime
    run_id: str | None = None
    job_id: str | None = None
    counts: Counts = field(default_factory=Counts)
    plan_digest: str | None = None
    artifact_id: str | None = None
    artifact_sha256: str | None = None
    artifact_size: int = 0
    planned_head: str | None = None
    planned_base: str | None = None
    workflow_digest: str | None = None
    terraform: TerraformChoice = field(default_factory=TerraformChoice)
    terraform_version: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    wave: int = 0

    @property
    def has_plan(self) -> bool:
        """Say whether a saved plan could be applied, as far as this row knows."""
        return self.status in CAN_APPLY and self.artifact_id is not None
