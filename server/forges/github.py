"""GitHub and GitHub Enterprise Server, through PyGithub."""

import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from github import Auth, Github
from github.GithubException import GithubException, UnknownObjectException
from github.PullRequest import PullRequest
from github.Repository import Repository
from urllib3.util import Retry

from server.domain.errors import UserMistake
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.domain.requirements import PullFacts
from server.forges.base import Capabilities, Comment, CommitStatus, Credential, MergeMethod, Permission
from server.forges.config import ForgeConfig
from server.forges.github_errors import translated
from server.forges.github_protection import read_checks, read_decision, read_rules
from server.forges.github_rules import Review, Rules, Situation, approval, latest_reviews, mergeability
from server.forges.throttle import Throttle

_TIMEOUT = 15
_DESCRIPTION = 140
_COMMENT_LIMIT = 65_000  # GitHub's is 65,536
_PERMISSIONS = {"admin": Permission.ADMIN, "maintain": Permission.WRITE, "write": Permission.WRITE}
_READERS = {"read": Permission.READ, "triage": Permission.READ}
_LOOKS = 5
_PER_PAGE = 100
_PAGES = 10  # of comments: the newest thousand
_HIDE = "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) { clientMutationId } }"


def host_of(url: str) -> str:
    """Name the host that repositories are spelled with: the authority of GitHub's pages, in small letters.

    The API of github.com and of a `ghe.com` tenant lives on `api.` in front of that; an Enterprise Server's on the
    same host. A port is part of it unless it is the scheme's own. Webhooks spell it alike, from `html_url`.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower().removesuffix({"https": ":443", "http": ":80"}.get(parts.scheme, ""))
    is_cloud = host == "api.github.com" or (host.startswith("api.") and host.endswith(".ghe.com"))
    return host.removeprefix("api.") if is_cloud else host


class GitHubForge:
    """One GitHub with one token."""

    def __init__(self, config: ForgeConfig) -> None:
        self._token = config.token
        self._login = config.login
        self._throttle = Throttle(config.write_interval)
        self._ca: str | bool = str(config.ca_file) if config.ca_file else True
        self.host = host_of(config.url)
        self.capabilities = Capabilities(comment_limit=_COMMENT_LIMIT, can_hide_comments=True)
        self._url = config.url
        self._threads = threading.local()

    @property
    def _github(self) -> Github:
        """This thread's own client: in PyGithub, threads that share one send each other's requests."""
        if not hasattr(self._threads, "github"):
            self._threads.github = self._connect()
        client: Github = self._threads.github
        return client

    def _connect(self) -> Github:
        return Github(
            base_url=self._url,
            auth=Auth.Token(self._token),
            timeout=_TIMEOUT,
            verify=self._ca,
            per_page=_PER_PAGE,
            user_agent="thera",
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
            # A POST that got no answer may have been heard: the publisher looks before it says a thing again.
            # PyGithub's own GithubRetry would sleep as long as GitHub wishes; whoever calls us decides about that.
            retry=Retry(total=2, backoff_factor=0.2, allowed_methods={"GET", "HEAD"}, respect_retry_after_header=False),
        )

    @property
    def login(self) -> str:
        """The account behind the token, asked once."""
        if self._login is None:
            with translated("who the token belongs to"):
                self._login = str(self._github.get_user().login)
        return self._login

    def _repo(self, repo: RepoRef) -> Repository:
        return self._github.get_repo(repo.full_name)

    def get_pull(self, ref: PullRef) -> Pull:
        """See `Forge`."""
        with translated(f"reading {ref}"):
            return self._pull(ref, self._read(ref))

    def _read(self, ref: PullRef) -> PullRequest:
        pull = self._repo(ref.repo).get_pull(ref.number)
        pull.complete()
        return pull

    def _pull(self, ref: PullRef, pull: PullRequest) -> Pull:
        head_repo: Repository | None = pull.head.repo  # None when the fork is gone, whatever PyGithub's types say
        return Pull(
            ref=ref,
            title=pull.title,
            author=_author(pull),
            url=pull.html_url,
            state=PullState.MERGED if pull.merged_at else PullState(pull.state),
            draft=pull.draft,
            head_sha=pull.head.sha,
            head_ref=pull.head.ref,
            head_repo="" if head_repo is None else head_repo.full_name,
            head_fetch_ref=f"refs/pull/{ref.number}/head",
            base_sha=pull.base.sha,
            base_ref=pull.base.ref,
            clone_url=pull.base.repo.clone_url,
            labels=tuple(label.name for label in pull.labels),
        )

    def open_pulls(self, repo: RepoRef) -> Iterable[Pull]:
        """See `Forge`."""
        with translated(f"listing open pulls of {repo}"):
            pulls = list(self._repo(repo).get_pulls(state="open", sort="updated", direction="desc"))
            return [self._pull(PullRef(repo, pull.number), pull) for pull in pulls]

    def pull_facts(self, pull: Pull, *, own_statuses: str) -> PullFacts:
        """See `Forge`."""
        with translated(f"judging {pull.ref}"):
            current = self._computed(pull.ref)
            rules = read_rules(self._github.requester, pull.ref.repo, pull.base_ref)
            situation = self._situation(pull, current, rules)
        approved, why_not_approved = approval(situation, rules)
        mergeable, why_not_mergeable = mergeability(situation, rules, own_statuses=own_statuses)
        if current.state != "open":
            mergeable, why_not_mergeable = False, "it is closed"
        elif (current.head.sha, current.base.ref) != (pull.head_sha, pull.base_ref):
            mergeable, why_not_mergeable = False, "it has changed since Thera read it"
        behind = situation.behind
        return PullFacts(
            approved=approved,
            approved_reason=why_not_approved,
            mergeable=mergeable,
            mergeable_reason=why_not_mergeable,
            undiverged=behind == 0,
            undiverged_reason=f"`{pull.base_ref}` is {behind} commits ahead" if behind else "",
        )

    def _situation(self, pull: Pull, current: PullRequest, rules: Rules) -> Situation:
        ref, requester = pull.ref, self._github.requester
        state = current.mergeable_state or "unknown"
        reviews = [Review(author=_author(one), state=one.state) for one in current.get_reviews()]
        last_words = latest_reviews(reviews, author=pull.author)
        deciding = [who for who, word in last_words.items() if word != "DISMISSED"]
        is_asked = state == "blocked" and (rules.exact_reviews or rules.resolved_conversations)
        decision, unresolved = read_decision(requester, ref) if is_asked else ("", None)
        comparison = self._repo(ref.repo).compare(pull.base_ref, pull.head_sha, comparison_commits_per_page=1)
        return Situation(
            state=state,
            draft=current.draft,
            author=pull.author,
            reviews=reviews,
            writers=frozenset(who for who in deciding if self.permission(ref.repo, who) >= Permission.WRITE),
            checks=read_checks(requester, ref.repo, pull.head_sha) if state == "blocked" and rules.checks else (),
            behind=comparison.behind_by,
            decision=decision,
            unresolved=unresolved,
        )

    def _computed(self, ref: PullRef) -> PullRequest:
        """Read a pull, again for a few seconds while GitHub computes whether it can be merged."""
        current = self._read(ref)
        for look in range(_LOOKS):
            if current.mergeable_state not in {None, "unknown"} or current.state != "open":
                break
            time.sleep(0.2 * 2**look)
            current = self._read(ref)
        return current

    def permission(self, repo: RepoRef, user: str) -> Permission:
        """See `Forge`."""
        try:
            with translated(f"what {user} may do in {repo}"):
                answer = self._repo(repo).get_collaborator_permission(user)
        except UserMistake as error:
            if isinstance(error.__cause__, UnknownObjectException):
                return Permission.NONE
            raise
        return _PERMISSIONS.get(answer) or _READERS.get(answer, Permission.NONE)

    def post_comment(self, pull: PullRef, body: str) -> str:
        """See `Forge`."""
        self._throttle.wait()
        with translated(f"commenting on {pull}"):
            return str(self._issue(pull).create_comment(body).id)

    def _issue(self, pull: PullRef) -> Any:
        return self._repo(pull.repo).get_issue(pull.number)

    def edit_comment(self, pull: PullRef, comment_id: str, body: str) -> None:
        """See `Forge`."""
        self._throttle.wait()
        with translated(f"editing a comment on {pull}"):
            self._request("PATCH", f"/repos/{pull.repo.full_name}/issues/comments/{int(comment_id)}", {"body": body})

    def _request(self, verb: str, path: str, body: dict[str, Any]) -> Any:
        return self._github.requester.requestJsonAndCheck(verb, path, input=body)[1]

    def find_comment(self, pull: PullRef, marker: str) -> str | None:
        """See `Forge`. GitHub lists the oldest first and has no other order, so the last page is read first."""
        login = self.login.lower()
        with translated(f"reading the comments of {pull}"):
            comments = self._issue(pull).get_comments()
            last = -(-comments.totalCount // _PER_PAGE)
            for page in range(last - 1, max(last - _PAGES, 0) - 1, -1):
                for comment in reversed(comments.get_page(page)):
                    if _author(comment).lower() == login and marker in (comment.body or ""):
                        return str(comment.id)
        return None

    def comments_since(self, repo: RepoRef, since: datetime) -> Iterator[tuple[PullRef, Comment]]:
        """See `Forge`. GitHub gives what was edited since, too: an old comment made into a command is none."""
        moment = since.astimezone(UTC).replace(microsecond=0)
        with translated(f"listing new comments of {repo}"):
            comments = list(self._repo(repo).get_issues_comments(sort="created", direction="asc", since=moment))
        for comment in comments:
            written = comment.created_at.astimezone(UTC)
            if "/pull/" in comment.html_url and written >= moment:
                number = int(comment.issue_url.rpartition("/")[2])
                found = Comment(
                    id=str(comment.id), author=_author(comment), body=comment.body or "", created_at=written
                )
                yield PullRef(repo, number), found

    def hide_comment(self, pull: PullRef, comment_id: str) -> None:
        """See `Forge`. Only GraphQL can, and it wants the comment's other id."""
        path = f"/repos/{pull.repo.full_name}/issues/comments/{int(comment_id)}"
        with translated(f"hiding a comment on {pull}"):
            node = self._github.requester.requestJsonAndCheck("GET", path)[1]["node_id"]
            self._throttle.wait()
            self._github.requester.graphql_query(_HIDE, {"id": node})

    def in_team(self, repo: RepoRef, team: str, user: str) -> bool:
        """See `Forge`. `team` is its slug, with or without the organisation in front."""
        slug = team.rpartition("/")[2]
        path = f"/orgs/{quote(repo.owner)}/teams/{quote(slug)}/memberships/{quote(user)}"
        try:
            with translated(f"whether {user} is in {team}"):
                answer = self._github.requester.requestJsonAndCheck("GET", path)[1]
        except UserMistake as error:
            if isinstance(error.__cause__, UnknownObjectException):
                return False
            raise
        return bool(answer["state"] == "active")

    def merge(self, pull: Pull, *, method: MergeMethod = MergeMethod.DEFAULT, delete_branch: bool = False) -> None:
        """See `Forge`."""
        path = f"/repos/{pull.ref.repo.full_name}"
        current = self._read(pull.ref)
        if not current.merged:
            body = {"sha": pull.head_sha, "merge_method": method.value or self._allowed_method(path)}
            self._throttle.wait()
            with translated(f"merging {pull.ref}"):
                self._request("PUT", f"{path}/pulls/{pull.ref.number}/merge", body)
        if delete_branch and not pull.is_fork:
            self._delete_branch(f"{path}/git/refs/heads/{quote(pull.head_ref)}")

    def _allowed_method(self, path: str) -> str:
        with translated("how pulls may be merged"):
            allowed = self._github.requester.requestJsonAndCheck("GET", path)[1]
        flags = {"merge": "allow_merge_commit", "squash": "allow_squash_merge", "rebase": "allow_rebase_merge"}
        return next((method for method, flag in flags.items() if allowed.get(flag, True)), "merge")

    def _delete_branch(self, path: str) -> None:
        self._throttle.wait()
        try:
            with translated("deleting a merged branch"):
                self._github.requester.requestJsonAndCheck("DELETE", path)
        except UserMistake as error:
            if not isinstance(error.__cause__, GithubException):  # the forge may have deleted it by itself
                raise

    def react(self, pull: PullRef, comment_id: str, emoji: str) -> None:
        """See `Forge`."""
        self._throttle.wait()
        path = f"/repos/{pull.repo.full_name}/issues/comments/{int(comment_id)}/reactions"
        with translated(f"reacting on {pull}"):
            self._request("POST", path, {"content": emoji})

    def set_status(self, pull: Pull, sha: str, status: CommitStatus) -> None:
        """See `Forge`."""
        self._throttle.wait()
        body = {
            "state": status.state.value,
            "context": status.context,
            "description": status.description[:_DESCRIPTION],
            "target_url": status.url,
        }
        with translated(f"setting a status of {pull.ref}"):
            self._request("POST", f"/repos/{pull.ref.repo.full_name}/statuses/{sha}", body)

    def credential(self, repo: RepoRef) -> Credential:  # noqa: ARG002  (a token is for all repositories)
        """See `Forge`."""
        return Credential(username="x-access-token", password=self._token)


def _author(thing: Any) -> str:
    return str(thing.user.login) if thing.user else "ghost"
