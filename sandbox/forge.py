"""What can be done on the forge, by whatever face it is asked; every change tells the listeners."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sandbox.branches import Branches
from sandbox.gitrepo import GitRepo
from sandbox.model import Comment, Grant, Hook, Ids, Protection, Pull, Repo, Review, Status, User, new_token, now

Listener = Callable[[str, Repo, Pull | None, Mapping[str, object]], None]


class NoSuchThing(Exception):
    """Asked for something that is not there."""


class NotPossible(Exception):
    """The forge refuses; the message says why."""


class SandboxForge:
    """Repositories, people and pulls. Safe to use from several threads."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.lock = threading.RLock()
        self.ids = Ids()
        self.users: dict[str, User] = {}
        self.teams: dict[str, set[str]] = {}
        self.grants: dict[str, Grant] = {}
        self.repos: dict[str, Repo] = {}
        self.listeners: list[Listener] = []
        self._branches = Branches()

    def tell(self, what: str, repo: Repo, **facts: object) -> None:
        """Have the listeners hear of something that only one face knows."""
        self._tell(what, repo, None, **facts)

    def _tell(self, what: str, repo: Repo, pull: Pull | None, **facts: object) -> None:
        for listener in self.listeners:
            listener(what, repo, pull, facts)

    # people and repositories

    def create_user(self, login: str) -> str:
        """Make a user; gives the token."""
        user = User(id=self.ids.next(), login=login, token=new_token())
        self.users[login] = user
        return user.token

    def user_of(self, token: str) -> User | None:
        """Find whose token it is."""
        grant = self.grants.get(token)
        if grant is not None:
            return self.users[grant.login] if grant.until > now() else None
        return next((user for user in self.users.values() if user.token == token), None)

    def create_repo(
        self, full_name: str, files: Mapping[str, str], *, private: bool = True, face: str = "github"
    ) -> Repo:
        """Make a repository with one commit on `main`."""
        git = GitRepo.create(self.data_dir / f"{full_name}.git")
        repo = Repo(id=self.ids.next(), full_name=full_name, git=git, private=private, face=face)
        git.commit("main", files, message="Begin")
        self.repos[full_name] = repo
        self._branches.moved(repo)
        return repo

    def repo(self, full_name: str) -> Repo:
        """Find a repository."""
        if full_name not in self.repos:
            raise NoSuchThing(full_name)
        return self.repos[full_name]

    def pull(self, full_name: str, number: int) -> Pull:
        """Find a pull."""
        pulls = self.repo(full_name).pulls
        if number not in pulls:
            raise NoSuchThing(f"{full_name}#{number}")
        return pulls[number]

    def permit(self, full_name: str, login: str, permission: str) -> None:
        """Give a user `admin`, `write` or `read` rights."""
        self.repo(full_name).permissions[login] = permission

    def permission(self, full_name: str, login: str) -> str:
        """Say what a user may do."""
        repo = self.repo(full_name)
        return repo.permissions.get(login, "none" if repo.private else "read")

    def add_hook(
        self, full_name: str, url: str, secret: str, events: Sequence[str] = ("*",), *, face: str = "github"
    ) -> Hook:
        """Subscribe to what happens, told as `github` or `gitlab` would."""
        hook = Hook(id=self.ids.next(), url=url, secret=secret, events=tuple(events), face=face)
        self.repo(full_name).hooks.append(hook)
        return hook

    def protect(
        self,
        full_name: str,
        branch: str,
        *,
        approvals: int = 0,
        contexts: Sequence[str] = (),
        strict: bool = False,
        in_ruleset: bool = False,
    ) -> None:
        """Set the rules of a branch."""
        self.repo(full_name).protections[branch] = Protection(approvals, tuple(contexts), strict, in_ruleset)

    # code

    def commit(
        self,
        full_name: str,
        branch: str,
        files: Mapping[str, str],
        *,
        message: str = "Change",
        author: str = "ann",
        base: str = "main",
        delete: Sequence[str] = (),
    ) -> str:
        """Commit to a branch, as a push does."""
        sha = self.repo(full_name).git.commit(branch, files, message=message, base=base, delete=delete)
        self.pushed(full_name, author)
        return sha

    def pushed(self, full_name: str, author: str) -> None:
        """Look which branches and pulls' heads have moved, and tell of it."""
        with self.lock:
            self._tell_branches(self.repo(full_name), author)
            for repo in self.repos.values():
                for pull in repo.pulls.values():
                    if pull.head_repo == full_name and pull.state == "open":
                        self._follow(repo, pull, author)

    def _tell_branches(self, repo: Repo, author: str) -> None:
        for ref, before, after in self._branches.moved(repo):
            self._tell("branch.moved", repo, None, actor=author, ref=ref, before=before, after=after)

    def _follow(self, repo: Repo, pull: Pull, author: str) -> None:
        source = self.repo(pull.head_repo).git
        sha = source.sha(f"refs/heads/{pull.head_ref}")
        if sha is None or sha == pull.head_sha:
            return
        before, was = pull.head_sha, pull.updated_at
        pull.head_sha, pull.updated_at = sha, now()
        self._take_head(repo, source, pull.head_ref, pull.number)
        moves = {"updated_at": (was, pull.updated_at)}
        self._tell("pull_request.synchronize", repo, pull, actor=author, before=before, moves=moves)

    def _take_head(self, repo: Repo, source: GitRepo, branch: str, number: int) -> None:
        """Keep a pull's head under the names that GitHub and GitLab have for it."""
        for name in (f"refs/pull/{number}/head", f"refs/merge-requests/{number}/head"):
            repo.git.copy_from(source, f"refs/heads/{branch}", name)

    # pulls

    def open_pull(
        self,
        full_name: str,
        *,
        head: str,
        title: str,
        author: str,
        base: str = "main",
        body: str = "",
        draft: bool = False,
        head_repo: str | None = None,
    ) -> int:
        """Open a pull request; gives its number."""
        with self.lock:
            repo = self.repo(full_name)
            source = self.repo(head_repo or full_name)
            sha = source.git.sha(f"refs/heads/{head}")
            if sha is None or repo.git.sha(f"refs/heads/{base}") is None:
                raise NotPossible("the head or base branch does not exist")
            number = len(repo.pulls) + 1
            pull = Pull(
                id=self.ids.next(),
                number=number,
                title=title,
                body=body,
                author=author,
                head_repo=source.full_name,
                head_ref=head,
                base_ref=base,
                head_sha=sha,
                draft=draft,
            )
            self._take_head(repo, source.git, head, number)
            repo.pulls[number] = pull
        self._tell("pull_request.opened", repo, pull, actor=author)
        return number

    def change_pull(self, full_name: str, number: int, actor: str, **changes: object) -> Pull:
        """Change title, text, base, draft, labels or state."""
        with self.lock:
            repo, pull = self.repo(full_name), self.pull(full_name, number)
            actions = []
            if "state" in changes and changes["state"] != pull.state:
                actions.append("closed" if changes["state"] == "closed" else "reopened")
            if "draft" in changes and changes["draft"] != pull.draft:
                actions.append("converted_to_draft" if changes["draft"] else "ready_for_review")
            edits: dict[str, object] = {
                key: {"from": getattr(pull, field)}
                for key, field in (("title", "title"), ("base", "base_ref"))
                if field in changes and changes[field] != getattr(pull, field)
            }
            moves = {name: (getattr(pull, name), value) for name, value in changes.items()}
            moves = {name: ends for name, ends in moves.items() if ends[0] != ends[1]}
            for name, value in changes.items():
                setattr(pull, name, value)
            was, pull.updated_at = pull.updated_at, now()
            if moves:
                moves["updated_at"] = (was, pull.updated_at)
        if moves:
            self._tell("pull.changed", repo, pull, actor=actor, moves=moves)
        if edits:
            self._tell("pull_request.edited", repo, pull, actor=actor, changes=edits)
        for action in actions:
            self._tell(f"pull_request.{action}", repo, pull, actor=actor)
        return pull

    def merge(
        self,
        full_name: str,
        number: int,
        actor: str,
        *,
        sha: str | None = None,
        judged: bool = False,
        commit: str | None = None,
        message: str = "",
    ) -> str:
        """Merge a pull request, or a commit that stands for it.

        `judged` is for a face that has asked its own rules already.

        Raises:
            NotPossible: a rule is in the way, or the head is another than the one named.
        """
        with self.lock:
            repo, pull = self.repo(full_name), self.pull(full_name, number)
            if sha is not None and sha != pull.head_sha:
                raise NotPossible("Head branch was modified. Review and try the merge again.")
            state = "clean" if judged else self.mergeable_state(repo, pull)
            if pull.state != "open" or state not in {"clean", "unstable", "has_hooks"}:
                raise NotPossible(f"Pull Request is not mergeable ({state})")
            words = message or f"Merge pull request #{number}"
            pull.merge_sha = repo.git.merge(pull.base_ref, commit or f"refs/pull/{number}/head", message=words)
            pull.state, pull.merged_by, pull.merged_at, pull.updated_at = "closed", actor, now(), now()
        self._tell("pull_request.closed", repo, pull, actor=actor)
        self._tell_branches(repo, actor)
        return pull.merge_sha

    def mergeable_state(self, repo: Repo, pull: Pull) -> str:
        """Judge as GitHub does: draft, dirty, behind, blocked, unstable or clean."""
        base, head = f"refs/heads/{pull.base_ref}", f"refs/pull/{pull.number}/head"
        if repo.git.conflicts(base, head):
            return "dirty"
        if pull.draft:
            return "draft"
        rules = repo.protections.get(pull.base_ref, Protection())
        statuses = repo.states(pull.head_sha)
        if rules.strict and repo.git.ahead_behind(base, head)[1]:
            return "behind"
        if rules.approvals and (rules.approvals > self.approvals(pull) or self.changes_requested(pull)):
            return "blocked"
        if any(statuses.get(context) != "success" for context in rules.contexts):
            return "blocked"
        return "clean" if all(state == "success" for state in statuses.values()) else "unstable"

    def last_words(self, pull: Pull) -> dict[str, str]:
        """Keep each reviewer's last review that decides."""
        decisive = {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}
        return {review.author: review.state for review in pull.reviews if review.state in decisive}

    def approvals(self, pull: Pull) -> int:
        """Count approvals in force."""
        return sum(state == "APPROVED" for state in self.last_words(pull).values())

    def changes_requested(self, pull: Pull) -> bool:
        """Say whether somebody asks for changes."""
        return "CHANGES_REQUESTED" in self.last_words(pull).values()

    # conversation

    def comment(self, full_name: str, number: int, author: str, body: str) -> Comment:
        """Write a comment."""
        with self.lock:
            repo, pull = self.repo(full_name), self.pull(full_name, number)
            comment = Comment(id=self.ids.next(), author=author, body=body)
            pull.comments.append(comment)
            pull.updated_at = now()
        self._tell("issue_comment.created", repo, pull, actor=author, comment=comment)
        return comment

    def find_comment(self, full_name: str, comment_id: int) -> tuple[Pull, Comment]:
        """Find a comment of a repository by its id."""
        for pull in self.repo(full_name).pulls.values():
            for comment in pull.comments:
                if comment.id == comment_id:
                    return pull, comment
        raise NoSuchThing(f"comment {comment_id}")

    def edit_comment(self, full_name: str, comment_id: int, body: str, actor: str) -> Comment:
        """Replace a comment's text."""
        pull, comment = self.find_comment(full_name, comment_id)
        before, comment.body, comment.updated_at = comment.body, body, now()
        changes = {"body": {"from": before}}
        self._tell("issue_comment.edited", self.repo(full_name), pull, actor=actor, comment=comment, changes=changes)
        return comment

    def delete_comment(self, full_name: str, comment_id: int, actor: str) -> None:
        """Take a comment away."""
        pull, comment = self.find_comment(full_name, comment_id)
        pull.comments.remove(comment)
        self._tell("issue_comment.deleted", self.repo(full_name), pull, actor=actor, comment=comment)

    def react(self, full_name: str, comment_id: int, author: str, content: str) -> bool:
        """React to a comment; False if that reaction is there already."""
        _, comment = self.find_comment(full_name, comment_id)
        if (author, content) in comment.reactions:
            return False
        comment.reactions.append((author, content))
        return True

    def review(
        self, full_name: str, number: int, author: str, state: str, body: str = "", *, own: bool = False
    ) -> Review:
        """Submit a review: `APPROVED`, `CHANGES_REQUESTED` or `COMMENTED`; `own` lets authors approve."""
        with self.lock:
            repo, pull = self.repo(full_name), self.pull(full_name, number)
            if author == pull.author and state != "COMMENTED" and not own:
                raise NotPossible("Can not approve your own pull request")
            review = Review(id=self.ids.next(), author=author, state=state, commit=pull.head_sha, body=body)
            pull.reviews.append(review)
        self._tell("pull_request_review.submitted", repo, pull, actor=author, review=review)
        return review

    def dismiss_review(self, full_name: str, number: int, review_id: int, actor: str) -> Review:
        """Withdraw a review; it stays where it is, and counts no more."""
        with self.lock:
            repo, pull = self.repo(full_name), self.pull(full_name, number)
            review = next((one for one in pull.reviews if one.id == review_id), None)
            if review is None:
                raise NoSuchThing(f"review {review_id}")
            if review.state not in {"APPROVED", "CHANGES_REQUESTED"}:
                raise NotPossible("Can not dismiss a commented pull request review")
            review.state = "DISMISSED"
        self._tell("pull_request_review.dismissed", repo, pull, actor=actor, review=review)
        return review

    def set_status(self, full_name: str, sha: str, status: Status) -> None:
        """Set a commit status."""
        with self.lock:
            repo = self.repo(full_name)
            if repo.git.sha(sha) is None:
                raise NotPossible(f"No commit found for SHA: {sha}")
            repo.statuses.setdefault(sha, []).append(status)
