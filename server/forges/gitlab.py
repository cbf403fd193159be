"""GitLab, of gitlab.com and self-managed, through python-gitlab."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote

from server.domain.errors import UserMistake
from server.domain.findings import Finding
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.domain.requirements import PullFacts
from server.forges import gitlab_inspect, gitlab_merging, gitlab_statuses
from server.forges.base import Capabilities, Comment, CommitStatus, Credential, MergeMethod, Permission, WantedHook
from server.forges.config import ForgeConfig
from server.forges.gitlab_client import GitLabApi, Json, host_of, project_path, pull_path
from server.forges.gitlab_errors import is_absent, message_of, translated
from server.forges.gitlab_facts import is_active, is_computing, is_draft, permission_of, read_situation
from server.forges.gitlab_notes import folded, harmless
from server.forges.gitlab_rules import approval, mergeability
from server.forges.throttle import Throttle

_COMMENT_LIMIT = 900_000  # GitLab's is 1,000,000; folding and escaping take some
_NOTES = 1_000  # of a merge request: the newest
_LOOKS = 5
_FIRST_PAUSE = 0.2  # seconds
_STATES = {"closed": PullState.CLOSED, "merged": PullState.MERGED}  # `opened`, and `locked` while it is being merged
_VISIBLE = frozenset({"public", "internal"})
_EMOJIS = {"+1": "thumbsup", "-1": "thumbsdown", "hooray": "tada", "laugh": "laughing"}  # as GitLab calls GitHub's


class GitLabForge:
    """One GitLab with one token: a person's, a project's or a group's."""

    def __init__(self, config: ForgeConfig) -> None:
        self._api = GitLabApi(config)
        self._token = config.token
        self._login = config.login
        self._ca_certificate = config.ca_certificate
        self._throttle = Throttle(config.write_interval)
        self._clone_urls: dict[RepoRef, str] = {}
        self.host = host_of(config.url)
        self.capabilities = Capabilities(comment_limit=_COMMENT_LIMIT, can_hide_comments=True, pull_mark="!")

    @property
    def login(self) -> str:
        """The account behind the token, asked once."""
        if self._login is None:
            with translated("who the token belongs to"):
                self._login = str(self._api.get("/user")["username"])
        return self._login

    def get_pull(self, ref: PullRef) -> Pull:
        """See `Forge`.

        Raises:
            UserMistake: also where it has no commit yet.
        """
        with translated(f"reading {ref}"):
            found = self._api.get(pull_path(ref))
            if not found.get("sha"):
                raise UserMistake(f"{ref} has no commit yet.")
            return self._pull(ref, found, base_sha=self._tip(ref.repo, found["target_branch"]))

    def _pull(self, ref: PullRef, found: Json, *, base_sha: str) -> Pull:
        return Pull(
            ref=ref,
            title=found["title"],
            author=found["author"]["username"],
            url=found["web_url"],
            state=_STATES.get(found["state"], PullState.OPEN),
            draft=is_draft(found),
            head_sha=found["sha"],
            head_ref=found["source_branch"],
            head_repo=self._source(ref.repo, found),
            head_fetch_ref=f"refs/merge-requests/{ref.number}/head",
            base_sha=base_sha,
            base_ref=found["target_branch"],
            clone_url=self.clone_url(ref.repo),
            labels=tuple(found.get("labels") or ()),
        )

    def _tip(self, repo: RepoRef, branch: str) -> str:
        """Give the commit that a branch is at; a branch that is gone, as that of an old pull may be, is at none."""
        path = f"{project_path(repo)}/repository/branches/{quote(branch, safe='')}"
        try:
            with translated(f"reading the branch {branch} of {repo}"):
                return str(self._api.get(path)["commit"]["id"])
        except UserMistake as error:
            if is_absent(error):
                return ""
            raise

    def _source(self, repo: RepoRef, found: Json) -> str:
        """Name the repository of the head; a fork that is gone, or hidden from the token, has no name."""
        source = found.get("source_project_id")
        if source == found["target_project_id"]:
            return repo.full_name
        if source is None:
            return ""
        try:
            with translated(f"reading the fork that a pull of {repo} comes from"):
                return str(self._api.get(f"/projects/{source}")["path_with_namespace"])
        except UserMistake as error:
            if is_absent(error):
                return ""
            raise

    def clone_url(self, repo: RepoRef) -> str:
        """See `Forge`. A self-managed GitLab may set the address as it likes; it is asked once."""
        if repo not in self._clone_urls:
            with translated(f"reading {repo}"):
                self._clone_urls[repo] = str(self._api.get(project_path(repo))["http_url_to_repo"])
        return self._clone_urls[repo]

    def open_pulls(self, repo: RepoRef) -> Iterable[Pull]:
        """See `Forge`. One that has no commit yet is left out."""
        with translated(f"listing open pulls of {repo}"):
            query = {"state": "opened", "scope": "all", "order_by": "updated_at", "sort": "desc"}
            listed = [one for one in self._api.list(f"{project_path(repo)}/merge_requests", **query) if one.get("sha")]
            tips = {branch: self._tip(repo, branch) for branch in {one["target_branch"] for one in listed}}
            return [
                self._pull(PullRef(repo, int(one["iid"])), one, base_sha=tips[one["target_branch"]]) for one in listed
            ]

    def pull_facts(self, pull: Pull, *, own_statuses: str | tuple[str, ...]) -> PullFacts:
        """See `Forge`."""
        with translated(f"judging {pull.ref}"):
            current = self._computed(pull.ref)
            situation = read_situation(self._api, pull.ref, current)
        approved, why_not_approved = approval(situation)
        mergeable, why_not_mergeable = mergeability(situation, own_statuses=own_statuses)
        if current["state"] != "opened":
            mergeable, why_not_mergeable = False, f"it is {current['state']}"
        elif (current["sha"], current["target_branch"]) != (pull.head_sha, pull.base_ref):
            mergeable, why_not_mergeable = False, "it has changed since Thera read it"
        undiverged, why_diverged = _divergence(current, pull.base_ref)
        return PullFacts(
            approved=approved,
            approved_reason=why_not_approved,
            mergeable=mergeable,
            mergeable_reason=why_not_mergeable,
            undiverged=undiverged,
            undiverged_reason=why_diverged,
        )

    def _computed(self, ref: PullRef) -> dict[str, Any]:
        """Read a pull, again for a few seconds while GitLab computes whether it can be merged."""
        read = partial(self._api.get, pull_path(ref), include_diverged_commits_count="true")
        current = read()
        for look in range(_LOOKS):
            if not is_computing(current):
                break
            time.sleep(_FIRST_PAUSE * 2**look)
            current = read()
        return current

    def permission(self, repo: RepoRef, user: str) -> Permission:
        """See `Forge`. What everybody may read, everybody who has an account may."""
        with translated(f"what {user} may do in {repo}"):
            level = self._level(f"{project_path(repo)}/members/all", user)
            if permission_of(level) is not Permission.NONE:
                return permission_of(level)
            if self._api.get(project_path(repo)).get("visibility") not in _VISIBLE:
                return Permission.NONE
            known = self._api.list("/users", username=user)
            return Permission.READ if any(one.get("state") == "active" for one in known) else Permission.NONE

    def _level(self, path: str, user: str) -> int:
        """Give the highest access level that the members of a list have who are called so: one, or none."""
        members = self._api.list(path, query=user)
        mine = (one for one in members if one["username"].lower() == user.lower() and is_active(one))
        return max((int(one["access_level"]) for one in mine), default=0)

    def in_team(self, repo: RepoRef, team: str, user: str) -> bool:  # noqa: ARG002  (a group is named by its full path)
        """See `Forge`. `team` is the full path of a group; who is in a group above it is in it too."""
        try:
            with translated(f"whether {user} is in {team}"):
                return self._level(f"/groups/{quote(team, safe='')}/members/all", user) > 0
        except UserMistake as error:
            if is_absent(error):
                return False
            raise

    def post_comment(self, pull: PullRef, body: str) -> str:
        """See `Forge`."""
        self._throttle.wait()
        with translated(f"commenting on {pull}"):
            return str(self._api.post(f"{pull_path(pull)}/notes", {"body": harmless(body)})["id"])

    def edit_comment(self, pull: PullRef, comment_id: str, body: str) -> None:
        """See `Forge`."""
        self._throttle.wait()
        with translated(f"editing a comment on {pull}"):
            self._api.put(f"{pull_path(pull)}/notes/{int(comment_id)}", {"body": harmless(body)})

    def _newest_notes(self, pull: PullRef) -> Iterator[dict[str, Any]]:
        notes = self._api.list(f"{pull_path(pull)}/notes", order_by="created_at", sort="desc")
        return (one for one in islice(notes, _NOTES) if not one.get("system"))

    def find_comment(self, pull: PullRef, marker: str) -> str | None:
        """See `Forge`."""
        login = self.login.lower()
        with translated(f"reading the comments of {pull}"):
            for note in self._newest_notes(pull):
                if note["author"]["username"].lower() == login and marker in note["body"]:
                    return str(note["id"])
        return None

    def comments_since(self, repo: RepoRef, since: datetime) -> Iterator[tuple[PullRef, Comment]]:
        """See `Forge`. GitLab lists comments by merge request only: those that have changed since are looked at."""
        moment = since.astimezone(UTC).replace(microsecond=0)
        query = {"scope": "all", "updated_after": moment.isoformat(), "order_by": "updated_at"}
        with translated(f"listing new comments of {repo}"):
            changed = [int(one["iid"]) for one in self._api.list(f"{project_path(repo)}/merge_requests", **query)]
            found = [pair for number in changed for pair in self._notes_since(PullRef(repo, number), moment)]
        yield from sorted(found, key=lambda pair: pair[1].created_at)

    def _notes_since(self, pull: PullRef, moment: datetime) -> Iterator[tuple[PullRef, Comment]]:
        for note in self._newest_notes(pull):
            written = datetime.fromisoformat(note["created_at"]).astimezone(UTC)
            if written < moment:
                return
            if not (note.get("internal") or note.get("confidential")):
                author, body = note["author"]["username"], note["body"]
                yield pull, Comment(id=str(note["id"]), author=author, body=body, created_at=written)

    def hide_comment(self, pull: PullRef, comment_id: str) -> None:
        """See `Forge`. GitLab cannot hide a note: it is folded by an edit, and a thread that it opened is resolved."""
        path = f"{pull_path(pull)}/notes/{int(comment_id)}"
        with translated(f"folding a comment on {pull}"):
            note = self._api.get(path)
            text = folded(note["body"])
            if text != note["body"]:
                self._throttle.wait()
                self._api.put(path, {"body": text})
            if note.get("resolvable") and not note.get("resolved"):
                self._resolve(pull, int(comment_id))

    def _resolve(self, pull: PullRef, note_id: int) -> None:
        path = f"{pull_path(pull)}/discussions"
        for discussion in self._api.list(path):
            if any(note["id"] == note_id for note in discussion["notes"]):
                self._throttle.wait()
                self._api.put(f"{path}/{discussion['id']}", {"resolved": True})
                return

    def react(self, pull: PullRef, comment_id: str, emoji: str) -> None:
        """See `Forge`."""
        self._throttle.wait()
        try:
            with translated(f"reacting on {pull}"):
                path = f"{pull_path(pull)}/notes/{int(comment_id)}/award_emoji"
                self._api.post(path, {"name": _EMOJIS.get(emoji, emoji)})
        except UserMistake as error:
            if "already been taken" not in message_of(error.__cause__):  # said with a 404: docs, "Emoji reactions API"
                raise

    def set_status(self, pull: Pull, sha: str, status: CommitStatus) -> None:
        """See `Forge`."""
        self._throttle.wait()
        with translated(f"setting a status of {pull.ref}"):
            gitlab_statuses.set_status(self._api, pull, sha, status)

    def merge(self, pull: Pull, *, method: MergeMethod = MergeMethod.DEFAULT, delete_branch: bool = False) -> None:
        """See `Forge`."""
        self._throttle.wait()
        gitlab_merging.merge(self._api, pull, method=method, delete_branch=delete_branch)

    def inspect(self, repo: RepoRef, *, hook: WantedHook | None, own_statuses: str) -> Sequence[Finding]:
        """See `Forge`."""
        return list(gitlab_inspect.inspect(self._api, repo, login=self.login, hook=hook, own_statuses=own_statuses))

    def set_webhook(self, repo: RepoRef, hook: WantedHook) -> str:
        """See `Forge`."""
        self._throttle.wait()
        return gitlab_inspect.set_webhook(self._api, repo, hook)

    def credential(self, repo: RepoRef) -> Credential:  # noqa: ARG002  (a token is for all repositories)
        """See `Forge`. With a token for its password GitLab takes any user name; this is the one it documents."""
        return Credential(username="oauth2", password=self._token, ca_certificate=self._ca_certificate)


def _divergence(current: Json, branch: str) -> tuple[bool, str]:
    behind = current.get("diverged_commits_count")
    if behind is None:
        return False, f"GitLab does not say how far `{branch}` is ahead"
    return behind == 0, f"`{branch}` is {behind} commits ahead" if behind else ""
