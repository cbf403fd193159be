"""Policies: what plans are checked by, who may let one pass, and where they are checked at all."""

from typing import Any

import pytest
from pydantic import ValidationError

from server.config.policies import Policies, PoliciesEntry, PolicyRule, policies_of
from server.config.server_file import ServerFile, policy_for
from server.domain.refs import RepoRef
from server.domain.requirements import PullFacts, Requirement, unmet
from workers.protocol.jobs import GitSource, PolicySet

REPO = RepoRef("git.test", "acme/infra")
SET = {"name": "s", "path": "/p"}


def policies(*sets: dict[str, Any], **top: Any) -> Policies:
    return policies_of(PoliciesEntry.model_validate({"policy_sets": [SET | one for one in sets], **top}))


def rule(own: dict[str, Any] | None = None, **top: Any) -> PolicyRule:
    return policies(own or {}, **top).rules[0]


def test_a_set_without_more_ado() -> None:
    assert policies({}) == Policies(rules=(PolicyRule(work=PolicySet(name="s", path="/p")),))
    assert (policies().engine, policies().conftest_version) == ("auto", None)
    assert policies_of(None) == Policies()


@pytest.mark.parametrize(
    ("top", "own", "count"),
    [
        pytest.param({}, {}, 1, id="one approval is enough"),
        pytest.param({"approve_count": 3}, {}, 3, id="as for all sets"),
        pytest.param({"approve_count": 3}, {"approve_count": 2}, 2, id="a set's own number"),
        pytest.param({"approve_count": 3}, {"approve_count": 0}, 3, id="zero is as for all sets"),
        pytest.param({"approve_count": 3}, {"approve_count": -1}, 3, id="so is less than that"),
        pytest.param({"approve_count": 0}, {}, 1, id="zero for all sets is one"),
    ],
)
def test_a_set_needs_a_number_of_approvals(top: dict[str, Any], own: dict[str, Any], count: int) -> None:
    assert rule(own, **top).approve_count == count


def test_owners_of_all_sets_and_of_this_one_may_approve() -> None:
    found = rule({"owners": {"users": ["bob"], "teams": ["x/b"]}}, owners={"users": ["ann"], "teams": ["x/a"]})

    assert (found.users, found.teams) == (frozenset({"ann", "bob"}), frozenset({"x/a", "x/b"}))


@pytest.mark.parametrize(
    ("key", "attribute", "top", "own", "default"),
    [
        ("sticky_policy_approvals", "sticky", True, False, False),
        ("policy_item_regex", "item_regex", "a", "b", "(?s).+"),
    ],
)
def test_a_set_inherits_what_it_does_not_say(key: str, attribute: str, top: Any, own: Any, default: Any) -> None:
    assert getattr(rule(), attribute) == default
    assert getattr(rule(**{key: top}), attribute) == top
    assert getattr(rule({key: own}, **{key: top}), attribute) == own


def test_self_approval_is_prevented_where_it_is_said() -> None:
    assert not rule().prevent_self_approve
    assert rule({"prevent_self_approve": True}).prevent_self_approve


@pytest.mark.parametrize("source", ["git", "forgehub"])
def test_a_set_may_lie_in_a_repository(source: str) -> None:
    given = {"source": source, "path": "aws", "repository": "git.test/acme/policies"}

    assert rule(given).work.source == GitSource(
        host="git.test", repo="acme/policies", clone_url="https://git.test/acme/policies.git", ref="main"
    )
    named = rule(given | {"ref": "v1"}).work.source
    assert named is not None
    assert named.ref == "v1"


def test_a_set_may_be_in_the_code_if_the_operator_says_so() -> None:
    assert rule({"path": "policies", "from_checkout": True}).work == PolicySet(
        name="s", path="policies", from_checkout=True
    )


def test_a_verdict_without_a_set_is_held_to_what_holds_for_all() -> None:
    found = policies({}, approve_count=2, owners={"users": ["ann"]}).of("Custom")

    assert (found.name, found.approve_count, found.users) == ("Custom", 2, frozenset({"ann"}))
    assert policies({}).of("s").work.path == "/p"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"path": "policies"}, "a branch could change what it is judged by", id="a path in the code"),
        pytest.param({"source": "git"}, "`source: git` needs `repository`", id="a repository without a name"),
        pytest.param(
            {"source": "lcoal"}, "for a folder on the workers it is `source: local`", id="a source misspelled"
        ),
        pytest.param({"repository": "a/b/c"}, "`repository` and `ref` need `source: git`", id="a repository not meant"),
        pytest.param({"ref": "x"}, "`repository` and `ref` need `source: git`", id="a ref of nothing"),
        pytest.param(
            {"source": "git", "repository": "acme/x"}, "write it as host/owner/name", id="a repository of no host"
        ),
        pytest.param(
            {"source": "git", "repository": "https://git.test/acme/x"}, "write it as host/owner/name", id="an address"
        ),
        pytest.param(
            {"source": "git", "repository": "a/b/c", "from_checkout": True},
            "`from_checkout` is for `source: local`",
            id="of both",
        ),
        pytest.param({"policy_item_regex": "("}, "not a regular expression", id="items that are no expression"),
        pytest.param({"name": ""}, "at least 1 character", id="a set without a name"),
    ],
)
def test_a_set_that_cannot_be_judged_is_a_mistake(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        policies(given)

    assert message in str(caught.value)


def test_two_sets_have_two_names() -> None:
    with pytest.raises(ValidationError, match="two or more policy sets are named 's'"):
        policies({}, {})


ON = {"policies": {"policy_sets": [SET]}}


@pytest.mark.parametrize(
    ("top", "entries", "checked"),
    [
        pytest.param({}, [], False, id="without policies nothing is checked"),
        pytest.param(ON, [], True, id="with policies everything is checked"),
        pytest.param(ON, [{"policy_check": False}], False, id="unless the operator says otherwise"),
        pytest.param(ON, [{"policy_check": False}, {"policy_check": True}], True, id="and then the last word counts"),
        pytest.param({}, [{"custom_policy_check": True}], True, id="a tool of the operator's own is asked, too"),
    ],
)
def test_plans_are_checked_where_there_is_something_to_check_by(
    top: dict[str, Any], entries: list[dict[str, Any]], *, checked: bool
) -> None:
    file = ServerFile.model_validate({**top, "repos": [{"id": "/.*/"} | one for one in entries]})
    found = policy_for(file, REPO)

    assert found.policy_check is checked
    assert (Requirement.POLICIES_PASSED in found.apply_requirements) is checked


@pytest.mark.parametrize(
    ("entries", "requirements"),
    [
        pytest.param([], ["policies_passed"], id="it is required without a word"),
        pytest.param([{"apply_requirements": ["approved"]}], ["approved", "policies_passed"], id="beside the others"),
        pytest.param(
            [{"apply_requirements": ["policies_passed", "approved"]}], ["approved", "policies_passed"], id="and once"
        ),
        pytest.param(
            [{"apply_requirements": ["approved"]}, {}],
            ["approved", "policies_passed"],
            id="no entry wipes the others out",
        ),
        pytest.param(
            [{"apply_requirements": ["policies_passed"]}, {"policy_check": False}],
            [],
            id="what is not checked is not required",
        ),
    ],
)
def test_where_plans_are_checked_they_have_to_pass(entries: list[dict[str, Any]], requirements: list[str]) -> None:
    file = ServerFile.model_validate({**ON, "repos": [{"id": "/.*/"} | one for one in entries]})

    assert [one.value for one in policy_for(file, REPO).apply_requirements] == requirements


GRANTED = PullFacts(approved=True, mergeable=True, undiverged=True)


def test_policies_that_nobody_has_asked_do_not_pass() -> None:
    (missing,) = unmet([Requirement.POLICIES_PASSED], GRANTED)

    assert missing.reason == "this plan has not been checked by the policies"


def test_policies_pass_or_say_why_not() -> None:
    assert unmet([Requirement.POLICIES_PASSED], GRANTED, policies=None) == ()
    (missing,) = unmet([Requirement.POLICIES_PASSED], GRANTED, policies="`buckets` needs 1 more approval")
    assert missing.reason == "`buckets` needs 1 more approval"


def test_every_requirement_that_does_not_hold_is_listed_in_order() -> None:
    nothing = PullFacts(approved=False, mergeable=False, undiverged=False)

    assert [one.requirement for one in unmet(list(Requirement), nothing)] == list(Requirement)
    assert unmet(list(Requirement), GRANTED, policies=None) == ()
