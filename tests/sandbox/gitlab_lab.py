"""The sandbox's GitLab face, asked through python-gitlab and in plain HTTP."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from gitlab import Gitlab
from gitlab.v4.objects import Project, ProjectMergeRequest

from sandbox.server import SandboxServer
from tests.sandbox.conftest import NAME


@dataclass(frozen=True)
class Lab:
    """A server and its people."""

    server: SandboxServer

    def token(self, login: str) -> str:
        """Give somebody's token."""
        return self.server.forge.users[login].token

    def client(self, login: str = "ann") -> Gitlab:
        """Connect as somebody."""
        return Gitlab(self.server.gitlab_url, private_token=self.token(login), timeout=10)

    def project(self, login: str = "ann", name: str = NAME) -> Project:
        """Give the project, as somebody sees it."""
        return self.client(login).projects.get(name)

    def pull(self, number: int, login: str = "ann") -> ProjectMergeRequest:
        """Give a merge request, as somebody sees it now."""
        return self.project(login).mergerequests.get(number)

    def opened(self, *, branch: str = "change", title: str = "A change", content: str = "two\n") -> int:
        """Push a branch and open a merge request of it as ann."""
        self.server.forge.commit(NAME, branch, {"main.tf": content})
        return self.server.forge.open_pull(NAME, head=branch, title=title, author="ann")

    def ask(self, verb: str, path: str, body: object = None, *, who: str | None = "ann") -> requests.Response:
        """Ask in plain HTTP; a path begins below the project unless it begins with two slashes."""
        place = path[1:] if path.startswith("//") else f"/projects/{quote(NAME, safe='')}{path}"
        headers = {} if who is None else {"PRIVATE-TOKEN": self.token(who)}
        url = f"{self.server.gitlab_url}/api/v4{place}"
        return requests.request(verb, url, json=body, headers=headers, timeout=10)

    def read(self, path: str, *, who: str = "ann") -> Any:
        """Ask for something that is there."""
        answer = self.ask("GET", path, who=who)
        assert answer.status_code == 200, answer.text
        return answer.json()
