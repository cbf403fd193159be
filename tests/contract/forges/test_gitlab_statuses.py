"""A status is in the pipeline that GitLab judges by, it says what was said last, and none is left running."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from sandbox.gitlab.pipelines import add_pipeline
from sandbox.gitlab.state import Job, Pipeline
from server.domain.errors import Refused, TryLater
from server.domain.refs import PullRef
from server.forges.base import CommitStatus, StatusState
from tests.contract.forges.gitlab_world import NAME, GitLabWorld

PENDING, SUCCESS, FAILURE = StatusState.PENDING, StatusState.SUCCESS, StatusState.FAILURE
OPEN = {"pending", "running"}
SLEEP = "server.forges.gitlab_statuses.time.sleep"


def say(
    gitlab: GitLabWorld,
    ref: PullRef,
    state: StatusState,
    words: str = "",
    *,
    context: str = "thera/apply",
    url: str = "",
) -> None:
    pull = gitlab.forge.get_pull(ref)
    status = CommitStatus(context=context, state=state, description=words, url=url or "https://thera.example/1")
    gitlab.forge.set_status(pull, pull.head_sha, status)


def run_pipeline(gitlab: GitLabWorld, ref: PullRef, *, of_pull: bool = False, sha: str = "") -> Pipeline:
    """Have a pipeline of the head with one green job: the branch's, or the merge request's own."""
    pull, hub = gitlab.kept(ref), gitlab.server.gitlab
    name = f"refs/merge-requests/{ref.number}/head" if of_pull else pull.head_ref
    number = ref.number if of_pull else None
    made = add_pipeline(hub, gitlab.project, sha or pull.head_sha, name, "ann", source="push", pull=number)
    made.jobs.append(Job(hub.forge.ids.next(), "test", "ann", name, "success", external=False))
    return made


def jobs(pipeline: Pipeline, name: str = "thera/apply") -> list[str]:
    return [job.status for job in pipeline.jobs if job.name == name]


def left_open(gitlab: GitLabWorld) -> list[Job]:
    """List what counts in its pipeline and is neither green nor red."""
    latest = [list({job.name: job for job in pipeline.jobs}.values()) for pipeline in gitlab.pipelines]
    return [job for found in latest for job in found if job.status in OPEN]


class TestPlace:
    def test_without_a_pipeline_one_is_made_on_the_branch_and_then_kept(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull(branch="feature/x")
        say(gitlab, ref, PENDING)
        say(gitlab, ref, PENDING, context="thera/plan")
        say(gitlab, ref, SUCCESS)
        assert [(one.source, one.ref) for one in gitlab.pipelines] == [("external", "feature/x")]

    @pytest.mark.parametrize("of_pull", [True, False])
    def test_it_joins_the_pipeline_that_decides(self, gitlab: GitLabWorld, *, of_pull: bool) -> None:
        ref = gitlab.open_pull()
        pipeline = run_pipeline(gitlab, ref, of_pull=of_pull)
        for state in (PENDING, SUCCESS):
            say(gitlab, ref, state)
        assert gitlab.pipelines == [pipeline]
        assert jobs(pipeline) == ["success"]

    def test_the_merge_requests_pipeline_is_taken_before_the_branchs(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        branch, own = run_pipeline(gitlab, ref), run_pipeline(gitlab, ref, of_pull=True)
        say(gitlab, ref, SUCCESS)
        assert (jobs(branch), jobs(own)) == ([], ["success"])

    def test_the_pipeline_of_another_branch_at_the_same_commit_is_left_alone(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        hub, sha = gitlab.server.gitlab, gitlab.kept(ref).head_sha
        other = add_pipeline(hub, gitlab.project, sha, "other", "ann", source="external")
        say(gitlab, ref, SUCCESS)
        assert jobs(other) == []
        assert [one.ref for one in gitlab.pipelines] == ["other", "change"]

    def test_where_the_project_runs_pipelines_the_one_that_is_about_to_come_is_waited_for(
        self, gitlab: GitLabWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_pipeline(gitlab, gitlab.open_pull(branch="earlier"))
        ref = gitlab.open_pull()
        monkeypatch.setattr(SLEEP, lambda _: run_pipeline(gitlab, ref))
        say(gitlab, ref, PENDING)
        assert [one.source for one in gitlab.pipelines] == ["push", "push"]
        assert jobs(gitlab.pipelines[1]) == ["pending"]

    def test_a_pipeline_that_does_not_come_is_not_waited_for_long(
        self, gitlab: GitLabWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_pipeline(gitlab, gitlab.open_pull(branch="earlier"))
        ref = gitlab.open_pull()
        pauses: list[float] = []
        monkeypatch.setattr(SLEEP, pauses.append)
        say(gitlab, ref, PENDING)
        assert 0 < sum(pauses) <= 3
        assert gitlab.pipelines[1].source == "external"

    def test_where_nothing_runs_pipelines_none_is_waited_for(
        self, gitlab: GitLabWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SLEEP, lambda _: pytest.fail("it waited"))
        say(gitlab, gitlab.open_pull(), PENDING)

    def test_a_commit_that_is_not_the_head_any_more_keeps_its_own_pipeline(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        pull, old = gitlab.forge.get_pull(ref), run_pipeline(gitlab, ref)
        gitlab.server.forge.commit(NAME, "change", {"main.tf": "two\n"})
        new = run_pipeline(gitlab, ref)
        status = CommitStatus(context="thera/apply", state=SUCCESS, description="", url="https://thera.example")
        gitlab.forge.set_status(pull, pull.head_sha, status)
        assert (jobs(old), jobs(new)) == (["success"], [])

    @pytest.mark.parametrize("of_head", [True, False])
    def test_a_merged_results_pipeline_is_joined_if_it_is_of_the_head(
        self, gitlab: GitLabWorld, monkeypatch: pytest.MonkeyPatch, *, of_head: bool
    ) -> None:
        ref = gitlab.open_pull()
        git, hub, head = gitlab.project.git, gitlab.server.gitlab, gitlab.kept(ref).head_sha
        parents = ("refs/heads/main", head if of_head else "refs/heads/main")
        made = git.git("commit-tree", f"{head}^{{tree}}", "-p", parents[0], "-p", parents[1], "-m", "Merge").strip()
        name = f"refs/merge-requests/{ref.number}/merge"
        pipeline = add_pipeline(hub, gitlab.project, made, name, "ann", source="merge_request_event", pull=ref.number)
        monkeypatch.setattr("sandbox.gitlab.merge_json.head_pipeline", lambda *_: pipeline)
        monkeypatch.setattr(SLEEP, lambda _: None)
        for state in (PENDING, SUCCESS):
            say(gitlab, ref, state)
        assert jobs(pipeline) == (["success"] if of_head else [])
        assert len(gitlab.pipelines) == (1 if of_head else 2)

    def test_a_fork_has_no_say_in_which_branch_of_ours_is_meant(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_fork_pull("mallory/infra")
        say(gitlab, ref, SUCCESS)
        assert [one.ref for one in gitlab.pipelines] == [f"refs/merge-requests/{ref.number}/head"]


class TestTransitions:
    @pytest.mark.parametrize("states", list(product([PENDING, SUCCESS, FAILURE], repeat=3)))
    def test_whatever_was_said_before_the_last_word_counts(
        self, gitlab: GitLabWorld, states: tuple[StatusState, ...]
    ) -> None:
        ref = gitlab.open_pull()
        pipeline = run_pipeline(gitlab, ref)
        for number, state in enumerate(states):
            say(gitlab, ref, state, f"word {number}")
            assert gitlab.statuses(ref)["thera/apply"] == state.value
        assert len(jobs(pipeline)) <= len(states)
        assert bool(left_open(gitlab)) is (states[-1] is PENDING)

    def test_the_same_thing_twice_is_said_once(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        for state in (PENDING, PENDING, SUCCESS, SUCCESS):
            say(gitlab, ref, state, "words")
        assert gitlab.requests("POST", "/statuses/") == 2

    def test_new_words_for_what_is_pending_are_shown_while_gitlab_can(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        told = []
        for words in ("one", "two", "three"):
            say(gitlab, ref, PENDING, words)
            told.append([(job.status, job.description) for job in gitlab.pipelines[0].jobs])
        assert told == [[("pending", "one")], [("running", "two")], [("running", "two")]]
        say(gitlab, ref, SUCCESS, "four")
        assert [(job.status, job.description) for job in gitlab.pipelines[0].jobs] == [("success", "four")]

    def test_two_who_say_it_at_once_are_both_heard(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        run_pipeline(gitlab, ref)
        for state in (PENDING, SUCCESS):
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda _, state=state: say(gitlab, ref, state, "words"), range(4)))
        assert gitlab.statuses(ref)["thera/apply"] == "success"
        assert left_open(gitlab) == []

    def test_words_are_cut_and_an_address_that_is_too_long_is_left_out(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        say(gitlab, ref, SUCCESS, "é" * 300, url=f"https://thera.example/{'x' * 300}")
        job = gitlab.pipelines[0].jobs[0]
        assert (job.description, job.target_url) == ("é" * 255, None)


class TestNothingIsLeftRunning:
    def test_what_was_begun_in_an_older_pipeline_is_ended_there_too(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        say(gitlab, ref, PENDING)
        own = run_pipeline(gitlab, ref, of_pull=True)
        say(gitlab, ref, FAILURE, "it failed")
        assert [jobs(one) for one in gitlab.pipelines] == [["failed"], ["failed"]]
        assert gitlab.pipelines[1] is own
        assert left_open(gitlab) == []

    def test_what_another_account_of_ours_began_is_ended_too(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        pipeline = run_pipeline(gitlab, ref)
        job = Job(gitlab.server.forge.ids.next(), "thera/apply", "cat", pipeline.ref, "running")
        pipeline.jobs.append(job)
        say(gitlab, ref, SUCCESS)
        assert left_open(gitlab) == []

    def test_other_statuses_are_left_as_they_are(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        say(gitlab, ref, PENDING, context="thera/plan")
        say(gitlab, ref, SUCCESS, context="thera/apply")
        assert [job.name for job in left_open(gitlab)] == ["thera/plan"]


class TestTrouble:
    def test_a_conflict_is_tried_again(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        gitlab.server.faults.add("^POST .*/statuses/", times=2, status=409)
        say(gitlab, ref, SUCCESS)
        assert gitlab.statuses(ref) == {"thera/apply": "success"}

    def test_a_conflict_that_stays_is_tried_later(self, gitlab: GitLabWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        ref = gitlab.open_pull()
        monkeypatch.setattr(SLEEP, lambda _: None)
        gitlab.server.faults.add("^POST .*/statuses/", times=50, status=409)
        with pytest.raises(TryLater):
            say(gitlab, ref, SUCCESS)
        assert gitlab.requests("POST", "/statuses/") == 5

    def test_an_account_without_the_role_is_refused_with_what_it_takes(self, gitlab: GitLabWorld) -> None:
        ref = gitlab.open_pull()
        gitlab.server.gitlab.groups["acme"].members.clear()
        gitlab.server.forge.permit(NAME, "thera-bot", "read")
        with pytest.raises(Refused, match="it takes Developer"):
            say(gitlab, ref, SUCCESS)
