"""Whether GitHub would let a pull be merged: every rule in the way is named, and our own statuses are not in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, repeat

import pytest

from sandbox.model import Status
from server.domain.refs import PullRef
from server.domain.requirements import PullFacts
from tests.contract.forges.world import NAME, SandboxWorld

OWN = "thera/"
Act = Callable[[SandboxWorld, PullRef], object]


def facts_of(github: SandboxWorld, ref: PullRef) -> PullFacts:
    return github.forge.pull_facts(github.forge.get_pull(ref), own_statuses=OWN)


@dataclass(frozen=True)
class Protect:
    """Set the rules of the base branch, as classic protection or as a ruleset: they have to be judged alike."""

    approvals: int = 0
    contexts: tuple[str, ...] = ()
    strict: bool = False
    in_ruleset: bool = False

    def __call__(self, github: SandboxWorld, _: PullRef) -> None:
        github.server.forge.protect(NAME, "main", **asdict(self))


def protect(approvals: int = 0, contexts: Sequence[str] = (), *, strict: bool = False) -> Act:
    return Protect(approvals, tuple(contexts), strict)


@pytest.fixture(params=[False, True], ids=["classic", "ruleset"])
def in_ruleset(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def played(acts: Sequence[Act], github: SandboxWorld, ref: PullRef, *, in_ruleset: bool) -> None:
    for act in acts:
        (replace(act, in_ruleset=in_ruleset) if isinstance(act, Protect) else act)(github, ref)


def review(who: str, state: str) -> Act:
    return lambda github, ref: github.review(ref, who, state)


def dismissed(who: str, state: str = "APPROVED") -> Act:
    def act(github: SandboxWorld, ref: PullRef) -> None:
        github.server.forge.dismiss_review(NAME, ref.number, github.review(ref, who, state), "cat")

    return act


def approved_by_the_author(github: SandboxWorld, ref: PullRef) -> None:
    """Write down what GitHub refuses to take: were it ever there, it must not count."""
    review_id = github.review(ref, "bob", "APPROVED")
    pull = github.server.forge.pull(NAME, ref.number)
    next(one for one in pull.reviews if one.id == review_id).author = "ann"


def status(context: str, state: str) -> Act:
    def act(github: SandboxWorld, ref: PullRef) -> None:
        made = Status(id=1, context=context, state=state, description="", target_url="https://ci.test", author="cat")
        github.server.forge.set_status(NAME, github.forge.get_pull(ref).head_sha, made)

    return act


def base_moves(github: SandboxWorld, ref: PullRef) -> None:
    github.move_base(ref)


def base_conflicts(github: SandboxWorld, ref: PullRef) -> None:
    github.conflict(ref)


APPROVAL: list[tuple[str, list[Act], str]] = [
    ("nobody", [], "nobody has approved it"),
    ("another", [review("bob", "APPROVED")], ""),
    ("the author", [approved_by_the_author], "nobody has approved it"),
    ("a comment", [review("bob", "COMMENTED")], "nobody has approved it"),
    ("changes requested", [review("bob", "CHANGES_REQUESTED")], "bob asked for changes"),
    ("one for, one against", [review("cat", "APPROVED"), review("bob", "CHANGES_REQUESTED")], "bob asked for changes"),
    ("changed to for", [review("bob", "CHANGES_REQUESTED"), review("bob", "APPROVED")], ""),
    ("changed to against", [review("bob", "APPROVED"), review("bob", "CHANGES_REQUESTED")], "bob asked for changes"),
    ("commented after", [review("bob", "APPROVED"), review("bob", "COMMENTED")], ""),
    ("dismissed", [dismissed("bob")], "nobody has approved it"),
    ("against, dismissed", [review("cat", "APPROVED"), dismissed("bob", "CHANGES_REQUESTED")], ""),
    ("one of two", [protect(2), review("bob", "APPROVED")], "it has 1 of 2 approvals"),
    ("twice the same", [protect(2), review("bob", "APPROVED"), review("bob", "APPROVED")], "it has 1 of 2 approvals"),
    ("two of two", [protect(2), review("bob", "APPROVED"), review("cat", "APPROVED")], ""),
]


@pytest.mark.parametrize(("acts", "reason"), [case[1:] for case in APPROVAL], ids=[case[0] for case in APPROVAL])
def test_approval(github: SandboxWorld, acts: list[Act], reason: str, in_ruleset: bool) -> None:  # noqa: FBT001
    ref = github.open_pull()
    played(acts, github, ref, in_ruleset=in_ruleset)
    facts = facts_of(github, ref)
    assert (facts.approved, facts.approved_reason) == (not reason, reason)


MERGEABLE: list[tuple[str, list[Act], str]] = [
    ("no rules", [], ""),
    ("no rules, changes requested", [review("bob", "CHANGES_REQUESTED")], ""),
    ("no rules, a failing check", [status("ci", "failure")], ""),
    ("conflict", [base_conflicts], "it conflicts with its base branch"),
    ("approvals missing", [protect(1)], "nobody has approved it"),
    ("approvals there", [protect(1), review("bob", "APPROVED")], ""),
    ("approvals and a no", [protect(1), review("cat", "APPROVED"), review("bob", "CHANGES_REQUESTED")], "bob asked"),
    ("check missing", [protect(contexts=["ci"])], "the required check 'ci' has not reported"),
    ("check failing", [protect(contexts=["ci"]), status("ci", "failure")], "the required check 'ci' is failure"),
    ("check running", [protect(contexts=["ci"]), status("ci", "pending")], "the required check 'ci' is pending"),
    ("check green", [protect(contexts=["ci"]), status("ci", "success")], ""),
    ("green again", [protect(contexts=["ci"]), status("ci", "failure"), status("ci", "success")], ""),
    ("only ours missing", [protect(contexts=["thera/apply"])], ""),
    ("only ours failing", [protect(contexts=["thera/apply"]), status("thera/apply", "failure")], ""),
    ("ours, and another", [protect(contexts=["thera/apply", "ci"]), status("ci", "success")], ""),
    ("ours, another missing", [protect(contexts=["thera/apply", "ci"])], "the required check 'ci' has not reported"),
    ("ours, approvals missing", [protect(1, ["thera/apply"])], "nobody has approved it"),
    ("ours, approvals there", [protect(1, ["thera/apply"]), review("bob", "APPROVED")], ""),
    ("not quite ours", [protect(contexts=["thera-ci"])], "the required check 'thera-ci' has not reported"),
    ("behind", [base_moves], ""),
    ("behind, and strict", [protect(contexts=["thera/apply"], strict=True), base_moves], "its branch is behind"),
    ("strict, not behind", [protect(contexts=["thera/apply"], strict=True)], ""),
]


@pytest.mark.parametrize(("acts", "reason"), [case[1:] for case in MERGEABLE], ids=[case[0] for case in MERGEABLE])
def test_mergeability(github: SandboxWorld, acts: list[Act], reason: str, in_ruleset: bool) -> None:  # noqa: FBT001
    ref = github.open_pull()
    played(acts, github, ref, in_ruleset=in_ruleset)
    facts = facts_of(github, ref)
    assert facts.mergeable is not bool(reason), facts
    assert facts.mergeable_reason.startswith(reason)
    assert bool(facts.mergeable_reason) == bool(reason)


def test_a_draft_is_not_mergeable(github: SandboxWorld) -> None:
    facts = facts_of(github, github.open_pull(draft=True))
    assert (facts.mergeable, facts.mergeable_reason) == (False, "it is a draft")


def test_divergence_is_counted(github: SandboxWorld) -> None:
    ref = github.open_pull()
    for _ in range(2):
        github.server.forge.commit(NAME, "main", {"other.tf": "more\n"})
    facts = facts_of(github, ref)
    assert (facts.undiverged, facts.undiverged_reason) == (False, "`main` is 2 commits ahead")


@pytest.fixture
def computing(github: SandboxWorld, monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterator[str]], None]:
    """Have GitHub answer one state after the other while it computes."""
    monkeypatch.setattr("server.forges.github._LOOKS", 2)

    def begin(states: Iterator[str]) -> None:
        monkeypatch.setattr(github.server.forge, "mergeable_state", lambda *_: next(states))

    return begin


def test_what_github_never_computes_is_not_a_yes(
    github: SandboxWorld, computing: Callable[[Iterator[str]], None]
) -> None:
    ref = github.open_pull()
    computing(repeat("unknown"))
    facts = facts_of(github, ref)
    assert (facts.mergeable, facts.mergeable_reason) == (
        False,
        "GitHub is still computing whether it can be merged",
    )


def test_what_github_computes_late_is_waited_for(
    github: SandboxWorld, computing: Callable[[Iterator[str]], None]
) -> None:
    ref = github.open_pull()
    computing(chain(["unknown", "unknown"], repeat("clean")))
    assert facts_of(github, ref).mergeable
