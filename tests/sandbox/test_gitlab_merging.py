"""A merge request can be merged when GitLab would merge it, and says why it cannot."""

import pytest
from gitlab.exceptions import GitlabAuthenticationError, GitlabError

from sandbox.gitlab.pipelines import add_pipeline
from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME
from tests.sandbox.gitlab_lab import Lab


@pytest.fixture
def lab(server: SandboxServer) -> Lab:
    return Lab(server)


def status(lab: Lab) -> str:
    return str(lab.pull(1).detailed_merge_status)


def post(lab: Lab, state: str) -> None:
    sha = lab.server.forge.pull(NAME, 1).head_sha
    lab.project().commits.get(sha).statuses.create({"state": state, "name": "ci", "ref": "change"})


def refused(lab: Lab, **asked: object) -> int:
    return lab.ask("PUT", "/merge_requests/1/merge", asked).status_code


def test_a_merge_request_is_merged(lab: Lab) -> None:
    lab.opened()
    pull = lab.pull(1)
    merged = pull.merge(sha=pull.sha, merge_commit_message="As I say")
    assert isinstance(merged, dict)
    assert (merged["state"], merged["merge_user"]["username"]) == ("merged", "ann")
    assert lab.project().commits.get("main").message == "As I say"
    assert lab.project().commits.get("main").id == merged["merge_commit_sha"]
    assert status(lab) == "not_open"
    assert refused(lab) == 405


def test_commits_are_squashed_if_that_is_wished(lab: Lab) -> None:
    lab.opened()
    lab.server.forge.commit(NAME, "change", {"new.tf": "new\n"})
    merged = lab.pull(1).merge(squash=True)
    assert isinstance(merged, dict)
    squashed = lab.project().commits.get(merged["squash_commit_sha"])
    assert squashed.title == "A change"
    assert lab.project().commits.get("main").parent_ids[1] == squashed.id
    assert lab.server.forge.repo(NAME).git.read("main", "new.tf") == b"new\n"


def test_the_branch_is_removed_if_that_is_wished(lab: Lab) -> None:
    lab.opened()
    lab.pull(1).merge(should_remove_source_branch=True)
    assert lab.ask("GET", "/repository/branches/change").status_code == 404


def test_another_head_is_not_merged(lab: Lab) -> None:
    lab.opened()
    answer = lab.ask("PUT", "/merge_requests/1/merge", {"sha": "0" * 40})
    words = f"SHA does not match HEAD of source branch: {lab.pull(1).sha}"
    assert (answer.status_code, answer.json()) == (409, {"message": words})


def test_a_reporter_may_not_merge(lab: Lab) -> None:
    lab.opened()
    lab.server.forge.permit(NAME, "acme", "read")
    with pytest.raises(GitlabAuthenticationError) as raised:
        lab.pull(1, "acme").merge()
    assert raised.value.response_code == 401
    assert lab.pull(1, "acme").user["can_merge"] is False


def test_a_draft_is_not_merged(lab: Lab) -> None:
    lab.opened()
    lab.server.forge.change_pull(NAME, 1, "ann", draft=True)
    assert (status(lab), refused(lab)) == ("draft_status", 405)


def test_conflicts_are_in_the_way(lab: Lab) -> None:
    lab.opened()
    lab.server.forge.commit(NAME, "main", {"main.tf": "otherwise\n"})
    found = lab.pull(1)
    assert (found.detailed_merge_status, found.merge_status, found.has_conflicts) == (
        "conflict",
        "cannot_be_merged",
        True,
    )
    assert refused(lab) == 405


def test_a_pipeline_has_to_succeed_where_the_project_says_so(lab: Lab) -> None:
    lab.opened()
    lab.server.gitlab.settings(NAME).only_allow_merge_if_pipeline_succeeds = True
    assert (status(lab), refused(lab)) == ("ci_must_pass", 405)
    post(lab, "running")
    assert (status(lab), refused(lab)) == ("ci_still_running", 405)
    post(lab, "failed")
    assert status(lab) == "ci_must_pass"
    post(lab, "success")
    assert status(lab) == "mergeable"


def test_threads_have_to_be_resolved_where_the_project_says_so(lab: Lab) -> None:
    lab.opened()
    lab.server.gitlab.settings(NAME).only_allow_merge_if_all_discussions_are_resolved = True
    thread = lab.pull(1).discussions.create({"body": "why?"})
    assert (status(lab), refused(lab)) == ("discussions_not_resolved", 405)
    thread.resolved = True
    thread.save()
    assert status(lab) == "mergeable"


def test_approvals_are_counted(lab: Lab) -> None:
    lab.server.forge.protect(NAME, "main", approvals=1)
    lab.opened()
    assert (status(lab), refused(lab)) == ("not_approved", 405)
    assert lab.pull(1).approvals.get().approvals_left == 1
    lab.pull(1, "bob").approve()
    found = lab.pull(1, "bob").approvals.get()
    assert (found.approvals_left, found.user_has_approved) == (0, True)
    assert [one["user"]["username"] for one in found.approved_by] == ["bob"]
    assert status(lab) == "mergeable"
    lab.pull(1, "bob").unapprove()
    assert status(lab) == "not_approved"
    assert lab.ask("POST", "/merge_requests/1/unapprove", who="bob").status_code == 404


def test_authors_approve_only_where_the_project_lets_them(lab: Lab) -> None:
    lab.opened()
    assert lab.ask("POST", "/merge_requests/1/approve").status_code == 401
    lab.server.gitlab.settings(NAME).merge_requests_author_approval = True
    assert lab.ask("POST", "/merge_requests/1/approve").status_code == 201
    assert lab.ask("POST", "/merge_requests/1/approve").status_code == 401


def test_an_approval_is_of_the_head_that_was_seen(lab: Lab) -> None:
    lab.opened()
    with pytest.raises(GitlabError) as raised:
        lab.pull(1, "bob").approve(sha="0" * 40)
    assert raised.value.response_code == 409


def test_a_rule_asks_for_certain_people(lab: Lab) -> None:
    lab.server.gitlab.add_rule(NAME, "Security", 1, approvers=["bob"])
    lab.opened()
    lab.server.forge.create_user("cid")
    lab.server.forge.permit(NAME, "cid", "write")
    lab.pull(1, "cid").approve()
    assert status(lab) == "not_approved"
    (rule,) = lab.read("/merge_requests/1/approval_state")["rules"]
    assert (rule["name"], rule["rule_type"], rule["approved"]) == ("Security", "regular", False)
    lab.pull(1, "bob").approve()
    assert status(lab) == "mergeable"


def test_somebody_who_asks_for_changes_is_in_the_way(lab: Lab) -> None:
    lab.opened()
    lab.server.forge.review(NAME, 1, "bob", "CHANGES_REQUESTED")
    assert status(lab) == "requested_changes"


def test_approvals_are_gone_after_a_push_where_the_project_says_so(lab: Lab) -> None:
    lab.opened()
    lab.server.gitlab.settings(NAME).reset_approvals_on_push = True
    lab.pull(1, "bob").approve()
    lab.server.forge.commit(NAME, "change", {"main.tf": "three\n"})
    assert lab.pull(1).approvals.get().approved_by == []


def test_a_branch_has_to_be_up_to_date_where_the_method_is_to_rebase(lab: Lab) -> None:
    lab.opened()
    lab.server.gitlab.settings(NAME).merge_method = "rebase_merge"
    assert status(lab) == "mergeable"
    lab.server.forge.commit(NAME, "main", {"other.tf": "two\n"})
    assert (status(lab), refused(lab)) == ("need_rebase", 405)


def test_the_merge_check_takes_its_time_after_a_push_if_a_test_wants_it(lab: Lab) -> None:
    lab.server.gitlab.unsettled = ("unchecked", "checking")
    lab.opened()
    assert [status(lab) for _ in range(3)] == ["unchecked", "checking", "mergeable"]
    lab.server.forge.commit(NAME, "change", {"main.tf": "three\n"})
    (listed,) = lab.read("/merge_requests")
    assert (listed["merge_status"], listed["has_conflicts"]) == ("unchecked", False)
    assert [status(lab) for _ in range(3)] == ["unchecked", "checking", "mergeable"]


def test_a_merge_waits_for_its_pipeline_if_that_is_wished(lab: Lab) -> None:
    lab.opened()
    post(lab, "running")
    answer = lab.ask("PUT", "/merge_requests/1/merge", {"auto_merge": True}).json()
    assert (answer["state"], answer["merge_when_pipeline_succeeds"]) == ("opened", True)
    post(lab, "success")
    found = lab.pull(1)
    assert (found.state, found.merge_user["username"]) == ("merged", "ann")


def test_a_merge_that_waits_is_called_off(lab: Lab) -> None:
    lab.opened()
    post(lab, "running")
    lab.pull(1).merge(merge_when_pipeline_succeeds=True)
    lab.pull(1).cancel_merge_when_pipeline_succeeds()
    post(lab, "success")
    assert lab.pull(1).state == "opened"


def test_a_push_ends_the_waiting(lab: Lab) -> None:
    lab.opened()
    post(lab, "running")
    lab.pull(1).merge(merge_when_pipeline_succeeds=True)
    lab.server.forge.commit(NAME, "change", {"main.tf": "three\n"})
    add_pipeline(lab.server.gitlab, lab.server.forge.repo(NAME), lab.pull(1).sha, "change", "ann")
    post(lab, "success")
    assert lab.pull(1).state == "opened"
