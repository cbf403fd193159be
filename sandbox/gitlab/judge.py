"""Whether a merge request can be merged, in GitLab's words.

Order and words: `DetailedMergeStatusService` and `MergeRequest.all_mergeability_checks` of GitLab, and
docs.gitlab.com/api/merge_requests, "Merge status". CI is asked last, as there: whatever else is in the way hides it.
"""

from sandbox.gitlab.pipelines import ACTIVE, head_pipeline, pipeline_status
from sandbox.gitlab.state import GitLab, Rule, Talk
from sandbox.model import Protection, Pull, Repo

_UNSETTLED = {"preparing", "checking", "unchecked"}


def has_conflicts(repo: Repo, pull: Pull) -> bool:
    """Say whether the two branches cannot be merged by themselves."""
    return repo.git.conflicts(f"refs/heads/{pull.base_ref}", f"refs/pull/{pull.number}/head")


def rules_of(hub: GitLab, repo: Repo, pull: Pull) -> list[Rule]:
    """List the approval rules: the number that the project or the target branch asks for, and the named ones."""
    project, branch = hub.project(repo), repo.protections.get(pull.base_ref, Protection())
    anybody = max(project.settings.approvals_before_merge, branch.approvals)
    general = [Rule(repo.id, "All Members", anybody)] if anybody else []
    return general + project.rules


def approvals_left(hub: GitLab, repo: Repo, pull: Pull) -> int:
    """Count the approvals that are missing, over all rules."""
    given = approvers(hub, pull)
    return sum(max(rule.required - len(rule.given(given)), 0) for rule in rules_of(hub, repo, pull))


def approvers(hub: GitLab, pull: Pull) -> list[str]:
    """List who approves now, in the order of their approval."""
    return [login for login, word in hub.forge.last_words(pull).items() if word == "APPROVED"]


def threads_resolved(talk: Talk) -> bool:
    """Say whether every thread that can be resolved is."""
    return all(one.individual or one.resolved_by for one in talk.discussions)


def diverged(repo: Repo, pull: Pull) -> int:
    """Count the commits that only the target branch has."""
    return repo.git.ahead_behind(f"refs/heads/{pull.base_ref}", f"refs/pull/{pull.number}/head")[1]


def merge_status(hub: GitLab, repo: Repo, pull: Pull) -> str:
    """Give the old `merge_status`: of conflicts alone, and `checking` as long as they are not known."""
    unsettled = hub.talk(repo, pull).unsettled
    if unsettled:
        return unsettled[0]
    return "cannot_be_merged" if pull.state == "open" and has_conflicts(repo, pull) else "can_be_merged"


def detailed_merge_status(hub: GitLab, repo: Repo, pull: Pull) -> str:
    """Give the first thing that is in the way of a merge, or `mergeable`."""
    if merge_status(hub, repo, pull) in _UNSETTLED:
        return merge_status(hub, repo, pull)
    return blocked_by(hub, repo, pull) or conflict(hub, repo, pull) or "mergeable"


def blocked_by(hub: GitLab, repo: Repo, pull: Pull) -> str:
    """Name the rule of the project that is in the way: the merge answers 405."""
    all_resolved = hub.project(repo).settings.only_allow_merge_if_all_discussions_are_resolved
    table = (
        ("not_open", pull.state != "open"),
        ("draft_status", pull.draft),
        ("discussions_not_resolved", all_resolved and not threads_resolved(hub.talk(repo, pull))),
        ("requested_changes", hub.forge.changes_requested(pull)),
        ("not_approved", approvals_left(hub, repo, pull) > 0),
    )
    found = next((word for word, applies in table if applies), "")
    return found or ("" if conflict(hub, repo, pull) else _ci(hub, repo, pull))


def _ci(hub: GitLab, repo: Repo, pull: Pull) -> str:
    settings = hub.project(repo).settings
    if not settings.only_allow_merge_if_pipeline_succeeds:
        return ""
    pipeline = head_pipeline(hub, repo, pull)
    status = pipeline_status(pipeline) if pipeline else ""
    if status in ACTIVE:
        return "ci_still_running"
    passes = {"success", "skipped"} if settings.allow_merge_on_skipped_pipeline else {"success"}
    return "" if status in passes else "ci_must_pass"


def conflict(hub: GitLab, repo: Repo, pull: Pull) -> str:
    """Name what git has against the merge: the merge answers 422."""
    if has_conflicts(repo, pull):
        return "conflict"
    if hub.project(repo).settings.merge_method != "merge" and diverged(repo, pull):
        return "need_rebase"
    return ""
