"""What holds of every forge."""

from datetime import UTC, datetime, timedelta

import pytest

from server.domain.errors import Refused, TryLater, UserMistake
from server.domain.pull import PullState
from server.domain.refs import PullRef, RepoRef
from server.forges.base import CommitStatus, Permission, StatusState
from tests.contract.forges.world import World

OWN = "thera/"


class TestPulls:
    def test_a_pull_is_read_as_it_is(self, world: World) -> None:
        ref = world.open_pull(branch="feature/x")
        pull = world.forge.get_pull(ref)
        assert (pull.ref, pull.title, pull.author) == (ref, "A change", "ann")
        assert (pull.state, pull.draft) == (PullState.OPEN, False)
        assert (pull.head_ref, pull.base_ref, pull.head_repo) == ("feature/x", "main", world.repo.full_name)
        assert not pull.is_fork
        assert pull.head_fetch_ref in {f"refs/pull/{ref.number}/head", f"refs/merge-requests/{ref.number}/head"}
        assert (len(pull.head_sha), len(pull.base_sha)) == (40, 40)
        assert pull.clone_url.endswith(f"/{world.repo.full_name}.git")
        assert pull.url.endswith((f"/pull/{ref.number}", f"/merge_requests/{ref.number}"))

    def test_a_draft_is_a_draft(self, world: World) -> None:
        assert world.forge.get_pull(world.open_pull(draft=True)).draft

    def test_a_merge_is_told_from_a_close(self, world: World) -> None:
        merged, closed = world.open_pull(branch="a"), world.open_pull(branch="b")
        world.merge(merged)
        world.close(closed)
        assert world.forge.get_pull(merged).state is PullState.MERGED
        assert world.forge.get_pull(closed).state is PullState.CLOSED

    def test_open_pulls_are_those_that_are_open(self, world: World) -> None:
        assert list(world.forge.open_pulls(world.repo)) == []
        refs = [world.open_pull(branch=name) for name in ("a", "b", "c", "d")]
        world.merge(refs[0])
        world.close(refs[1])
        found = list(world.forge.open_pulls(world.repo))
        assert {pull.ref for pull in found} == {refs[2], refs[3]}
        assert all(pull == world.forge.get_pull(pull.ref) for pull in found)

    def test_a_pull_that_is_not_there_is_a_mistake(self, world: World) -> None:
        with pytest.raises(UserMistake):
            world.forge.get_pull(PullRef(world.repo, 99))


def test_a_pull_has_its_labels(world: World) -> None:
    ref = world.open_pull()
    assert world.forge.get_pull(ref).labels == ()
    world.label(ref, "no-autoplan", "urgent")
    assert set(world.forge.get_pull(ref).labels) == {"no-autoplan", "urgent"}


class TestFacts:
    def test_nobody_has_said_anything(self, world: World) -> None:
        facts = world.forge.pull_facts(world.forge.get_pull(world.open_pull()), own_statuses=OWN)
        assert (facts.approved, facts.mergeable, facts.undiverged) == (False, True, True)

    def test_approved_by_another(self, world: World) -> None:
        ref = world.open_pull()
        world.approve(ref, "bob")
        assert world.forge.pull_facts(world.forge.get_pull(ref), own_statuses=OWN).approved

    def test_a_base_that_moved_on_has_diverged_and_can_be_merged(self, world: World) -> None:
        ref = world.open_pull()
        world.move_base(ref)
        facts = world.forge.pull_facts(world.forge.get_pull(ref), own_statuses=OWN)
        assert (facts.mergeable, facts.undiverged) == (True, False)

    def test_a_conflict_cannot_be_merged(self, world: World) -> None:
        ref = world.open_pull()
        world.conflict(ref)
        assert not world.forge.pull_facts(world.forge.get_pull(ref), own_statuses=OWN).mergeable


class TestPeople:
    @pytest.mark.parametrize("permission", list(Permission))
    def test_a_permission_is_what_was_given(self, world: World, permission: Permission) -> None:
        world.permit("bob", permission)
        assert world.forge.permission(world.repo, "bob") is permission

    def test_permissions_are_ordered(self) -> None:
        assert Permission.NONE < Permission.READ < Permission.WRITE < Permission.ADMIN

    def test_the_login_is_the_accounts(self, world: World) -> None:
        assert world.forge.login == world.bot


class TestComments:
    def test_a_comment_is_written_by_the_bot(self, world: World) -> None:
        ref = world.open_pull()
        world.forge.post_comment(ref, "Hello *there*, 🦉\r\n\tend")
        assert world.comments(ref) == [(world.bot, "Hello *there*, 🦉\r\n\tend")]

    def test_a_comment_as_long_as_the_forge_promises_is_taken(self, world: World) -> None:
        ref, limit = world.open_pull(), world.forge.capabilities.comment_limit
        world.forge.post_comment(ref, "é" * limit)
        assert len(world.comments(ref)[0][1]) == limit

    def test_a_comment_is_edited_by_its_id(self, world: World) -> None:
        ref = world.open_pull()
        first, second = (world.forge.post_comment(ref, word) for word in ("one", "two"))
        assert first != second
        world.forge.edit_comment(ref, first, "three")
        assert world.comments(ref) == [(world.bot, "three"), (world.bot, "two")]

    def test_editing_a_comment_that_is_gone_is_a_mistake(self, world: World) -> None:
        with pytest.raises(UserMistake):
            world.forge.edit_comment(world.open_pull(), "987654321", "three")

    def test_a_comment_on_a_pull_that_is_not_there_is_a_mistake(self, world: World) -> None:
        with pytest.raises(UserMistake):
            world.forge.post_comment(PullRef(world.repo, 99), "hello")

    def test_a_marker_finds_our_newest_comment_and_nobody_elses(self, world: World) -> None:
        ref = world.open_pull()
        assert world.forge.find_comment(ref, "<!-- run 7 -->") is None
        ids = [world.forge.post_comment(ref, f"{word} <!-- run 7 -->") for word in ("one", "two")]
        world.forge.post_comment(ref, "three <!-- run 8 -->")
        world.write(ref, "ann", "> two <!-- run 7 -->")
        assert world.forge.find_comment(ref, "<!-- run 7 -->") == ids[1]

    def test_a_comment_whose_answer_was_lost_is_found_again(self, world: World) -> None:
        ref = world.open_pull()
        world.lose_next_answer()
        with pytest.raises(TryLater):
            world.forge.post_comment(ref, "hello <!-- run 7 -->")
        found = world.forge.find_comment(ref, "<!-- run 7 -->")
        assert found is not None
        world.forge.edit_comment(ref, found, "found")
        assert world.comments(ref) == [(world.bot, "found")]

    def test_a_marker_is_found_among_many_comments(self, world: World) -> None:
        ref = world.open_pull()
        wanted = world.forge.post_comment(ref, "<!-- run 7 -->")
        for number in range(120):
            world.write(ref, "ann", f"word {number}")
        assert world.forge.find_comment(ref, "<!-- run 7 -->") == wanted

    def test_comments_since_a_moment_are_read_with_their_pulls(self, world: World) -> None:
        one, two = world.open_pull(branch="a"), world.open_pull(branch="b")
        before = datetime.now(UTC) - timedelta(seconds=2)
        ids = [world.write(one, "ann", "first"), world.write(two, "bob", "second")]
        found = {(ref, one.id, one.author, one.body) for ref, one in world.forge.comments_since(world.repo, before)}
        assert found == {(one, ids[0], "ann", "first"), (two, ids[1], "bob", "second")}
        assert all(comment.created_at >= before for _, comment in world.forge.comments_since(world.repo, before))
        assert list(world.forge.comments_since(world.repo, datetime.now(UTC) + timedelta(hours=1))) == []

    def test_reacting_twice_is_reacting_once(self, world: World) -> None:
        ref = world.open_pull()
        comment = world.write(ref, "ann", "thera plan")
        for _ in range(2):
            world.forge.react(ref, comment, "eyes")
        assert world.reactions(ref, comment) == ["eyes"]


def set_status(world: World, ref: PullRef, status: CommitStatus) -> None:
    pull = world.forge.get_pull(ref)
    world.forge.set_status(pull, pull.head_sha, status)


class TestStatuses:
    @pytest.mark.parametrize("state", list(StatusState))
    def test_a_status_is_set(self, world: World, state: StatusState) -> None:
        ref = world.open_pull()
        status = CommitStatus(context="thera/plan", state=state, description="é" * 500, url="https://thera.example/1")
        set_status(world, ref, status)
        told = {"failure", "error"} if state is StatusState.ERROR else {state.value}  # some have one word for both
        assert world.statuses(ref)["thera/plan"] in told

    def test_a_later_status_takes_the_place_of_an_earlier_one(self, world: World) -> None:
        ref = world.open_pull()
        for state in (StatusState.PENDING, StatusState.SUCCESS):
            for context in ("thera/plan", "thera/plan: a/default"):
                status = CommitStatus(context=context, state=state, description="", url="https://thera.example/1")
                set_status(world, ref, status)
        assert world.statuses(ref) == {"thera/plan": "success", "thera/plan: a/default": "success"}


def test_a_repository_is_cloned_from_where_its_pulls_are(world: World) -> None:
    assert world.forge.clone_url(world.repo) == world.forge.get_pull(world.open_pull()).clone_url


def test_a_repository_that_is_not_there_is_cloned_from_nowhere(world: World) -> None:
    with pytest.raises((UserMistake, Refused)):
        world.forge.clone_url(RepoRef(world.repo.host, "acme/nothing"))


def test_a_credential_keeps_its_password_to_itself(world: World) -> None:
    credential = world.forge.credential(world.repo)
    assert credential.password
    assert credential.password not in repr(credential)


class TestTeams:
    def test_a_member_is_in_the_team_and_a_stranger_is_not(self, world: World) -> None:
        world.join("acme/reviewers", "bob")
        assert world.forge.in_team(world.repo, "acme/reviewers", "bob")
        assert not world.forge.in_team(world.repo, "acme/reviewers", "eve")

    def test_a_team_that_is_not_there_has_no_members(self, world: World) -> None:
        assert not world.forge.in_team(world.repo, "acme/nobody", "bob")


class TestHiding:
    def test_an_old_comment_of_ours_is_folded_away_as_often_as_you_like(self, world: World) -> None:
        assert world.forge.capabilities.can_hide_comments
        ref = world.open_pull()
        old, new = world.forge.post_comment(ref, "an old plan"), world.forge.post_comment(ref, "a new plan")
        for _ in range(2):
            world.forge.hide_comment(ref, old)
        assert (world.hidden(ref, old), world.hidden(ref, new)) == (True, False)


class TestMerging:
    def test_a_pull_is_merged_and_its_branch_is_gone(self, world: World) -> None:
        ref = world.open_pull()
        pull = world.forge.get_pull(ref)
        world.forge.merge(pull, delete_branch=True)
        assert world.forge.get_pull(ref).state is PullState.MERGED
        assert pull.head_ref not in world.branches(ref)

    def test_merging_what_is_merged_already_is_harmless(self, world: World) -> None:
        pull = world.forge.get_pull(world.open_pull())
        world.forge.merge(pull)
        world.forge.merge(pull)

    def test_a_head_that_has_moved_is_not_merged(self, world: World) -> None:
        ref = world.open_pull()
        pull = world.forge.get_pull(ref)
        world.push(ref)
        with pytest.raises(Refused, match="moved"):
            world.forge.merge(pull)
        assert world.forge.get_pull(ref).is_open

    def test_a_conflict_is_not_merged_and_the_reason_is_told(self, world: World) -> None:
        ref = world.open_pull()
        world.conflict(ref)
        with pytest.raises(Refused):
            world.forge.merge(world.forge.get_pull(ref))
