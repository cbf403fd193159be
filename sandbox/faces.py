"""The same sandbox as one kind of forge or another: what whoever plays on it has to do differently."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sandbox.server import SandboxServer

BOT = "thera-bot"
_APP = "thera"
_GITLAB_STATES = {"running": "pending", "failed": "failure", "canceled": "error"}


@dataclass(frozen=True, kw_only=True)
class Face:
    """One kind of forge. `settings` are Thera's own, without their prefix; `statuses` maps names to states.

    `connect` lets Thera, as `bot`, work on a repository and hear of it at an address.
    """

    name: str
    noun: str
    page: Callable[[SandboxServer, str, int], str]
    settings: Callable[[SandboxServer, str, str], Mapping[str, str]]
    approve: Callable[[SandboxServer, str, int, str], object]
    statuses: Callable[[SandboxServer, str, str], Mapping[str, str]]
    connect: Callable[[SandboxServer, str, str, str], None]
    bot: str = BOT


def _github_settings(forge: SandboxServer, token: str, secret: str) -> Mapping[str, str]:
    return {
        "GITHUB_URL": forge.api_url,
        "GITHUB_TOKEN": token,
        "GITHUB_WEBHOOK_SECRET": secret,
        "GITHUB_WRITE_INTERVAL": "0",
    }


def _app_settings(forge: SandboxServer, token: str, secret: str) -> Mapping[str, str]:  # noqa: ARG001  (no account's)
    app = next(iter(forge.apps.all.values()), None) or forge.apps.create(_APP, secret=secret)
    return {
        "GITHUB_URL": forge.api_url,
        "GITHUB_APP_ID": str(app.id),
        "GITHUB_APP_KEY": app.key,
        "GITHUB_WEBHOOK_SECRET": secret,
        "GITHUB_WRITE_INTERVAL": "0",
    }


def _app_connect(forge: SandboxServer, repo: str, url: str, secret: str) -> None:  # noqa: ARG001  (it has its own)
    (app,) = (app for app in forge.apps.all.values() if app.slug == _APP)
    app.url = url
    forge.apps.install(app, repo.partition("/")[0])


def _connect(face: str) -> Callable[[SandboxServer, str, str, str], None]:
    def connect(forge: SandboxServer, repo: str, url: str, secret: str) -> None:
        forge.forge.permit(repo, BOT, "admin")
        forge.forge.add_hook(repo, url, secret, face=face)

    return connect


def _gitlab_settings(forge: SandboxServer, token: str, secret: str) -> Mapping[str, str]:
    return {"GITLAB_URL": forge.gitlab_url, "GITLAB_TOKEN": token, "GITLAB_WEBHOOK_SECRET": secret}


def _github_approve(forge: SandboxServer, repo: str, number: int, who: str) -> object:
    return forge.forge.review(repo, number, who, "APPROVED")


def _gitlab_approve(forge: SandboxServer, repo: str, number: int, who: str) -> None:
    forge.gitlab.approve(forge.forge.repo(repo), forge.forge.pull(repo, number), who)


def _github_statuses(forge: SandboxServer, repo: str, sha: str) -> Mapping[str, str]:
    return forge.forge.repo(repo).states(sha)


def _gitlab_statuses(forge: SandboxServer, repo: str, sha: str) -> Mapping[str, str]:
    pipelines = forge.gitlab.project(forge.forge.repo(repo)).pipelines
    jobs = [job for pipeline in pipelines if pipeline.sha == sha for job in pipeline.jobs if job.external]
    jobs.sort(key=lambda job: job.id)
    return {job.name: _GITLAB_STATES.get(job.status, job.status) for job in jobs}


GITHUB = Face(
    name="github",
    noun="pull request",
    page=lambda forge, repo, number: f"{forge.url}/{repo}/pull/{number}",
    settings=_github_settings,
    approve=_github_approve,
    statuses=_github_statuses,
    connect=_connect("github"),
)
GITHUB_APP = replace(GITHUB, settings=_app_settings, connect=_app_connect, bot=f"{_APP}[bot]")
GITLAB = Face(
    name="gitlab",
    noun="merge request",
    page=lambda forge, repo, number: f"{forge.gitlab_url}/{repo}/-/merge_requests/{number}",
    settings=_gitlab_settings,
    approve=_gitlab_approve,
    statuses=_gitlab_statuses,
    connect=_connect("gitlab"),
)
FACES: Mapping[str, Face] = {"github": GITHUB, "github-app": GITHUB_APP, "gitlab": GITLAB}
