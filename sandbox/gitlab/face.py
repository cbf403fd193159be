"""The GitLab face of a sandbox server: its state, its routes and its webhooks."""

import json
from collections.abc import Mapping

from flask import Flask

from sandbox.forge import SandboxForge
from sandbox.gitlab.hooks import GitLabHooks
from sandbox.gitlab.merging import merge_what_waited
from sandbox.gitlab.paths import Part, RawPaths
from sandbox.gitlab.routes import make_api
from sandbox.gitlab.state import GitLab, Links
from sandbox.gitlab.system_notes import take_down
from sandbox.hooks import HookSender, Told
from sandbox.model import Hook, Pull, Repo

API = "/api/v4"


class _Post:
    """How the routes of webhooks reach those who send them."""

    def __init__(self, teller: GitLabHooks, sender: HookSender) -> None:
        self._teller, self._sender = teller, sender

    def sample(self, repo: Repo, topic: str) -> Told:
        return self._teller.sample(repo, topic)

    def send(self, hook: Hook, told: Told) -> None:
        self._sender.enqueue(hook, told.event, json.dumps(told.payload).encode())

    def answers(self, hook: Hook) -> list[int]:
        found = [one.answer for one in self._sender.deliveries if one.hook is hook]
        return [answer for answer in found if answer is not None]


class GitLabFace:
    """What a server needs of GitLab; `hub` is for tests, too."""

    def __init__(self, forge: SandboxForge, *, root: str, prefix: str) -> None:
        self.links = Links(root, prefix)
        self.hub = GitLab(forge)
        self.teller = GitLabHooks(self.hub, self.links)
        forge.listeners.append(self._hear)

    def install(self, app: Flask, sender: HookSender) -> None:
        """Answer under `<prefix>/api/v4`; hooks that are tested are told by `sender`."""
        prefix = self.links.prefix + API
        app.url_map.converters["part"] = Part
        app.register_blueprint(make_api(self.hub, self.links.prefix, _Post(self.teller, sender)), url_prefix=prefix)
        app.wsgi_app = RawPaths(app.wsgi_app, prefix)  # type: ignore[method-assign]  # Flask's own way

    def _hear(self, what: str, repo: Repo, pull: Pull | None, facts: Mapping[str, object]) -> None:
        """Keep GitLab's side up to date; heard before the webhooks, which tell of it."""
        if what == "pipeline.moved":
            merge_what_waited(self.hub, repo)
        if pull is None:
            return
        if what in {"pull_request.opened", "pull_request.synchronize"}:
            self.hub.moved(repo, pull)
        if what == "pull_request.synchronize":
            self.hub.forget_approvals(repo, pull)
        take_down(self.hub, what, repo, pull, facts)
