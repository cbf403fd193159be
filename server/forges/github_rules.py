"""Whether GitHub would let a pull be merged, our own statuses aside; judged from its rules, as pure functions.

What cannot be judged is never a "yes": the reason then says what Thera could not see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_GOOD = frozenset({"success", "neutral", "skipped"})
_LOOK = "look at the merge box"


@dataclass(frozen=True, kw_only=True, order=True)
class RequiredCheck:
    """A status or check that has to be green; with `app_id`, only what that GitHub App says counts."""

    context: str
    app_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a base branch demands, from classic protection and rulesets together.

    `reviews` are wanted by a rule, be their number 0. `exact_reviews` means that counting approvals is not enough:
    code owners, named teams, or somebody other than who pushed last. `unjudged` names rules that Thera does not know.
    `hidden` says in a half sentence what the token may not read.
    """

    checks: frozenset[RequiredCheck] = frozenset()
    approvals: int = 0
    reviews: bool = False
    exact_reviews: bool = False
    up_to_date: bool = False
    resolved_conversations: bool = False
    unjudged: frozenset[str] = frozenset()
    hidden: str = ""


@dataclass(frozen=True, kw_only=True)
class Review:
    """One submitted review."""

    author: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """One status or check run of a commit. `app_id` is known of check runs only."""

    context: str
    state: str
    app_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What GitHub says of a pull now.

    `writers` are the reviewers who may write, in small letters: GitHub counts nobody else's reviews.
    `decision` is GitHub's own word on reviews and `unresolved` on conversations; empty where it gave none.
    """

    state: str
    draft: bool
    author: str
    reviews: Sequence[Review] = ()
    writers: frozenset[str] = frozenset()
    checks: Sequence[Check] = ()
    behind: int = 0
    decision: str = ""
    unresolved: bool | None = None


def latest_reviews(reviews: Iterable[Review], *, author: str) -> dict[str, str]:
    """Keep each reviewer's last word; comments change nothing, and nobody reviews their own pull."""
    latest: dict[str, str] = {}
    for review in reviews:
        if review.author.lower() != author.lower() and review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            latest[review.author.lower()] = review.state
    return latest


def approval(situation: Situation, rules: Rules) -> tuple[bool, str]:
    """Say whether a pull is approved, and if not, why, in a half sentence."""
    asking = _asking_for_changes(situation)
    if asking:
        return False, asking
    latest = latest_reviews(situation.reviews, author=situation.author)
    approving = {who for who, state in latest.items() if state == "APPROVED"}
    given, wanted = len(approving & situation.writers), max(rules.approvals, 1)
    if given >= wanted:
        return True, ""
    if wanted > 1:
        return False, f"it has {given} of {wanted} approvals"
    if approving:
        return False, f"{min(approving)} approved it, but may not write to the repository"
    return False, "nobody has approved it"


def _asking_for_changes(situation: Situation) -> str:
    latest = latest_reviews(situation.reviews, author=situation.author)
    asking = {who for who, state in latest.items() if state == "CHANGES_REQUESTED"} & situation.writers
    return f"{min(asking)} asked for changes" if asking else ""


def mergeability(situation: Situation, rules: Rules, *, own_statuses: str | tuple[str, ...]) -> tuple[bool, str]:
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
    reason = _in_the_way(situation, rules, own_statuses)
    return not reason, reason


def _in_the_way(situation: Situation, rules: Rules, own_statuses: str | tuple[str, ...]) -> str:
    """Name what blocks a pull that GitHub calls blocked; empty where nothing but our own statuses can."""
    foreign = sorted(check for check in rules.checks if not check.context.startswith(own_statuses))
    red = (_why_red(check, situation.checks) for check in foreign)
    return (
        next((f"the required check {why}" for why in red if why), "")
        or _reviews_missing(situation, rules)
        or _conversations_open(situation, rules)
        or _not_seen(rules)
        or _not_ours(situation, rules, own_statuses)
    )


def _why_red(required: RequiredCheck, checks: Sequence[Check]) -> str:
    """Say why a required check is not green; where several have its name, all have to be."""
    named = [check for check in checks if check.context == required.context]
    counted = [check for check in named if required.app_id in {None, check.app_id}]
    if not named:
        return f"{required.context!r} has not reported"
    if not counted:
        return f"{required.context!r} has reported, but not from GitHub App {required.app_id}, as the rule wants"
    return next((f"{required.context!r} is {check.state}" for check in counted if check.state not in _GOOD), "")


def _reviews_missing(situation: Situation, rules: Rules) -> str:
    if rules.reviews and _asking_for_changes(situation):
        return _asking_for_changes(situation)
    approved, reason = approval(situation, rules)
    if rules.approvals and not approved:
        return reason
    if not rules.exact_reviews or situation.decision == "APPROVED":
        return ""
    if situation.decision == "REVIEW_REQUIRED":
        return "a review is missing that the rules want, of a code owner or of somebody who did not push last"
    return f"the rules want certain reviewers, and GitHub does not say that they have approved; {_LOOK}"


def _conversations_open(situation: Situation, rules: Rules) -> str:
    if not rules.resolved_conversations or situation.unresolved is False:
        return ""
    if situation.unresolved:
        return "a conversation is not resolved, and the rules want all of them to be"
    return f"the rules want conversations resolved, and GitHub does not say whether they are; {_LOOK}"


def _not_seen(rules: Rules) -> str:
    if rules.hidden:
        return rules.hidden
    if rules.unjudged:
        return f"the rule {min(rules.unjudged)!r} may block it, and Thera cannot judge that rule; {_LOOK}"
    return ""


def _not_ours(situation: Situation, rules: Rules, own_statuses: str | tuple[str, ...]) -> str:
    """Something blocks it: only while one of our own required statuses is not green may that be it."""
    ours = (check for check in rules.checks if check.context.startswith(own_statuses))
    if any(_why_red(check, situation.checks) for check in ours):
        return ""
    return f"a branch protection rule blocks it that Thera cannot see; {_LOOK}"
