"""python-gitlab finds in the sandbox what it would find in GitLab."""

import pytest
from gitlab import Gitlab
from gitlab.exceptions import GitlabCreateError, GitlabGetError, GitlabHttpError

from sandbox.gitlab.notes import NOTE_LIMIT
from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME
from tests.sandbox.gitlab_lab import Lab


@pytest.fixture
def lab(server: SandboxServer) -> Lab:
    return Lab(server)


def test_one_is_who_the_token_says(lab: Lab) -> None:
    client = lab.client()
    client.auth()
    assert client.user is not None
    assert client.user.username == "ann"
    assert client.version()[0].startswith("17.")


def test_a_person_is_found_by_name(lab: Lab) -> None:
    found = lab.client().users.list(username="BOB", iterator=True)
    assert [user.username for user in found] == ["bob"]
    assert list(lab.client().users.list(username="nobody", iterator=True)) == []


def test_a_project_is_found_by_number_and_by_path(lab: Lab) -> None:
    by_path = lab.project()
    assert lab.client().projects.get(by_path.id).path_with_namespace == NAME
    assert by_path.http_url_to_repo == f"{lab.server.gitlab_url}/{NAME}.git"


def test_a_project_in_a_subgroup_is_found_by_its_whole_path(lab: Lab) -> None:
    name = "acme/platform/network/infra"
    lab.server.forge.create_repo(name, {"main.tf": ""})
    lab.server.forge.permit(name, "ann", "write")
    assert lab.project(name=name).namespace["full_path"] == "acme/platform/network"


def test_a_path_that_is_not_encoded_leads_nowhere(lab: Lab) -> None:
    answer = lab.ask("GET", f"//projects/{NAME}")
    assert (answer.status_code, answer.json()) == (404, {"error": "404 Not Found"})


def test_settings_are_kept(lab: Lab) -> None:
    project = lab.project("bob")
    project.only_allow_merge_if_pipeline_succeeds = True
    project.approvals_before_merge = 2
    project.save()
    assert lab.project().only_allow_merge_if_pipeline_succeeds is True
    assert lab.project().approvals_before_merge == 2


def test_members_have_the_highest_of_their_levels(lab: Lab) -> None:
    lab.server.forge.create_user("cid")
    lab.server.gitlab.add_group_member("acme", "cid", 30)
    lab.server.gitlab.add_group_member("acme", "ann", 40)
    project = lab.project()
    levels = {member.username: member.access_level for member in project.members_all.list(iterator=True)}
    assert levels == {"ann": 40, "bob": 40, "cid": 30}
    assert project.members_all.get(lab.server.forge.users["cid"].id).access_level == 30
    with pytest.raises(GitlabGetError) as raised:
        project.members_all.get(lab.server.forge.users["acme"].id)
    assert raised.value.response_code == 404


def test_a_subgroup_has_the_members_of_its_parents(lab: Lab) -> None:
    lab.server.gitlab.add_group_member("acme", "ann", 20)
    lab.server.gitlab.add_group_member("acme/platform", "bob", 30)
    group = lab.client().groups.get("acme/platform")
    assert group.full_path == "acme/platform"
    levels = {member.username: member.access_level for member in group.members_all.list(iterator=True)}
    assert levels == {"ann": 20, "bob": 30}
    assert group.members_all.get(lab.server.forge.users["ann"].id).access_level == 20


def test_a_branch_with_a_slash_is_found(lab: Lab) -> None:
    sha = lab.server.forge.commit(NAME, "feature/x", {"main.tf": "two\n"})
    project = lab.project()
    assert project.branches.get("feature/x").commit["id"] == sha
    assert {branch.name for branch in project.branches.list(iterator=True)} == {"feature/x", "main"}
    with pytest.raises(GitlabGetError) as raised:
        project.branches.get("feature/y")
    assert raised.value.error_message == "404 Branch Not Found"


def test_a_commit_and_a_comparison_are_told(lab: Lab) -> None:
    forge = lab.server.forge
    first = forge.commit(NAME, "change", {"main.tf": "two\n"}, message="First\n\nIn two lines")
    second = forge.commit(NAME, "change", {"new.tf": "new\n"}, message="Second", delete=["other.tf"])
    project = lab.project()
    found = project.commits.get(second)
    assert (found.title, found.parent_ids) == ("Second", [first])
    compared = project.repository_compare("main", "change")
    assert isinstance(compared, dict)
    assert [one["title"] for one in compared["commits"]] == ["First", "Second"]
    assert {one["new_path"] for one in compared["diffs"]} == {"main.tf", "new.tf", "other.tf"}


def test_protected_branches_are_listed_and_changed(lab: Lab) -> None:
    project = lab.project("bob")
    project.protectedbranches.create({"name": "main"})
    assert [branch.name for branch in project.protectedbranches.list(iterator=True)] == ["main"]
    assert project.branches.get("main").protected
    project.protectedbranches.delete("main")
    assert not project.branches.get("main").protected


def test_a_merge_request_is_opened_changed_closed_and_reopened(lab: Lab) -> None:
    lab.server.forge.commit(NAME, "change", {"main.tf": "two\n"})
    made = lab.project().mergerequests.create(
        {"source_branch": "change", "target_branch": "main", "title": "Draft: A change", "labels": ["b", "a"]}
    )
    assert (made.iid, made.state, made.draft, made.title, made.labels) == (
        1,
        "opened",
        True,
        "Draft: A change",
        ["a", "b"],
    )
    made.title, made.labels = "Another", ["c"]
    made.save()
    made.state_event = "close"
    made.save()
    found = lab.pull(1)
    assert (found.state, found.draft, found.title, found.labels) == ("closed", False, "Another", ["c"])
    found.state_event = "reopen"
    found.save()
    assert lab.pull(1).state == "opened"
    assert found.references["full"] == f"{NAME}!1"
    assert found.web_url == f"{lab.server.gitlab_url}/{NAME}/-/merge_requests/1"


def test_the_same_branch_is_not_asked_for_twice(lab: Lab) -> None:
    lab.opened()
    asked = {"source_branch": "change", "target_branch": "main", "title": "Again"}
    with pytest.raises(GitlabCreateError) as raised:
        lab.project().mergerequests.create(asked)
    assert raised.value.response_code == 409


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"title": "x", "source_branch": "nothing", "target_branch": "main"}, 400),
        ({"title": "x", "source_branch": "main", "target_branch": "main"}, 422),
        ({"title": "x", "source_branch": "main"}, 400),
    ],
)
def test_a_merge_request_that_cannot_be_is_refused(lab: Lab, asked: dict[str, str], status: int) -> None:
    assert lab.ask("POST", "/merge_requests", asked).status_code == status


def test_merge_requests_are_listed_by_state_and_time(lab: Lab) -> None:
    first, second = lab.opened(branch="one"), lab.opened(branch="two")
    lab.server.forge.change_pull(NAME, first, "ann", state="closed")
    project = lab.project()
    assert [one.iid for one in project.mergerequests.list(state="opened", iterator=True)] == [second]
    assert [one.iid for one in project.mergerequests.list(state="all", sort="asc", iterator=True)] == [first, second]
    later = "2999-01-01T00:00:00Z"
    assert list(project.mergerequests.list(updated_after=later, iterator=True)) == []
    since = lab.pull(first).updated_at
    assert len(list(project.mergerequests.list(updated_after=since, iterator=True))) == 2
    assert lab.ask("GET", "/merge_requests?state=open").status_code == 400


def test_a_list_comes_in_pages_that_lead_to_each_other(lab: Lab) -> None:
    for number in range(5):
        lab.opened(branch=f"change-{number}")
    answer = lab.ask("GET", "/merge_requests?per_page=2&page=2&sort=asc")
    assert [one["iid"] for one in answer.json()] == [3, 4]
    names = ("X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page", "X-Total", "X-Total-Pages")
    assert [answer.headers[name] for name in names] == ["2", "2", "3", "1", "5", "3"]
    assert set(answer.links) == {"first", "prev", "next", "last"}
    assert "%2F" in answer.links["next"]["url"]
    followed = [one.iid for one in lab.project().mergerequests.list(per_page=2, sort="asc", iterator=True)]
    assert followed == [1, 2, 3, 4, 5]
    assert lab.ask("GET", "/merge_requests?page=3&per_page=2").headers["X-Next-Page"] == ""


def test_a_fork_is_told_from_its_target(lab: Lab) -> None:
    forge = lab.server.forge
    forge.create_repo("ann/infra", {"main.tf": "one\n"})
    forge.permit("ann/infra", "ann", "admin")
    fork, repo = forge.repo("ann/infra"), forge.repo(NAME)
    fork.git.copy_from(repo.git, "refs/heads/main", "refs/heads/main")
    forge.commit("ann/infra", "change", {"main.tf": "two\n"})
    source = lab.client().projects.get("ann/infra")
    asked = {"source_branch": "change", "target_branch": "main", "title": "x", "target_project_id": repo.id}
    made = source.mergerequests.create(asked)
    found = lab.pull(made.iid)
    assert (found.source_project_id, found.target_project_id) == (fork.id, repo.id)
    assert repo.git.sha("refs/merge-requests/1/head") == found.sha


def test_the_files_of_a_merge_request_come_in_pages(lab: Lab) -> None:
    files = {f"modules/m{number}/main.tf": f"{number}\n" for number in range(45)}
    lab.server.forge.commit(NAME, "change", files, delete=["other.tf"])
    number = lab.server.forge.open_pull(NAME, head="change", title="Many", author="ann")
    path = f"/projects/{lab.project().id}/merge_requests/{number}/diffs"
    found = list(lab.client().http_list(path, iterator=True))
    assert {str(one["new_path"]) for one in found} == {*files, "other.tf"}
    (gone,) = [one for one in found if one["deleted_file"]]
    assert (gone["old_path"], gone["diff"]) == ("other.tf", "@@ -1 +0,0 @@\n-one\n")
    assert lab.pull(number).changes_count == "46"


def test_a_renamed_file_has_both_its_names(lab: Lab) -> None:
    text = "".join(f"line {number}\n" for number in range(20))
    lab.server.forge.commit(NAME, "main", {"old.tf": text})
    lab.server.forge.commit(NAME, "change", {"new.tf": text}, delete=["old.tf"])
    number = lab.server.forge.open_pull(NAME, head="change", title="Move", author="ann")
    (found,) = lab.read(f"/merge_requests/{number}/diffs")
    assert (found["old_path"], found["new_path"], found["renamed_file"]) == ("old.tf", "new.tf", True)


def test_the_commits_that_only_the_target_has_are_counted_when_asked(lab: Lab) -> None:
    number = lab.opened()
    lab.server.forge.commit(NAME, "main", {"other.tf": "two\n"})
    assert "diverged_commits_count" not in lab.read(f"/merge_requests/{number}")
    found = lab.project().mergerequests.get(number, include_diverged_commits_count=True)
    assert found.diverged_commits_count == 1
    assert found.diff_refs["base_sha"] != found.diff_refs["start_sha"]


def test_notes_are_written_edited_listed_and_deleted(lab: Lab) -> None:
    pull = lab.pull(lab.opened())
    note = pull.notes.create({"body": "hello"})
    note.body = "hello again"
    note.save()
    other = lab.pull(1, "bob").notes.create({"body": "and I"})
    assert [one.body for one in pull.notes.list(sort="asc", iterator=True)] == ["hello again", "and I"]
    other.delete()
    assert [one.body for one in pull.notes.list(iterator=True)] == ["hello again"]
    assert pull.notes.get(note.id).author["username"] == "ann"


def test_a_note_has_a_longest_size(lab: Lab) -> None:
    pull = lab.pull(lab.opened())
    assert pull.notes.create({"body": "x" * NOTE_LIMIT}).id
    with pytest.raises(GitlabCreateError) as raised:
        pull.notes.create({"body": "x" * (NOTE_LIMIT + 1)})
    assert raised.value.response_code == 400
    assert "is too long (maximum is 1000000 characters)" in str(raised.value.error_message)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, {"error": "body is missing"}),
        ({"body": " "}, {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'}),
    ],
)
def test_a_note_without_words_is_refused(lab: Lab, body: dict[str, str], words: dict[str, str]) -> None:
    answer = lab.ask("POST", f"/merge_requests/{lab.opened()}/notes", body)
    assert (answer.status_code, answer.json()) == (400, words)


def test_only_its_author_and_maintainers_change_a_note(lab: Lab) -> None:
    number = lab.opened()
    by_bob = lab.server.forge.comment(NAME, number, "bob", "mine")
    by_ann = lab.server.forge.comment(NAME, number, "ann", "mine")
    assert lab.ask("PUT", f"/merge_requests/{number}/notes/{by_bob.id}", {"body": "x"}).status_code == 403
    assert lab.ask("PUT", f"/merge_requests/{number}/notes/{by_ann.id}", {"body": "x"}, who="bob").status_code == 200


def test_an_emoji_is_given_once(lab: Lab) -> None:
    note = lab.pull(lab.opened()).notes.create({"body": "thera plan"})
    note.awardemojis.create({"name": "eyes"})
    with pytest.raises(GitlabCreateError) as raised:
        note.awardemojis.create({"name": "eyes"})
    assert (raised.value.response_code, raised.value.error_message) == (
        404,
        "404 Award Emoji Name has already been taken Not Found",
    )
    assert [one.name for one in note.awardemojis.list(iterator=True)] == ["eyes"]


def test_a_reaction_of_the_forge_is_an_emoji_by_gitlabs_name(lab: Lab) -> None:
    number = lab.opened()
    comment = lab.server.forge.comment(NAME, number, "bob", "thera plan")
    lab.server.forge.react(NAME, comment.id, "ann", "+1")
    assert [one["name"] for one in lab.read(f"/merge_requests/{number}/notes/{comment.id}/award_emoji")] == ["thumbsup"]


def test_a_discussion_is_answered_and_resolved(lab: Lab) -> None:
    pull = lab.pull(lab.opened())
    pull.notes.create({"body": "alone"})
    thread = pull.discussions.create({"body": "why?"})
    thread.notes.create({"body": "because"})
    assert lab.pull(1).blocking_discussions_resolved is False
    thread.resolved = True
    thread.save()
    found = {one.id: one for one in pull.discussions.list(iterator=True)}
    assert [one["body"] for one in found[thread.id].attributes["notes"]] == ["why?", "because"]
    assert all(one["resolved"] for one in found[thread.id].attributes["notes"])
    assert [one.attributes["individual_note"] for one in found.values()] == [True, False]
    assert lab.pull(1).blocking_discussions_resolved is True


def test_gitlab_notes_things_by_itself(lab: Lab) -> None:
    number = lab.opened()
    lab.server.forge.commit(NAME, "change", {"main.tf": "three\n"})
    lab.server.forge.change_pull(NAME, number, "ann", draft=True)
    lab.server.forge.review(NAME, number, "bob", "APPROVED")
    notes = [(one["system"], one["body"]) for one in lab.read(f"/merge_requests/{number}/notes?sort=asc")]
    assert notes == [
        (True, "added 1 commit"),
        (True, "marked this merge request as **draft**"),
        (True, "approved this merge request"),
    ]
    assert lab.read(f"/merge_requests/{number}/notes?activity_filter=only_comments") == []


def test_what_is_not_there_is_404_in_gitlabs_words(lab: Lab) -> None:
    lab.opened()
    for path, words in (
        ("/merge_requests/9", "404 Not found"),
        ("/merge_requests/1/notes/9", "404 Not found"),
        ("/repository/commits/" + "0" * 40, "404 Commit Not Found"),
        ("/hooks/9", "404 Not found"),
        ("//projects/9", "404 Project Not Found"),
        ("//groups/nobody", "404 Group Not Found"),
    ):
        answer = lab.ask("GET", path, who="bob")
        assert (answer.status_code, answer.json()) == (404, {"message": words}), path


def test_the_library_tells_what_the_sandbox_refused(lab: Lab) -> None:
    with pytest.raises(GitlabHttpError) as raised:
        lab.client().http_get("/nowhere")
    assert raised.value.response_code == 404


def test_gitlab_may_be_under_a_path(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = SandboxServer(tmp_path_factory.mktemp("forge"), gitlab_prefix="/gitlab")
    token = server.forge.create_user("ann")
    server.forge.create_repo(NAME, {"main.tf": "one\n"})
    server.forge.permit(NAME, "ann", "write")
    server.forge.commit(NAME, "feature/x", {"main.tf": "two\n"})
    server.start()
    try:
        client = Gitlab(server.gitlab_url, private_token=token, timeout=10)
        found = client.projects.get(NAME)
        assert server.gitlab_url == f"{server.url}/gitlab"
        assert found.web_url == f"{server.url}/gitlab/{NAME}"
        assert [branch.name for branch in found.branches.list(per_page=1, iterator=True)] == ["feature/x", "main"]
    finally:
        server.stop()
