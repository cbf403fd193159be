"""Whether GitHub would let a pull be merged, our own statuses aside; judged from its rules, as pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_GOOD = frozenset({"success", "neutral", "skipped"})


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a base branch demands, from classic protection and rulesets together."""

    contexts: frozenset[str] = frozenset()
    approvals: int = 0
    up_to_date: bool = False
    resolved_conversations: bool = False


@dataclass(frozen=True, kw_only=True)
class Review:
    """One submitted review."""

    author: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What GitHub says of a pull now. `checks` maps each status or check to its state."""

    state: str
    draft: bool
    author: str
    reviews: Sequence[Review] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    behind: int = 0


def latest_reviews(reviews: Iterable[Review], *, author: str) -> dict[str, str]:
    """Keep each reviewer's last word; comments change nothing, and nobody reviews their own pull."""
    latest: dict[str, str] = {}
    for review in reviews:
        if review.author.lower() != author.lower() and review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            latest[review.author.lower()] = review.state
    return latest


def approval(situation: Situation, rules: Rules) -> tuple[bool, str]:
    """Say whether a pull is approved, and if not, why, in a half sentence."""
    latest = latest_reviews(situation.reviews, author=situation.author)
    asking = sorted(who for who, state in latest.items() if state == "CHANGES_REQUESTED")
    if asking:
        return False, f"{asking[0]} asked for changes"
    given = sum(state == "APPROVED" for state in latest.values())
    wanted = max(rules.approvals, 1)
    if given >= wanted:
        return True, ""
    if wanted == 1:
        return False, "nobody has approved it"
    return False, f"it has {given} of {wanted} approvals"


def mergeability(situation: Situation, rules: Rules, *, own_statuses: str) -> tuple[bool, str]:
    """Say whether GitHub would merge it if our own statuses were green, and if not, which rule is in the way."""
    if situation.draft:
        return False, "it is a draft"
    if situation.state == "dirty":
        return False, "it conflicts with its base branch"
    if situation.state == "unknown":
        return False, "GitHub is still computing whether it can be merged"
    if situation.state == "behind" or (rules.up_to_date and situation.behind):
        return False, "its branch is behind the base branch, and the rules want it up to date"
    if situation.state in {"clean", "has_hooks", "unstable"}:
        return True, ""
    return _blocked(situation, rules, own_statuses)


def _blocked(situation: Situation, rules: Rules, own_statuses: str) -> tuple[bool, str]:
    foreign = sorted(context for context in rules.contexts if not context.startswith(own_statuses))
    for context in foreign:
        state = situation.checks.get(context)
        if state is None:
            return False, f"the required check {context!r} has not reported"
        if state not in _GOOD:
            return False, f"the required check {context!r} is {state}"
    approved, reason = approval(situation, rules)
    if rules.approvals and not approved:
        return False, reason
    if foreign != sorted(rules.contexts):
        return True, ""  # nothing but our own statuses stood in the way
    return False, "a branch protection rule blocks it that Thera cannot see; look at the merge box"
