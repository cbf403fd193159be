"""GitHub and GitHub Enterprise Server, through PyGithub."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from github.GithubException import UnknownObjectException
from github.PullRequest import PullRequest
from github.Repository import Repository

from server.domain.errors import UserMistake
from server.domain.findings import Finding
from server.domain.pull import Pull, PullState
from server.domain.refs import PullRef, RepoRef
from server.domain.requirements import PullFacts
from server.forges import github_inspect
from server.forges.base import Capabilities, Comment, CommitStatus, Credential, MergeMethod, Permission, WantedHook
from server.forges.config import ForgeConfig
from server.forges.github_checks import set_check
from server.forges.github_client import PER_PAGE, GitHubClient, host_of
from server.forges.github_merging import delete_head, merge_pull
from server.forges.github_protection import read_checks, read_decision, read_rules
from server.forges.github_rules import Review, Rules, Situation, approval, latest_reviews, mergeability

_DESCRIPTION = 140
_COMMENT_LIMIT = 65_000  # GitHub's is 65,536
_PERMISSIONS = {"admin": Permission.ADMIN, "maintain": Permission.WRITE, "write": Permission.WRITE}
_READERS = {"read": Permission.READ, "triage": Permission.READ}
_LOOKS = 5
_PAGES = 10  # of comments: the newest thousand
_HIDE = "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) { clientMutationId } }"


class GitHubForge:
    """One GitHub with one credential: an account's token, or a GitHub App with all its installations."""

    def __init__(self, config: ForgeConfig) -> None:
        self._client = GitHubClient(config)
        self._login = config.login
        self._ca_certificate = config.ca_certificate
        self.host = host_of(config.url)
        is_app = self._client.app is not None
        self.capabilities = Capabilities(comment_limit=_COMMENT_LIMIT, can_hide_comments=True, has_checks=is_app)

    @property
    def login(self) -> str:
        """The account that comments are written as, asked once."""
        if self._login is None:
            self._login = self._client.tokens.login(self._ask_login)
        return self._login

    def _ask_login(self) -> str:
        anywhere = RepoRef(self.host, "")
        with self._client.translated("who the token belongs to", anywhere):
            return str(self._client.github(anywhere).get_user().login)

    def _repo(self, repo: RepoRef) -> Repository:
        return self._client.github(repo).get_repo(repo.full_name)

    def get_pull(self, ref: PullRef) -> Pull:
        """See `Forge`."""
        with self._client.translated(f"reading {ref}", ref.repo):
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
        with self._client.translated(f"listing open pulls of {repo}", repo):
            pulls = list(self._repo(repo).get_pulls(state="open", sort="updated", direction="desc"))
            return [self._pull(PullRef(repo, pull.number), pull) for pull in pulls]

    def pull_facts(self, pull: Pull, *, own_statuses: str | tuple[str, ...]) -> PullFacts:
        """See `Forge`."""
        with self._client.translated(f"judging {pull.ref}", pull.ref.repo):
            current = self._computed(pull.ref)
            rules = read_rules(self._client.requester(pull.ref.repo), pull.ref.repo, pull.base_ref)
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
        ref, requester = pull.ref, self._client.requester(pull.ref.repo)
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
            with self._client.translated(f"what {user} may do in {repo}", repo):
                answer = self._repo(repo).get_collaborator_permission(user)
        except UserMistake as error:
            if isinstance(error.__cause__, UnknownObjectException):
                return Permission.NONE
            raise
        return _PERMISSIONS.get(answer) or _READERS.get(answer, Permission.NONE)

    def post_comment(self, pull: PullRef, body: str) -> str:
        """See `Forge`."""
        self._client.wait(pull.repo)
        with self._client.translated(f"commenting on {pull}", pull.repo):
            return str(self._issue(pull).create_comment(body).id)

    def _issue(self, pull: PullRef) -> Any:
        return self._repo(pull.repo).get_issue(pull.number)

    def edit_comment(self, pull: PullRef, comment_id: str, body: str) -> None:
        """See `Forge`."""
        path = f"/repos/{pull.repo.full_name}/issues/comments/{int(comment_id)}"
        with self._client.translated(f"editing a comment on {pull}", pull.repo):
            self._client.write(pull.repo, "PATCH", path, {"body": body})

    def find_comment(self, pull: PullRef, marker: str) -> str | None:
        """See `Forge`. GitHub lists the oldest first and has no other order, so the last page is read first."""
        login = self.login.lower()
        with self._client.translated(f"reading the comments of {pull}", pull.repo):
            comments = self._issue(pull).get_comments()
            last = -(-comments.totalCount // PER_PAGE)
            for page in range(last - 1, max(last - _PAGES, 0) - 1, -1):
                for comment in reversed(comments.get_page(page)):
                    if _author(comment).lower() == login and marker in (comment.body or ""):
                        return str(comment.id)
        return None

    def comments_since(self, repo: RepoRef, since: datetime) -> Iterator[tuple[PullRef, Comment]]:
        """See `Forge`. GitHub gives what was edited since, too: an old comment made into a command is none."""
        moment = since.astimezone(UTC).replace(microsecond=0)
        with self._client.translated(f"listing new comments of {repo}", repo):
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
        with self._client.translated(f"hiding a comment on {pull}", pull.repo):
            node = self._client.get(pull.repo, path)["node_id"]
            self._client.wait(pull.repo)
            self._client.requester(pull.repo).graphql_query(_HIDE, {"id": node})

    def in_team(self, repo: RepoRef, team: str, user: str) -> bool:
        """See `Forge`. `team` is its slug, with or without the repository's own organisation in front."""
        owner, _, slug = team.rpartition("/")
        if owner and owner.lower() != repo.owner.lower():
            return False  # another organisation's team of that name has no say here
        path = f"/orgs/{quote(repo.owner)}/teams/{quote(slug)}/memberships/{quote(user)}"
        try:
            with self._client.translated(f"whether {user} is in {team}", repo):
                answer = self._client.get(repo, path)
        except UserMistake as error:
            if isinstance(error.__cause__, UnknownObjectException):
                return False
            raise
        return bool(answer["state"] == "active")

    def merge(self, pull: Pull, *, method: MergeMethod = MergeMethod.DEFAULT, delete_branch: bool = False) -> None:
        """See `Forge`."""
        with self._client.translated(f"merging {pull.ref}", pull.ref.repo):
            if not self._read(pull.ref).merged:
                merge_pull(self._client, pull, method)
            if delete_branch and not pull.is_fork:
                delete_head(self._client, pull)

    def react(self, pull: PullRef, comment_id: str, emoji: str) -> None:
        """See `Forge`."""
        path = f"/repos/{pull.repo.full_name}/issues/comments/{int(comment_id)}/reactions"
        with self._client.translated(f"reacting on {pull}", pull.repo):
            self._client.write(pull.repo, "POST", path, {"content": emoji})

    def set_status(self, pull: Pull, sha: str, status: CommitStatus) -> None:
        """See `Forge`."""
        repo = pull.ref.repo
        body = {
            "state": status.state.value,
            "context": status.context,
            "description": status.description[:_DESCRIPTION],
            "target_url": status.url,
        }
        with self._client.translated(f"setting a status of {pull.ref}", repo):
            if self._client.app is not None:
                set_check(self._client, self._client.app.id, pull, sha, status)
            else:
                self._client.write(repo, "POST", f"/repos/{repo.full_name}/statuses/{sha}", body)

    def inspect(self, repo: RepoRef, *, hook: WantedHook | None, own_statuses: str) -> Sequence[Finding]:
        """See `Forge`."""
        return list(github_inspect.inspect(self._client, repo, login=self.login, hook=hook, own_statuses=own_statuses))

    def set_webhook(self, repo: RepoRef, hook: WantedHook) -> str:
        """See `Forge`."""
        return github_inspect.set_webhook(self._client, repo, hook)

    def clone_url(self, repo: RepoRef) -> str:
        """See `Forge`."""
        with self._client.translated(f"reading {repo}", repo):
            return str(self._client.get(repo, f"/repos/{repo.full_name}")["clone_url"])

    def credential(self, repo: RepoRef) -> Credential:
        """See `Forge`."""
        return Credential(
            username="x-access-token", password=self._client.tokens.of(repo), ca_certificate=self._ca_certificate
        )


def _author(thing: Any) -> str:
    return str(thing.user.login) if thing.user else "ghost"
