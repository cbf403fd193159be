"""Merging a merge request, as GitLab allows it or not, now or when its pipeline has succeeded.

Order of refusals: `PUT :id/merge_requests/:iid/merge` in `lib/api/merge_requests.rb` of GitLab 17 and later: who may
(401), the head (409), the rules and conflicts (405); 422 is what fails in the merge itself. (GitLab before 16
said 406 for conflicts.)
"""

from dataclasses import dataclass
from http import HTTPStatus

from sandbox.forge import NotPossible
from sandbox.gitlab.answers import Refused
from sandbox.gitlab.judge import blocked_by, conflict, detailed_merge_status
from sandbox.gitlab.merge_json import title_of
from sandbox.gitlab.pipelines import ACTIVE, head_pipeline, pipeline_status
from sandbox.gitlab.state import DEVELOPER, GitLab
from sandbox.model import Pull, Repo


@dataclass(frozen=True)
class Wish:
    """How somebody wants a merge; `auto` is when the pipeline succeeds."""

    sha: str | None = None
    auto: bool = False
    squash: bool = False
    message: str = ""
    remove_source_branch: bool = False


def may_merge(hub: GitLab, repo: Repo, login: str | None) -> bool:
    """Say whether somebody may merge at all."""
    return hub.level(repo, login) >= DEVELOPER


def merge(hub: GitLab, repo: Repo, pull: Pull, login: str, wish: Wish) -> None:
    """Merge, or wait for the pipeline if that is what is wished.

    Raises:
        Refused: somebody may not, the head is another, or something is in the way.
    """
    if not may_merge(hub, repo, login):
        raise Refused(401, "401 Unauthorized")
    with hub.forge.lock:
        if wish.sha and wish.sha != pull.head_sha:
            raise Refused(409, f"SHA does not match HEAD of source branch: {pull.head_sha}")
        talk, pipeline = hub.talk(repo, pull), head_pipeline(hub, repo, pull)
        if wish.auto and pull.state == "open" and pipeline and pipeline_status(pipeline) in ACTIVE:
            talk.auto_merge = login
            return
        if blocked_by(hub, repo, pull) or conflict(hub, repo, pull):
            raise Refused(405, "405 Method Not Allowed")
        talk.unsettled.clear()
        talk.auto_merge = None
        _merge(hub, repo, pull, login, wish)


def _merge(hub: GitLab, repo: Repo, pull: Pull, login: str, wish: Wish) -> None:
    squashed = _squash(repo, pull) if wish.squash else None
    hub.talk(repo, pull).squash_sha = squashed
    words = f"Merge branch '{pull.head_ref}' into '{pull.base_ref}'"
    message = wish.message or f"{words}\n\n{title_of(pull)}\n\nSee merge request {repo.full_name}!{pull.number}"
    try:
        hub.forge.merge(repo.full_name, pull.number, login, judged=True, commit=squashed, message=message)
    except NotPossible as error:
        raise Refused(422, "Branch cannot be merged") from error
    if wish.remove_source_branch or hub.project(repo).settings.remove_source_branch_after_merge:
        source = hub.forge.repo(pull.head_repo)
        source.git.git("update-ref", "-d", f"refs/heads/{pull.head_ref}")
        hub.forge.pushed(source.full_name, login)


def _squash(repo: Repo, pull: Pull) -> str:
    """Make one commit of the merge request's, on what it was branched from."""
    start = repo.git.git("merge-base", f"refs/heads/{pull.base_ref}", pull.head_sha)
    return repo.git.git("commit-tree", f"{pull.head_sha}^{{tree}}", "-p", start, "-m", pull.title)


def merge_what_waited(hub: GitLab, repo: Repo) -> None:
    """Merge the merge requests of a project that waited for their pipeline, if it has succeeded."""
    for pull in list(repo.pulls.values()):
        login, pipeline = hub.talk(repo, pull).auto_merge, head_pipeline(hub, repo, pull)
        passed = pipeline is not None and pipeline_status(pipeline) == "success"
        if login and passed and not (blocked_by(hub, repo, pull) or conflict(hub, repo, pull)):
            merge(hub, repo, pull, login, Wish())


def merge_by_hand(hub: GitLab, full_name: str, number: int, login: str) -> None:
    """Merge as somebody does on the page.

    Raises:
        NotPossible: something is in the way; the message says what, as it stands on the page.
    """
    repo, pull = hub.forge.repo(full_name), hub.forge.pull(full_name, number)
    try:
        merge(hub, repo, pull, login, Wish())
    except Refused as error:
        why = f"{login} may not merge here" if error.status == HTTPStatus.UNAUTHORIZED else "Merge blocked"
        raise NotPossible(f"{why} ({detailed_merge_status(hub, repo, pull)})") from error
