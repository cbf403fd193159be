"""What GitHub is asked with: an account's token, or those that a GitHub App is given for each of its installations."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from github import Auth, Github
from github.GithubException import UnknownObjectException
from github.Requester import Requester
from jwt.exceptions import InvalidKeyError

from server.domain.errors import Refused, UserMistake
from server.domain.refs import RepoRef
from server.forges.config import AppIdentity
from server.forges.github_errors import translated

_EARLY = timedelta(minutes=5)  # a token handed to a worker has to last for its clone
_KEY = "Set THERA_GITHUB_APP_KEY to the App's private key, the PEM file that GitHub gave you."


class Tokens(Protocol):
    """Where the token for a repository comes from. Safe for several threads."""

    def of(self, repo: RepoRef) -> str:
        """Give a token that is good for some minutes.

        Raises:
            Refused: there is none to be had; says what to do.
            TryLater: GitHub does not answer.
        """

    def reject(self, repo: RepoRef) -> bool:
        """Hear that GitHub did not accept the token; True if another one may be had by asking again."""

    def login(self, ask: Callable[[], str]) -> str:
        """Name the account that they write as; `ask` asks GitHub, as an account."""


class StaticToken:
    """One account's token, for everything."""

    def __init__(self, token: str) -> None:
        self._token = token

    def of(self, repo: RepoRef) -> str:  # noqa: ARG002  (the same for all)
        """See `Tokens`."""
        return self._token

    def reject(self, repo: RepoRef) -> bool:  # noqa: ARG002
        """See `Tokens`."""
        return False

    def login(self, ask: Callable[[], str]) -> str:
        """See `Tokens`."""
        return ask()


@dataclass(frozen=True)
class _Kept:
    token: str
    expires_at: datetime


class AppTokens:
    """A GitHub App's: one token for each owner that installed it, kept for all threads and renewed in time.

    What one owner does (suspend the App, remove it) is no other owner's trouble: each has a lock of its own.
    """

    def __init__(
        self, identity: AppIdentity, connect: Callable[[Auth.Auth], Github], *, clock: Callable[[], datetime]
    ) -> None:
        self.id = identity.id
        self._clock = clock
        self._connect: Callable[[], Github] = partial(connect, _app_auth(identity))
        self._locks: dict[str, threading.Lock] = {}
        self._kept: dict[str, _Kept] = {}
        self._guard = threading.Lock()
        self._app: Mapping[str, Any] | None = None

    def of(self, repo: RepoRef) -> str:
        """See `Tokens`."""
        owner = repo.owner.lower()
        with self._guard:
            lock = self._locks.setdefault(owner, threading.Lock())
        with lock:
            kept = self._kept.get(owner)
            if kept is None or kept.expires_at - self._clock() < _EARLY:
                kept = self._kept[owner] = self._fresh(repo)
            return kept.token

    def reject(self, repo: RepoRef) -> bool:
        """See `Tokens`."""
        return self._kept.pop(repo.owner.lower(), None) is not None

    def login(self, ask: Callable[[], str]) -> str:  # noqa: ARG002  (an App is no account)
        """See `Tokens`."""
        return f"{self._described()['slug']}[bot]"

    def installation(self, repo: RepoRef) -> Mapping[str, Any]:
        """Describe the App's installation on a repository's owner: its permissions and events."""
        return self._ask("GET", f"/repos/{repo.full_name}/installation", f"where the App is installed for {repo}")

    def hook(self) -> Mapping[str, Any]:
        """Read the configuration of the App's own webhook; its secret comes as asterisks."""
        return self._ask("GET", "/app/hook/config", "reading the App's webhook")

    def set_hook(self, config: Mapping[str, str]) -> None:
        """Change the App's own webhook."""
        self._ask("PATCH", "/app/hook/config", "setting the App's webhook", config)

    def _described(self) -> Mapping[str, Any]:
        if self._app is None:
            self._app = self._ask("GET", "/app", "which App this is")
        return self._app

    def _fresh(self, repo: RepoRef) -> _Kept:
        try:
            found = self._ask("GET", f"/repos/{repo.full_name}/installation", f"where the App is installed for {repo}")
        except UserMistake as error:
            if not isinstance(error.__cause__, UnknownObjectException):
                raise
            place = f"{self._described()['html_url']}/installations/new"
            raise Refused(f"The GitHub App is not installed for {repo}. Install it: {place}") from error
        if found.get("suspended_at"):
            raise Refused(f"The GitHub App is suspended for {repo.owner}. Its owner can lift that: {found['html_url']}")
        path = f"/app/installations/{int(found['id'])}/access_tokens"
        answer = self._ask("POST", path, f"asking for a token for {repo.owner}")
        expires_at = datetime.fromisoformat(answer["expires_at"]).astimezone(UTC)
        return _Kept(str(answer["token"]), expires_at)

    def _ask(self, verb: str, path: str, what: str, body: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        try:
            with translated(what, credential=_KEY):
                requester: Requester = self._connect().requester
                answer: Mapping[str, Any] = requester.requestJsonAndCheck(verb, path, input=body)[1]
        except InvalidKeyError as error:
            raise Refused(f"The App's key is no private key ({what}). {_KEY}") from error
        return answer


def _app_auth(identity: AppIdentity) -> Auth.Auth:
    return Auth.AppAuth(identity.id, identity.key)


class Bearer(Auth.Auth):
    """Whatever token is good for a repository's owner at the moment of each request."""

    def __init__(self, tokens: Tokens, repo: RepoRef) -> None:
        self._tokens, self._repo = tokens, repo

    @property
    def token_type(self) -> str:
        """See `Auth`."""
        return "token"

    @property
    def token(self) -> str:
        """See `Auth`."""
        return self._tokens.of(self._repo)

    @property
    def _masked_token(self) -> str:
        return "(token removed)"
