"""Looks at a project's set-up on GitLab, and puts its webhook right."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from gitlab.exceptions import GitlabError

from server.domain.errors import Refused, UserMistake
from server.domain.findings import Finding, Verdict
from server.domain.refs import RepoRef
from server.forges.base import WantedHook
from server.forges.gitlab_client import GitLabApi, Json, project_path
from server.forges.gitlab_errors import translated
from server.forges.inspection import about_answers, about_clock, about_hook

_DEVELOPER = 30
_EVENTS = ("push_events", "note_events", "merge_requests_events", "pipeline_events")
_REPAIR = "Run `thera doctor --repair`, or put it right under Settings → Webhooks."
_HIDDEN = frozenset({401, 403, 404})
_REFUSING = 400


def inspect(
    api: GitLabApi, repo: RepoRef, *, login: str, hook: WantedHook | None, own_statuses: str
) -> Iterator[Finding]:
    """Look at everything that has to be right for a project.

    Raises:
        Refused, TryLater, UserMistake: nothing can be looked at.
    """
    with translated(f"reading {repo}"):
        found, date = api.get_with_date(project_path(repo))
    yield _rights(found, login)
    yield about_clock(date, now=datetime.now(UTC))
    if hook is not None:
        yield from _hook(api, repo, hook)
    yield _gate(found, own_statuses)


def _rights(found: Json, login: str) -> Finding:
    granted = [one["access_level"] for one in (found.get("permissions") or {}).values() if one]
    if max(granted, default=0) >= _DEVELOPER:
        return Finding(subject="credential", verdict=Verdict.GOOD, found=f"may write as {login}")
    return Finding(
        subject="credential",
        verdict=Verdict.BAD,
        found=f"{login} is no Developer of this project: no statuses, no merges",
        remedy=f"Give {login} the role Developer or higher.",
    )


def _gate(found: Json, own: str) -> Finding:
    """Judge what keeps a merge request from being merged before it is applied: a pipeline with our statuses in it."""
    subject, branch = "branch protection", found.get("default_branch") or "the default branch"
    if found.get("only_allow_merge_if_pipeline_succeeds"):
        words = f"pipelines must succeed before a merge into `{branch}`, and `{own}apply` is part of them"
        return Finding(subject=subject, verdict=Verdict.GOOD, found=words)
    return Finding(
        subject=subject,
        verdict=Verdict.WARNING,
        found="pipelines need not succeed: a merge request can be merged before it is applied",
        remedy="Tick “Pipelines must succeed” under Settings → Merge requests, if that is not what you want.",
    )


def _hook(api: GitLabApi, repo: RepoRef, hook: WantedHook) -> Iterator[Finding]:
    try:
        found = _ours(api, repo, hook)
    except GitlabError as error:
        if error.response_code not in _HIDDEN:
            raise
        yield Finding(
            subject="webhook",
            verdict=Verdict.UNKNOWN,
            found="the credential may not see the project's webhooks (that takes a Maintainer), or it hangs on a group",
            remedy=f"Look for one to {hook.url} with push, comment, merge request and pipeline events.",
        )
        return
    if found is None:
        yield about_hook([f"there is none to {hook.url}"], remedy=_REPAIR)
        return
    wrong = [f"it does not send {name.replace('_', ' ')}" for name in _EVENTS if not found.get(name)]
    if not found.get("enable_ssl_verification", True):
        wrong.append("it does not verify our certificate")
    state = str(found.get("alert_status") or "executable")
    if state != "executable":
        wrong.append(f"GitLab has stopped sending ({state.replace('_', ' ')}), because we refused too often")
    yield about_hook(wrong, remedy=_REPAIR)
    answered = about_answers(_answers(api, repo, found), remedy=_REPAIR)
    if answered is not None:
        yield answered


def _answers(api: GitLabApi, repo: RepoRef, found: Json) -> list[int]:
    """Read how we answered of late; GitLab before 17.3 does not tell."""
    try:
        events = api.list(f"{project_path(repo)}/hooks/{found['id']}/events")
        return [int(code) for one in events if str(code := one.get("response_status", "")).isdigit()][:5]
    except GitlabError as error:
        if (error.response_code or 0) < _REFUSING:
            raise
        return []


def _ours(api: GitLabApi, repo: RepoRef, hook: WantedHook) -> dict[str, Any] | None:
    return next((one for one in api.list(f"{project_path(repo)}/hooks") if one.get("url") == hook.url), None)


def set_webhook(api: GitLabApi, repo: RepoRef, hook: WantedHook) -> str:
    """Make the webhook, or put the one that goes to our address right; says what was done.

    Raises:
        Refused: the credential may not.
    """
    path = f"{project_path(repo)}/hooks"
    wanted: dict[str, Any] = {"url": hook.url, "token": hook.secret, "enable_ssl_verification": True}
    wanted |= dict.fromkeys(_EVENTS, True)
    try:
        with translated(f"setting the webhook of {repo}"):
            known = _ours(api, repo, hook)
            if known is None:
                api.post(path, wanted)
                return f"Made a webhook to {hook.url}."
            api.put(f"{path}/{known['id']}", wanted)
            return f"Set the events and the secret of the webhook to {hook.url}."
    except UserMistake as error:
        raise Refused(f"The credential may not set webhooks of {repo}: that takes a Maintainer.") from error
