"""GitHub and GitHub Enterprise Server, through PyGithub."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from github import Auth, Github
from github.GithubException import GithubException, UnknownObjectException
from github.PullRequest import PullRequest
from github.Repository import Repository
from urllib3.util import Retry

from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.domain.requirements import PullFacts
from server.forges.base import Capabilities, Comment, CommitStatus, Credential, Permission
from server.forges.github_errors import translated
from server.forges.github_rules import Review, Rules, Situation, approval, mergeability
from server.forges.throttle import Throttle

_TIMEOUT = 15
_DESCRIPTION = 140
_COMMENT_LIMIT = 65_000  # GitHub's is 65,536
_PERMISSIONS = {"admin": Permission.ADMIN, "maintain": Permission.WRITE, "write": Permission.WRITE}
_READERS = {"read": Permission.READ, "triage": Permission.READ}
_LOOKS = 5
_PAGES = 10


def host_of(url: str) -> str:
    """Name the host that repositories are spelled with: `api.github.com` is `github.com`, others are themselves."""
    authority = urlsplit(url).netloc.rpartition("@")[2].lower()
    return "github.com" if authority == "api.github.com" else authority


class GitHubForge:
    """One GitHub with one token."""

    def __init__(self, *, url: str, token: str, login: str | None = None, write_interval: timedelta) -> None:
        self._token = token
        self._login = login
        self._throttle = Throttle(write_interval)
        self.host = host_of(url)
        self.capabilities = Capabilities(comment_limit=_COMMENT_LIMIT, can_minimize=True)
        self._github = Github(
            base_url=url,
            auth=Auth.Token(token),
            timeout=_TIMEOUT,
            per_page=100,
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
        )

    def open_pulls(self, repo: RepoRef) -> Iterable[Pull]:
        """See `Forge`."""
        with translated(f"listing open pulls of {repo}"):
            pulls = list(self._repo(repo).get_pulls(state="open", sort="updated", direction="desc"))
            return [self._pull(PullRef(repo, pull.number), pull) for pull in pulls]

    def pull_facts(self, pull: Pull, *, own_statuses: str) -> PullFacts:
        """See `Forge`."""
        with translated(f"judging {pull.ref}"):
            repo = self._repo(pull.ref.repo)
            current = self._computed(pull.ref)
            comparison = repo.compare(pull.base_ref, pull.head_sha)
            rules = _rules(repo, pull.base_ref)
            situation = Situation(
                state=current.mergeable_state or "unknown",
                draft=current.draft,
                author=pull.author,
                reviews=[Review(author=_author(one), state=one.state) for one in current.get_reviews()],
                checks=_checks(repo, pull.head_sha) if rules.contexts else {},
                behind=comparison.behind_by,
            )
        approved, why_not_approved = approval(situation, rules)
        mergeable, why_not_mergeable = mergeability(situation, rules, own_statuses=own_statuses)
        behind = situation.behind
        return PullFacts(
            approved=approved,
            approved_reason=why_not_approved,
            mergeable=mergeable,
            mergeable_reason=why_not_mergeable,
            undiverged=behind == 0,
            undiverged_reason=f"`{pull.base_ref}` is {behind} commits ahead" if behind else "",
        )

    def _computed(self, ref: PullRef) -> PullRequest:
        """Read a pull, again for a few seconds while GitHub computes whether it can be merged."""
        current = self._read(ref)
        for look in range(_LOOKS):
            if current.mergeable_state not in {None, "unknown"}:
                break
            time.sleep(0.2 * 2**look)
            current = self._read(ref)
        return current

    def permission(self, repo: RepoRef, user: str) -> Permission:
        """See `Forge`."""
        try:
            with translated(f"what {user} may do in {repo}"):
                answer = self._repo(repo).get_collaborator_permission(user)
        except Exception as error:
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
        """See `Forge`."""
        with translated(f"reading the comments of {pull}"):
            found = None
            for comment in self._issue(pull).get_comments():
                if _author(comment).lower() == self.login.lower() and marker in (comment.body or ""):
                    found = str(comment.id)
            return found

    def comments_since(self, repo: RepoRef, since: datetime) -> Iterator[tuple[PullRef, Comment]]:
        """See `Forge`."""
        with translated(f"listing new comments of {repo}"):
            comments = list(self._repo(repo).get_issues_comments(sort="created", direction="asc", since=since))
        for comment in comments:
            if "/pull/" in comment.html_url:
                number = int(comment.issue_url.rpartition("/")[2])
                yield (
                    PullRef(repo, number),
                    Comment(
                        id=str(comment.id),
                        author=_author(comment),
                        body=comment.body or "",
                        created_at=comment.created_at.astimezone(UTC),
                    ),
                )

    def react(self, pull: PullRef, comment_id: str, emoji: str) -> None:
        """See `Forge`."""
        self._throttle.wait()
        path = f"/repos/{pull.repo.full_name}/issues/comments/{int(comment_id)}/reactions"
        with translated(f"reacting on {pull}"):
            self._request("POST", path, {"content": emoji})

    def set_status(self, repo: RepoRef, sha: str, status: CommitStatus) -> None:
        """See `Forge`."""
        self._throttle.wait()
        body = {
            "state": status.state.value,
            "context": status.context,
            "description": status.description[:_DESCRIPTION],
            "target_url": status.url,
        }
        with translated(f"setting a status of {repo}"):
            self._request("POST", f"/repos/{repo.full_name}/statuses/{sha}", body)

    def credential(self, repo: RepoRef) -> Credential:  # noqa: ARG002  (a token is for all repositories)
        """See `Forge`."""
        return Credential(username="x-access-token", password=self._token)


def _author(thing: Any) -> str:
    return str(thing.user.login) if thing.user else "ghost"


def _checks(repo: Repository, sha: str) -> dict[str, str]:
    """Map every status and check run of a commit to its state."""
    commit = repo.get_commit(sha)
    found = {status.context: status.state for status in commit.get_combined_status().statuses}
    for check in commit.get_check_runs():
        found[check.name] = check.conclusion or check.status
    return found


def _rules(repo: Repository, branch: str) -> Rules:
    """Read classic protection and rulesets; what the token may not read is taken as absent."""
    contexts: set[str] = set()
    approvals, strict = 0, False
    try:
        protection = repo.get_branch(branch).get_protection()
    except GithubException as error:
        if error.status not in {403, 404}:
            raise
    else:
        checks: Any = protection.required_status_checks
        reviews: Any = protection.required_pull_request_reviews
        contexts |= set(checks.contexts) if checks else set()
        strict = bool(checks and checks.strict)
        approvals = (reviews.required_approving_review_count or 0) if reviews else 0
    for rule in _ruleset(repo, branch):
        parameters = rule.get("parameters") or {}
        if rule.get("type") == "required_status_checks":
            contexts |= {check["context"] for check in parameters.get("required_status_checks", ())}
            strict = strict or bool(parameters.get("strict_required_status_checks_policy"))
        elif rule.get("type") == "pull_request":
            approvals = max(approvals, parameters.get("required_approving_review_count", 0))
    return Rules(contexts=frozenset(contexts), approvals=approvals, up_to_date=strict)


def _ruleset(repo: Repository, branch: str) -> list[dict[str, Any]]:
    try:
        found = repo.requester.requestJsonAndCheck("GET", f"{repo.url}/rules/branches/{branch}")[1]
    except GithubException as error:
        if error.status not in {403, 404}:
            raise
        return []
    return found if isinstance(found, list) else []
