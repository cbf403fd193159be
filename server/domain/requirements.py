"""What must be true before a project may be planned or applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Requirement(StrEnum):
    """Names as both configuration files spell them."""

    APPROVED = "approved"
    MERGEABLE = "mergeable"
    UNDIVERGED = "undiverged"


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


def unmet(requirements: Sequence[Requirement], facts: PullFacts) -> tuple[Unmet, ...]:
    """List every requirement that does not hold, in the order given."""
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
    }
    return tuple(
        Unmet(requirement, table[requirement][1], table[requirement][2])
        for requirement in requirements
        if not table[requirement][0]
    )
