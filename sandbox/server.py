"""The forge as a server: for tests in a thread, for the demo in a process."""

import contextlib
import threading
from pathlib import Path

from flask import Flask, request
from waitress.server import create_server

from sandbox.faults import Faults
from sandbox.forge import SandboxForge
from sandbox.githttp import make_git
from sandbox.github.apps import Apps, make_apps
from sandbox.github.extras import make_graphql
from sandbox.github.hooks import GitHubHooks
from sandbox.github.manifest import make_manifest
from sandbox.github.payloads import Payloads
from sandbox.github.routes import make_api
from sandbox.gitlab.face import GitLabFace
from sandbox.hooks import HookSender
from sandbox.pages import make_pages
from sandbox.state import States, make_state

API = "/api/v3"


class SandboxServer:
    """A forge that listens on loopback, as GitHub (`api_url`) and as GitLab (`gitlab_url`). `port` 0 takes a free one.

    `gitlab_prefix` puts GitLab under a path (`/gitlab`); `gitlab` is its state, for tests to set.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        threads: int = 16,
        gitlab_prefix: str = "",
    ) -> None:
        self.forge = SandboxForge(data_dir)
        self.states = States()
        self.faults = Faults()
        self.app = Flask("sandbox")
        self._listener = create_server(
            self.app, host=host, port=port, threads=threads, clear_untrusted_proxy_headers=True
        )
        self.url = f"http://{host}:{self._listener.effective_port}"
        self.api_url = f"{self.url}{API}"
        face = GitLabFace(self.forge, root=self.url, prefix=gitlab_prefix)
        self.gitlab_url, self.gitlab = face.links.web, face.hub
        self.hooks = HookSender([GitHubHooks(self._payloads()), face.teller])
        self.forge.listeners.append(self.hooks.hear)
        self.faults.install(self.app)
        self.apps = Apps(self.forge)
        self.app.register_blueprint(make_api(self.forge, self.apps, self.hooks, self._asked), url_prefix=API)
        self.app.register_blueprint(make_apps(self.apps, self._asked), url_prefix=API)
        self.app.register_blueprint(make_manifest(self.apps, self._asked, api=API))
        self.app.register_blueprint(make_graphql(self.forge))
        face.install(self.app, self.hooks)
        self.app.register_blueprint(make_git(self.forge))
        if gitlab_prefix:
            self.app.register_blueprint(make_git(self.forge), url_prefix=gitlab_prefix, name="gitlab_git")
        self.app.register_blueprint(make_state(self.states))
        self.app.register_blueprint(make_pages(self.forge, self.gitlab, gitlab_prefix=gitlab_prefix))
        self._thread = threading.Thread(target=self._listener.run, name="sandbox", daemon=True)

    def _payloads(self) -> Payloads:
        return Payloads(self.forge, api=self.api_url, web=self.url)

    def _asked(self) -> Payloads:
        """Write links for the address by which we were asked: clients follow them."""
        web = request.host_url.rstrip("/")
        return Payloads(self.forge, api=f"{web}{API}", web=web)

    def start(self) -> "SandboxServer":
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering."""
        self.hooks.stop()
        self._listener.task_dispatcher.shutdown()
        with contextlib.suppress(OSError):  # the listener was awake already, and has hung up before it was woken
            self._listener.trigger.pull_trigger(self._hang_up)
        self._thread.join(5)

    def _hang_up(self) -> None:
        """Close everything, in the thread that listens; it ends when nothing is open: not even a kept connection."""
        for end in list(self._listener._map.values()):  # noqa: SLF001  (waitress has no other way to stop at once)
            end.close()
