"""What policies say of a project's plan, and what it takes to let one pass that they refused.

The rules are those of Atlantis (its documentation, conftest policy checking): each set needs a number of approvals by
its owners; sticky approvals outlive a new check as long as they cover all that is complained of.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class PolicyApproval:
    """One person's approval of a set; `items` are the digests of the complaints it was given for."""

    user: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PolicyStanding:
    """Where one policy set stands with a plan.

    `items` are the digests of what the set complains of, `needed` how many approvals let it pass. `error` is why it
    could not be judged: then it did not pass, and approvals can let it pass as well.
    """

    name: str
    passed: bool
    needed: int = 1
    failures: int = 0
    warnings: int = 0
    error: str = ""
    items: tuple[str, ...] = ()
    approvals: tuple[PolicyApproval, ...] = ()

    @property
    def given(self) -> int:
        """Count the approvals that cover everything the set complains of now."""
        return sum(set(self.items) <= set(approval.items) for approval in self.approvals)

    @property
    def is_cleared(self) -> bool:
        """Say whether the set does not stand in the way of an apply."""
        return self.passed or self.given >= self.needed

    @property
    def missing(self) -> int:
        """Count the approvals that it still takes."""
        return 0 if self.is_cleared else self.needed - self.given

    def approved_by(self, user: str) -> "PolicyStanding":
        """Add somebody's approval of what is complained of now; an older one of theirs is replaced."""
        others = tuple(approval for approval in self.approvals if approval.user.lower() != user.lower())
        return replace(self, approvals=(*others, PolicyApproval(user=user, items=self.items)))

    def is_approved_by(self, user: str) -> bool:
        """Say whether somebody has approved all that is complained of now."""
        return any(
            approval.user.lower() == user.lower() and set(self.items) <= set(approval.items)
            for approval in self.approvals
        )

    def cleared_of_approvals(self) -> "PolicyStanding":
        """Take every approval back."""
        return replace(self, approvals=())


def carried_over(
    fresh: Sequence[PolicyStanding], before: Sequence[PolicyStanding], *, sticky: Collection[str]
) -> tuple[PolicyStanding, ...]:
    """Give the sets of a new check the approvals that outlive it; `sticky` names the sets whose approvals do."""
    kept = {one.name: one.approvals for one in before if one.name in sticky}
    return tuple(replace(one, approvals=kept.get(one.name, ())) for one in fresh)


def are_cleared(policies: Sequence[PolicyStanding]) -> bool:
    """Say whether no set stands in the way; that nothing was checked clears nothing."""
    return bool(policies) and all(one.is_cleared for one in policies)
