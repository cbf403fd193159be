"""When a policy set stands in the way of an apply, and what an approval is worth."""

import pytest

from server.domain.policy import PolicyApproval, PolicyStanding, are_cleared, carried_over


def refused(*items: str, needed: int = 1, approvals: tuple[PolicyApproval, ...] = ()) -> PolicyStanding:
    return PolicyStanding(name="costs", passed=False, needed=needed, items=items, approvals=approvals)


def approval(user: str, *items: str) -> PolicyApproval:
    return PolicyApproval(user=user, items=items)


PASSED = PolicyStanding(name="tags", passed=True)


def test_what_passed_needs_nobody() -> None:
    assert PASSED.is_cleared
    assert PASSED.missing == 0


def test_what_was_refused_waits_for_its_owners() -> None:
    one = refused("a", needed=2)
    assert (one.is_cleared, one.missing) == (False, 2)
    assert (one.approved_by("ann").is_cleared, one.approved_by("ann").missing) == (False, 1)
    assert one.approved_by("ann").approved_by("bob").is_cleared


def test_one_person_counts_once_however_they_spell_their_name() -> None:
    one = refused("a", needed=2).approved_by("ann").approved_by("Ann")
    assert (one.given, one.missing) == (1, 1)
    assert one.is_approved_by("ANN")


@pytest.mark.parametrize(
    ("given_for", "complaints", "counts"),
    [
        (("a",), ("a",), True),
        (("a", "b"), ("a",), True),  # something was put right since
        (("a",), ("a", "b"), False),  # something came up since
        (("a",), ("b",), False),
        ((), ("a",), False),
    ],
)
def test_an_approval_is_of_what_was_complained_of_then(
    given_for: tuple[str, ...],
    complaints: tuple[str, ...],
    counts: bool,  # noqa: FBT001
) -> None:
    assert refused(*complaints, approvals=(approval("ann", *given_for),)).is_cleared is counts


def test_a_new_check_forgets_approvals_unless_they_are_sticky() -> None:
    before = (refused("a", approvals=(approval("ann", "a"),)),)
    assert carried_over([refused("a")], before, sticky=())[0].approvals == ()
    assert carried_over([refused("a")], before, sticky={"costs"})[0].is_cleared
    assert not carried_over([refused("a", "b")], before, sticky={"costs"})[0].is_cleared


def test_approvals_that_the_check_brings_along_count_for_nothing() -> None:
    forged = refused("a", approvals=(approval("mallory", "a"),))
    assert carried_over([forged], [], sticky={"costs"})[0].approvals == ()


def test_that_nothing_was_checked_clears_nothing() -> None:
    assert not are_cleared([])
    assert are_cleared([PASSED])
    assert not are_cleared([PASSED, refused("a")])


def test_taking_approvals_back_leaves_none() -> None:
    assert not refused("a").approved_by("ann").cleared_of_approvals().is_cleared
