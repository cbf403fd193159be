"""A project within one pull: what is known about its plan and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from server.domain.policy import PolicyStanding
from workers.protocol.jobs import ProjectKey, TerraformChoice
from workers.protocol.results import Counts


class ProjectStatus(StrEnum):
    """Where a project of a pull stands; the value is what the API and the marker say."""

    PENDING = "pending"  # chosen, not planned yet
    LOCKED = "locked"  # waits for another pull's lock
    PLANNED = "planned"
    NO_CHANGES = "planned_no_changes"
    PLAN_FAILED = "plan_errored"
    POLICY_FAILED = "policy_check_errored"  # planned, and policies say no
    APPLYING = "applying"
    APPLIED = "applied"
    APPLY_FAILED = "apply_errored"
    LOST = "apply_lost"
    DISCARDED = "plan_discarded"
    STALE = "plan_stale"


CAN_APPLY = frozenset({ProjectStatus.PLANNED, ProjectStatus.POLICY_FAILED, ProjectStatus.APPLY_FAILED})
_HAVE_PLANS = CAN_APPLY | {ProjectStatus.APPLYING, ProjectStatus.APPLIED, ProjectStatus.LOST}
SETTLED = frozenset({ProjectStatus.APPLIED, ProjectStatus.NO_CHANGES})


@dataclass(frozen=True, kw_only=True)
class PullProject:
    """One project of one pull. Plan facts are those of the plan in force, if there is one.

    `config` is what was configured for it when it was planned, as JSON: an apply goes by it. `policies` is what
    policies say of the plan, one for each set; empty where none were asked. `why` is an
    `explanation.Why` as JSON, which few want to read; empty where an older server chose the project.
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
    policies: tuple[PolicyStanding, ...] = ()
    why: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_judged(self) -> bool | None:
        """Whether policies have been asked about this very plan; None where they need not be."""
        if not self.config.get("policy_check") or self.status not in _HAVE_PLANS:
            return None
        return self.artifact_id is None or self.config.get("policies_of") == self.artifact_id

    @property
    def has_plan(self) -> bool:
        """Say whether a saved plan could be applied, as far as this row knows."""
        return self.status in CAN_APPLY and self.artifact_id is not None
