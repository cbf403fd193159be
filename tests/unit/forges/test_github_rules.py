"""`mergeable` is GitHub's own answer were our statuses green: never a false yes, and every no says why."""

import pytest

from server.forges.github_protection import rules_of
from server.forges.github_rules import Check, RequiredCheck, Review, Rules, Situation, approval, mergeability

OWN = "thera/"
OURS = RequiredCheck(context="thera/apply")
CI = RequiredCheck(context="ci")
APPROVED = Review(author="bob", state="APPROVED")


def blocked(**more: object) -> Situation:
    facts: dict[str, object] = {"state": "blocked", "draft": False, "author": "ann", "writers": frozenset({"bob"})}
    return Situation(**(facts | more))  # type: ignore[arg-type]


def rules(*checks: RequiredCheck, **more: object) -> Rules:
    return Rules(checks=frozenset(checks or (OURS,)), **more)  # type: ignore[arg-type]


CASES: dict[str, tuple[Situation, Rules, str]] = {
    "only ours is missing": (blocked(), rules(), ""),
    "ours is red, and nothing else is wanted": (
        blocked(checks=[Check(context="thera/apply", state="failure")]),
        rules(),
        "",
    ),
    "ours is green, so something else blocks": (
        blocked(checks=[Check(context="thera/apply", state="success")]),
        rules(),
        "a branch protection rule blocks it that Thera cannot see",
    ),
    "another check has not reported": (blocked(), rules(OURS, CI), "the required check 'ci' has not reported"),
    "one of two runs with the same name is red": (
        blocked(checks=[Check(context="ci", state="success"), Check(context="ci", state="failure")]),
        rules(OURS, CI),
        "the required check 'ci' is failure",
    ),
    "a check by the wrong app": (
        blocked(checks=[Check(context="ci", state="success", app_id=7)]),
        rules(OURS, RequiredCheck(context="ci", app_id=8)),
        "the required check 'ci' has reported, but not from GitHub App 8",
    ),
    "a check by the right app": (
        blocked(checks=[Check(context="ci", state="success", app_id=8)]),
        rules(OURS, RequiredCheck(context="ci", app_id=8)),
        "",
    ),
    "a skipped check counts": (blocked(checks=[Check(context="ci", state="skipped")]), rules(OURS, CI), ""),
    "code owners have approved": (
        blocked(reviews=[APPROVED], decision="APPROVED"),
        rules(reviews=True, exact_reviews=True),
        "",
    ),
    "code owners have not approved": (
        blocked(reviews=[APPROVED], decision="REVIEW_REQUIRED"),
        rules(reviews=True, exact_reviews=True),
        "a review is missing that the rules want",
    ),
    "code owners, and GitHub does not say": (
        blocked(reviews=[APPROVED]),
        rules(reviews=True, exact_reviews=True),
        "the rules want certain reviewers, and GitHub does not say",
    ),
    "changes requested, although no number is wanted": (
        blocked(reviews=[Review(author="bob", state="CHANGES_REQUESTED")]),
        rules(reviews=True),
        "bob asked for changes",
    ),
    "changes requested by a stranger": (
        blocked(reviews=[Review(author="eve", state="CHANGES_REQUESTED")]),
        rules(reviews=True),
        "",
    ),
    "an approval by a stranger": (
        blocked(reviews=[Review(author="eve", state="APPROVED")]),
        rules(reviews=True, approvals=1),
        "eve approved it, but may not write",
    ),
    "an open conversation": (
        blocked(unresolved=True),
        rules(resolved_conversations=True),
        "a conversation is not resolved",
    ),
    "no open conversation": (blocked(unresolved=False), rules(resolved_conversations=True), ""),
    "conversations nobody can see": (blocked(), rules(resolved_conversations=True), "the rules want conversations"),
    "a rule of a new kind": (blocked(), rules(unjudged=frozenset({"workflows"})), "the rule 'workflows' may block it"),
    "rules the token may not read": (blocked(), rules(hidden="the token may not read"), "the token may not read"),
    "no rule at all": (blocked(), Rules(), "a branch protection rule blocks it that Thera cannot see"),
}


@pytest.mark.parametrize(("situation", "wanted", "reason"), CASES.values(), ids=CASES)
def test_a_blocked_pull_is_mergeable_only_if_nothing_but_our_status_blocks_it(
    situation: Situation, wanted: Rules, reason: str
) -> None:
    mergeable, said = mergeability(situation, wanted, own_statuses=OWN)
    assert mergeable is not bool(reason)
    assert said.startswith(reason)
    assert bool(said) == bool(reason)


@pytest.mark.parametrize(("state", "mergeable"), [("clean", True), ("unstable", True), ("unknown", False)])
def test_what_github_does_not_know_is_not_a_yes(state: str, *, mergeable: bool) -> None:
    assert mergeability(blocked(state=state), Rules(), own_statuses=OWN)[0] is mergeable


def test_the_authors_own_approval_does_not_count() -> None:
    own = blocked(reviews=[Review(author="Ann", state="APPROVED")], writers=frozenset({"ann"}))
    assert approval(own, Rules()) == (False, "nobody has approved it")


def test_classic_protection_and_rulesets_are_added_up() -> None:
    found = rules_of(
        {
            "required_status_checks": {"strict": True, "contexts": ["old"], "checks": [{"context": "a", "app_id": -1}]},
            "required_pull_request_reviews": {"required_approving_review_count": 1},
            "required_conversation_resolution": {"enabled": True},
        },
        [
            {"type": "pull_request", "parameters": {"required_approving_review_count": 2}},
            {
                "type": "required_status_checks",
                "parameters": {"required_status_checks": [{"context": "b", "integration_id": 5}]},
            },
            {"type": "deletion"},
            {"type": "workflows", "parameters": {}},
        ],
    )
    assert found.checks == {
        RequiredCheck(context="old"),
        RequiredCheck(context="a"),
        RequiredCheck(context="b", app_id=5),
    }
    assert (found.approvals, found.up_to_date, found.resolved_conversations) == (2, True, True)
    assert found.unjudged == {"workflows"}


@pytest.mark.parametrize(("named", "mergeable"), [(OWN, False), ((OWN, "atlantis/"), True)])
def test_a_neighbours_required_status_is_left_aside_where_it_is_named(
    named: str | tuple[str, ...], *, mergeable: bool
) -> None:
    wanted = rules(OURS, RequiredCheck(context="atlantis/apply"))

    assert mergeability(blocked(), wanted, own_statuses=named)[0] is mergeable
