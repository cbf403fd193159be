"""GitLab's REST API as a thread of ours asks it: python-gitlab, with a timeout and without its own patience."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from gitlab import Gitlab
from gitlab.exceptions import GitlabParsingError
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from server.domain.refs import PullRef, RepoRef
from server.forges.config import ForgeConfig
from server.forges.gitlab_errors import AskedToWait

TIMEOUT = 15.0  # seconds; the library's default is none
_PER_PAGE = 100
_WAIT = frozenset({429, 503})
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
Json = Mapping[str, Any]


def base_of(url: str) -> str:
    """Take the API's own path off an address: what is left is where GitLab's pages are, with their path prefix."""
    return url.rstrip("/").removesuffix("/api/v4")


def host_of(url: str) -> str:
    """Name the host that repositories are spelled with: the authority of GitLab's pages, in small letters.

    A port is part of it unless it is the scheme's own; a path prefix is not. Webhooks spell it alike, from `web_url`.
    """
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2].lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))


def project_path(repo: RepoRef) -> str:
    """Write the path of a project; groups may nest."""
    return f"/projects/{quote(repo.full_name, safe='')}"


def pull_path(pull: PullRef) -> str:
    """Write the path of a merge request."""
    return f"{project_path(pull.repo)}/merge_requests/{pull.number}"


class GitLabApi:
    """Asks one GitLab with one token, from any number of threads.

    Each has its own client: `requests` does not promise that threads can share a session.
    """

    def __init__(self, config: ForgeConfig) -> None:
        self._url = base_of(config.url)
        self._token = config.token
        self._verify: bool | str = str(config.ca_file) if config.ca_file else True
        self._threads = threading.local()

    @property
    def _client(self) -> Gitlab:
        if not hasattr(self._threads, "client"):
            self._threads.client = self._connect()
        client: Gitlab = self._threads.client
        return client

    def _connect(self) -> Gitlab:
        session = requests.Session()
        # A POST that got no answer may have been heard: the publisher looks before it says a thing again.
        patience = Retry(total=2, backoff_factor=0.2, allowed_methods={"GET", "HEAD"}, respect_retry_after_header=False)
        adapter = HTTPAdapter(max_retries=patience)
        for scheme in ("https://", "http://"):
            session.mount(scheme, adapter)
        session.hooks["response"].append(_raise_if_asked_to_wait)
        return Gitlab(
            self._url,
            # Tokens of every kind are taken so (docs.gitlab.com/api/rest/authentication), and `requests` takes this
            # header off, as it does not `PRIVATE-TOKEN`, where an answer sends it to another host.
            oauth_token=self._token,
            ssl_verify=self._verify,
            timeout=TIMEOUT,
            per_page=_PER_PAGE,
            user_agent="thera",
            keep_base_url=True,
            session=session,
        )

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Read one thing."""
        return _json(self._client.http_get(path, query_data=query))

    def get_with_date(self, path: str) -> tuple[dict[str, Any], str]:
        """Read one thing, and when GitLab says that it was read."""
        answer = self._client.http_request("get", path)
        return _json(answer.json()), answer.headers.get("Date", "")

    def list(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Read a list, page by page as far as it is asked for."""
        yield from self._client.http_list(path, query_data=query, iterator=True)

    def post(self, path: str, body: Json) -> dict[str, Any]:
        """Make something."""
        return _json(self._client.http_post(path, post_data=dict(body)))

    def put(self, path: str, body: Json) -> dict[str, Any]:
        """Change something."""
        return _json(self._client.http_put(path, post_data=dict(body)))

    def delete(self, path: str) -> None:
        """Remove something."""
        self._client.http_delete(path)


def _json(answer: Any) -> dict[str, Any]:
    """Insist on an object: python-gitlab hands out whatever else a proxy says."""
    if isinstance(answer, dict):
        return answer
    raise GitlabParsingError("the answer is not a JSON object")


def _raise_if_asked_to_wait(response: requests.Response, *_: Any, **__: Any) -> None:
    """Stop python-gitlab from sleeping as long as GitLab wishes: whoever calls us decides about that."""
    if response.status_code in _WAIT:
        raise AskedToWait(response.status_code, response.headers)
