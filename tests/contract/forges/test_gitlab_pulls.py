"""What only GitLab has of pulls, people and comments: hidden forks, roles in groups, threads, quick actions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.gitlab.state import DEVELOPER, Discussion
from server.domain.refs import PullRef, RepoRef
from server.forges.base import Permission
from server.forges.config import ForgeConfig
from server.forges.gitlab import GitLabForge
from tests.contract.forges.gitlab_world import BOT, NAME, GitLabWorld

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class TestPulls:
    def test_the_base_is_the_tip_of_the_target_branch_now(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        before = gitlab.forge.get_pull(ref).base_sha
        gitlab.move_base(ref)
        after = gitlab.forge.get_pull(ref).base_sha
        assert before != after == gitlab.project.git.sha("refs/heads/main")

    def test_a_fork_is_named_and_one_that_is_hidden_is_not(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_fork_pull("mallory/infra")
        pull = gitlab.forge.get_pull(ref)
        assert (pull.head_repo, pull.is_fork) == ("mallory/infra", True)
        assert pull in list(gitlab.forge.open_pulls(gitlab.repo))
        gitlab.server.forge.repo("mallory/infra").private = True
        hidden = gitlab.forge.get_pull(ref)
        assert (hidden.head_repo, hidden.is_fork) == ("", True)

    def test_a_fork_that_is_gone_has_no_name(self) -> None:
        forge = GitLabForge(ForgeConfig(kind="gitlab", url="https://gitlab.com", token="t"))
        gone = {"source_project_id": None, "target_project_id": 7}  # the database does so: gitlab, `db/structure.sql`
        assert forge._source(RepoRef("gitlab.com", NAME), gone) == ""

    def test_a_target_branch_that_is_gone_has_no_tip(self, gitlab: GitLabWorld) -> None:
        forge = gitlab.server.forge
        forge.commit(NAME, "develop", {"main.tf": "two\n"})
        forge.commit(NAME, "change", {"main.tf": "three\n"})
        number = forge.open_pull(NAME, head="change", title="x", author="ann", base="develop")
        gitlab.project.git.git("update-ref", "-d", "refs/heads/develop")
        assert gitlab.forge.get_pull(PullRef(gitlab.repo, number)).base_sha == ""

    def test_an_address_may_be_the_apis_own(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        for url in (f"{gitlab.url}/", f"{gitlab.url}/api/v4", f"{gitlab.url}/api/v4/"):
            assert gitlab.as_token(gitlab.tokens[BOT], url=url).get_pull(ref).ref == ref


class TestPeople:
    @pytest.mark.parametrize(
        ("level", "ours"),
        [
            ("guest", Permission.READ),
            ("read", Permission.READ),
            ("write", Permission.WRITE),
            ("maintain", Permission.ADMIN),
            ("owner", Permission.ADMIN),
            ("none", Permission.NONE),
        ],
    )
    def test_gitlabs_roles_are_ours(self, gitlab: GitLabWorld, level: str, ours: Permission) -> None:
        gitlab.server.forge.permit(NAME, "bob", level)
        assert gitlab.forge.permission(gitlab.repo, "bob") is ours

    def test_names_are_told_apart_by_all_their_letters(self, gitlab: GitLabWorld) -> None:
        gitlab.server.forge.create_user("bobby")
        gitlab.server.forge.permit(NAME, "bobby", "maintain")
        found = [gitlab.forge.permission(gitlab.repo, name) for name in ("bob", "bobby", "bo")]
        assert found == [Permission.WRITE, Permission.ADMIN, Permission.NONE]

    def test_a_role_in_a_group_above_counts(self, gitlab: GitLabWorld) -> None:
        gitlab.server.forge.create_user("eve")
        gitlab.server.gitlab.add_group_member("acme", "eve", DEVELOPER)
        assert gitlab.forge.permission(gitlab.repo, "eve") is Permission.WRITE

    def test_what_is_public_may_be_read_by_whoever_has_an_account(self, gitlab: GitLabWorld) -> None:
        gitlab.server.forge.create_user("eve")
        assert gitlab.forge.permission(gitlab.repo, "eve") is Permission.NONE
        gitlab.project.private = False
        assert gitlab.forge.permission(gitlab.repo, "eve") is Permission.READ
        assert gitlab.forge.permission(gitlab.repo, "nobody-at-all") is Permission.NONE

    def test_a_team_is_a_group_by_its_full_path(self, gitlab: GitLabWorld) -> None:
        for login in ("eve", "dan"):
            gitlab.server.forge.create_user(login)
        gitlab.server.gitlab.add_group_member("acme/platform", "eve", DEVELOPER)
        gitlab.server.gitlab.add_group_member("acme", "dan", DEVELOPER)
        found = {
            (team, who): gitlab.forge.in_team(gitlab.repo, team, who)
            for team in ("acme", "acme/platform", "platform")
            for who in ("eve", "dan", "ann")
        }
        inside = {pair for pair, is_in in found.items() if is_in}
        assert inside == {("acme", "dan"), ("acme/platform", "eve"), ("acme/platform", "dan")}


class TestComments:
    def test_an_old_comment_that_was_edited_is_not_new(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        old = gitlab.server.forge.comment(NAME, ref.number, "bob", "a harmless word")
        old.created_at -= timedelta(hours=3)
        since = datetime.now(UTC) - timedelta(minutes=1)
        gitlab.server.forge.edit_comment(NAME, old.id, "thera apply", "bob")
        new = gitlab.write(ref, "bob", "thera plan")
        assert [comment.id for _, comment in gitlab.forge.comments_since(gitlab.repo, since)] == [new]

    def test_what_gitlab_notes_by_itself_is_no_comment(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        talk = gitlab.server.gitlab.talk(gitlab.project, gitlab.kept(ref))
        number = gitlab.server.forge.ids.next()
        made = replace(gitlab.server.forge.comment(NAME, ref.number, "bob", "added 1 commit"), id=number)
        gitlab.kept(ref).comments.clear()
        talk.system_notes.append(made)
        assert list(gitlab.forge.comments_since(gitlab.repo, EPOCH)) == []
        assert gitlab.forge.find_comment(ref, "added") is None

    def test_our_words_are_no_order_to_gitlab(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        number = gitlab.forge.post_comment(ref, "/merge\n```\n/merge\n```")
        assert gitlab.comments(ref) == [(BOT, "\\/merge\n```\n/merge\n```")]
        gitlab.forge.edit_comment(ref, number, "/close")
        assert gitlab.comments(ref) == [(BOT, "\\/close")]

    def test_an_outdated_comment_is_folded_once_and_is_still_found(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        number = gitlab.forge.post_comment(ref, "a plan <!-- run 7 -->")
        for _ in range(2):
            gitlab.forge.hide_comment(ref, number)
        folded = "<details><summary>Outdated</summary>\n\na plan <!-- run 7 -->\n\n</details>"
        assert gitlab.comments(ref) == [(BOT, folded)]
        assert gitlab.requests("PUT", "/notes/") == 1
        assert gitlab.forge.find_comment(ref, "<!-- run 7 -->") == number

    def test_a_thread_that_an_outdated_comment_opened_is_resolved(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        number = gitlab.forge.post_comment(ref, "a plan")
        talk = gitlab.server.gitlab.talk(gitlab.project, gitlab.kept(ref))
        other = gitlab.write(ref, "ann", "why?")
        talk.discussions = [
            Discussion("0" * 40, [int(other)], individual=False),
            Discussion("d" * 40, [int(number)], individual=False),
        ]
        gitlab.forge.hide_comment(ref, number)
        assert [one.resolved_by for one in talk.discussions] == [None, BOT]

    def test_an_emoji_has_the_name_that_gitlab_knows(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        comment = gitlab.write(ref, "ann", "thera plan")
        for emoji in ("+1", "eyes", "+1"):
            gitlab.forge.react(ref, comment, emoji)
        assert gitlab.requests("POST", "/award_emoji") == 3
        assert len(gitlab.reactions(ref, comment)) == 2
