"""What must be true before a project may be planned or applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Requirement(StrEnum):
    """Names as both configuration files spell them."""

    APPROVED = "approved"
    MERGEABLE = "mergeable"
    UNDIVERGED = "undiverged"
    POLICIES_PASSED = "policies_passed"


@dataclass(frozen=True, kw_only=True)
class PullFacts:
    """What the forge says of a pull at this moment. A reason is for people, in a half sentence."""

    approved: bool
    mergeable: bool
    undiverged: bool
    approved_reason: str = ""
    mergeable_reason: str = ""
    undiverged_reason: str = ""


@dataclass(frozen=True)
class Unmet:
    """A requirement that does not hold, why, and what to do now."""

    requirement: Requirement
    reason: str
    remedy: str


_UNCHECKED = "this plan has not been checked by the policies"


def unmet(
    requirements: Sequence[Requirement], facts: PullFacts, *, policies: str | None = _UNCHECKED
) -> tuple[Unmet, ...]:
    """List every requirement that does not hold, in the order given.

    `policies` says, in a half sentence, why the policies do not let the plan pass; None when they do. What nobody
    has said does not hold.
    """
    table = {
        Requirement.APPROVED: (
            facts.approved,
            facts.approved_reason or "nobody has approved it",
            "ask someone other than the author to approve it",
        ),
        Requirement.MERGEABLE: (
            facts.mergeable,
            facts.mergeable_reason or "the forge says it cannot be merged",
            "resolve what blocks the merge",
        ),
        Requirement.UNDIVERGED: (
            facts.undiverged,
            facts.undiverged_reason or "the base branch has moved on",
            "rebase or merge the base branch, and plan again",
        ),
        Requirement.POLICIES_PASSED: (
            policies is None,
            policies or "",
            "change the code and plan again, or ask an owner of the policies to approve",
        ),
    }
    return tuple(
        Unmet(requirement, table[requirement][1], table[requirement][2])
        for requirement in requirements
        if not table[requirement][0]
    )
