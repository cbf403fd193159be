"""The same sandbox as one kind of forge or another: what whoever plays on it has to do differently."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.server import SandboxServer

_GITLAB_STATES = {"running": "pending", "failed": "failure", "canceled": "error"}


@dataclass(frozen=True, kw_only=True)
class Face:
    """One kind of forge. `settings` are Thera's own, without their prefix; `statuses` maps names to states."""

    name: str
    noun: str
    page: Callable[[SandboxServer, str, int], str]
    settings: Callable[[SandboxServer, str, str], Mapping[str, str]]
    approve: Callable[[SandboxServer, str, int, str], object]
    statuses: Callable[[SandboxServer, str, str], Mapping[str, str]]


def _github_settings(forge: SandboxServer, token: str, secret: str) -> Mapping[str, str]:
    return {
        "GITHUB_URL": forge.api_url,
        "GITHUB_TOKEN": token,
        "GITHUB_WEBHOOK_SECRET": secret,
        "GITHUB_WRITE_INTERVAL": "0",
    }


def _gitlab_settings(forge: SandboxServer, token: str, secret: str) -> Mapping[str, str]:
    return {"GITLAB_URL": forge.gitlab_url, "GITLAB_TOKEN": token, "GITLAB_WEBHOOK_SECRET": secret}


def _github_approve(forge: SandboxServer, repo: str, number: int, who: str) -> object:
    return forge.forge.review(repo, number, who, "APPROVED")


def _gitlab_approve(forge: SandboxServer, repo: str, number: int, who: str) -> None:
    forge.gitlab.approve(forge.forge.repo(repo), forge.forge.pull(repo, number), who)


def _github_statuses(forge: SandboxServer, repo: str, sha: str) -> Mapping[str, str]:
    return {one.context: one.state for one in forge.forge.repo(repo).latest_statuses(sha)}


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
)
GITLAB = Face(
    name="gitlab",
    noun="merge request",
    page=lambda forge, repo, number: f"{forge.gitlab_url}/{repo}/-/merge_requests/{number}",
    settings=_gitlab_settings,
    approve=_gitlab_approve,
    statuses=_gitlab_statuses,
)
FACES: Mapping[str, Face] = {face.name: face for face in (GITHUB, GITLAB)}
