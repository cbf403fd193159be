"""A way to GitHub for each thread and owner, and how requests are made over it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from github import Auth, Github
from github.Requester import Requester
from urllib3.util import Retry

from server.domain.errors import Refused, TryLater
from server.domain.refs import RepoRef
from server.forges.config import ForgeConfig
from server.forges.github_errors import is_bad_credential, translated
from server.forges.github_tokens import AppTokens, Bearer, StaticToken, Tokens
from server.forges.throttle import Throttle

PER_PAGE = 100
_TIMEOUT = 15


def host_of(url: str) -> str:
    """Name the host that repositories are spelled with: the authority of GitHub's pages, in small letters.

    The API of github.com and of a `ghe.com` tenant lives on `api.` in front of that; an Enterprise Server's on the
    same host. A port is part of it unless it is the scheme's own. Webhooks spell it alike, from `html_url`.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower().removesuffix({"https": ":443", "http": ":80"}.get(parts.scheme, ""))
    is_cloud = host == "api.github.com" or (host.startswith("api.") and host.endswith(".ghe.com"))
    return host.removeprefix("api.") if is_cloud else host


class GitHubClient:
    """One GitHub with one credential. In PyGithub, threads that share a client send each other's requests."""

    def __init__(self, config: ForgeConfig) -> None:
        self._url = config.url
        self._ca: str | bool = str(config.ca_file) if config.ca_file else True
        self._interval = config.write_interval
        self._threads = threading.local()
        self._throttles: dict[str, Throttle] = {}
        self._guard = threading.Lock()
        self.app = None if config.app is None else AppTokens(config.app, self._connect, clock=lambda: datetime.now(UTC))
        self.tokens: Tokens = self.app or StaticToken(config.token)

    def github(self, repo: RepoRef) -> Github:
        """Give this thread's own client for a repository's owner."""
        clients: dict[str, Github] = self._threads.__dict__
        owner = repo.owner.lower()
        if owner not in clients:
            clients[owner] = self._connect(Bearer(self.tokens, repo))
        return clients[owner]

    def _connect(self, auth: Auth.Auth) -> Github:
        return Github(
            base_url=self._url,
            auth=auth,
            timeout=_TIMEOUT,
            verify=self._ca,
            per_page=PER_PAGE,
            user_agent="thera",
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
            # A POST that got no answer may have been heard: the publisher looks before it says a thing again.
            # PyGithub's own GithubRetry would sleep as long as GitHub wishes; whoever calls us decides about that.
            retry=Retry(total=2, backoff_factor=0.2, allowed_methods={"GET", "HEAD"}, respect_retry_after_header=False),
        )

    def requester(self, repo: RepoRef) -> Requester:
        """Give what makes requests for a repository."""
        return self.github(repo).requester

    def get(self, repo: RepoRef, path: str, **parameters: object) -> Any:
        """Read something; raises what PyGithub raises, which `translated` is for."""
        return self.requester(repo).requestJsonAndCheck("GET", path, parameters=parameters or None)[1]

    def write(self, repo: RepoRef, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Change something, in its turn.

        Raises:
            TryLater: too many others are waiting for theirs.
        """
        self.wait(repo)
        return self.requester(repo).requestJsonAndCheck(verb, path, input=None if body is None else dict(body))[1]

    def wait(self, repo: RepoRef) -> None:
        """Wait for the turn to write; each installation of an App has a budget of its own."""
        owner = repo.owner.lower() if self.app else ""
        with self._guard:
            throttle = self._throttles.setdefault(owner, Throttle(self._interval))
        throttle.wait()

    @contextmanager
    def translated(self, what: str, repo: RepoRef) -> Iterator[None]:
        """Turn GitHub's errors into ours. A token that was withdrawn before its time is asked for anew, later."""
        try:
            with translated(what):
                yield
        except Refused as error:
            if is_bad_credential(error) and self.tokens.reject(repo):
                raise TryLater(f"GitHub withdrew the App's token ({what}).", after_seconds=1) from error
            raise
