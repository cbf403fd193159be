"""Looks at a repository's set-up on GitHub, and puts its webhook right."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from github.GithubException import GithubException

from server.domain.errors import Refused, UserMistake
from server.domain.findings import Finding, Verdict
from server.domain.refs import RepoRef
from server.forges.base import WantedHook
from server.forges.github_client import GitHubClient
from server.forges.github_manifest import EVENTS, PERMISSIONS
from server.forges.github_protection import pages, read_rules
from server.forges.inspection import about_answers, about_clock, about_hook, about_protection

# Without an App there are no checks, whose buttons are told of by the others.
_TOKENS_EVENTS = tuple(event for event in EVENTS if not event.startswith("check_"))
_REPAIR = "Run `thera doctor --repair`, or put it right under Settings → Webhooks."
_HIDDEN = frozenset({403, 404})
_LEVELS = {"read": 1, "write": 2, "admin": 3}
Json = Mapping[str, Any]


def inspect(
    client: GitHubClient, repo: RepoRef, *, login: str, hook: WantedHook | None, own_statuses: str
) -> Iterator[Finding]:
    """Look at everything that has to be right for a repository.

    Raises:
        Refused, TryLater, UserMistake: nothing can be looked at.
    """
    with client.translated(f"reading {repo}", repo):
        headers, found = client.requester(repo).requestJsonAndCheck("GET", f"/repos/{repo.full_name}")
    if client.app is None:
        yield _token(found, login, headers.get("x-oauth-scopes"))
    else:
        yield from _installation(client, repo)
    yield about_clock(str(headers.get("date", "")), now=datetime.now(UTC))
    if hook is not None:
        yield from _app_hook(client, hook) if client.app is not None else _hook(client, repo, hook)
    branch = str(found["default_branch"])
    with client.translated(f"reading the rules of {branch}", repo):
        rules = read_rules(client.requester(repo), repo, branch)
    yield about_protection(
        {check.context for check in rules.checks}, own=own_statuses, branch=branch, hidden=rules.hidden
    )


def _token(found: Json, login: str, scopes: str | None) -> Finding:
    rights: Json = found.get("permissions") or {}
    if rights.get("push"):
        said = f"may write as {login}" + (f" (scopes: {scopes})" if scopes else "")
        return Finding(subject="credential", verdict=Verdict.GOOD, found=said)
    return Finding(
        subject="credential",
        verdict=Verdict.BAD,
        found=f"{login} may read this repository and not write to it: no statuses, no merges",
        remedy=f"Give {login} write access to the repository.",
    )


def _installation(client: GitHubClient, repo: RepoRef) -> Iterator[Finding]:
    app = client.app
    if app is None:
        return
    found = app.installation(repo)
    granted: Json = found.get("permissions") or {}
    missing = [
        f"{name}: {level}"
        for name, level in PERMISSIONS.items()
        if _LEVELS.get(str(granted.get(name)), 0) < _LEVELS[level]
    ]
    place = found.get("html_url") or "its settings"
    if missing:
        yield Finding(
            subject="credential",
            verdict=Verdict.BAD,
            found=f"the App lacks {', '.join(missing)}",
            remedy=f"Grant that in the App's settings, and have the owner accept it at {place}.",
        )
    else:
        yield Finding(subject="credential", verdict=Verdict.GOOD, found="the App is installed with all permissions")
    unheard = sorted(set(EVENTS) - set(found.get("events") or ()))
    if unheard:
        yield Finding(
            subject="events",
            verdict=Verdict.BAD,
            found=f"the App does not subscribe to {', '.join(unheard)}",
            remedy="Tick them in the App's settings, under Permissions & events.",
        )


def _app_hook(client: GitHubClient, hook: WantedHook) -> Iterator[Finding]:
    app = client.app
    config: Json = {} if app is None else app.hook()
    wrong = list(_wrong_config(config, hook))
    yield about_hook(wrong, remedy="Run `thera doctor --repair`, or put it right in the App's settings.")


def _wrong_config(config: Json, hook: WantedHook) -> Iterator[str]:
    if config.get("url") != hook.url:
        yield f"it goes to {config.get('url') or 'nowhere'}, and not to {hook.url}"
    if config.get("content_type") != "json":
        yield "its content type is not application/json"
    if str(config.get("insecure_ssl", "0")) != "0":
        yield "it does not verify our certificate"
    if not config.get("secret"):
        yield "it has no secret"


def _hook(client: GitHubClient, repo: RepoRef, hook: WantedHook) -> Iterator[Finding]:
    try:
        found = _ours(client, repo, hook)
    except GithubException as error:
        if error.status not in _HIDDEN:
            raise
        yield Finding(
            subject="webhook",
            verdict=Verdict.UNKNOWN,
            found="the credential may not see the repository's webhooks, or it hangs on the organisation",
            remedy=f"Look for one to {hook.url} with the events {', '.join(_TOKENS_EVENTS)}.",
        )
        return
    if found is None:
        yield about_hook([f"there is none to {hook.url}"], remedy=_REPAIR)
        return
    wrong = list(_wrong_config(found.get("config") or {}, hook))
    if not found.get("active"):
        wrong.append("it is not active")
    events = set(found.get("events") or ())
    if missing := sorted(set(_TOKENS_EVENTS) - events) if "*" not in events else []:
        wrong.append(f"it does not send {', '.join(missing)}")
    yield about_hook(wrong, remedy=_REPAIR)
    code = (found.get("last_response") or {}).get("code")
    answered = about_answers([] if code is None else [int(code)], remedy=_REPAIR)
    if answered is not None:
        yield answered


def _ours(client: GitHubClient, repo: RepoRef, hook: WantedHook) -> Json | None:
    hooks = pages(client.requester(repo), f"/repos/{repo.full_name}/hooks")
    return next((one for one in hooks if (one.get("config") or {}).get("url") == hook.url), None)


def set_webhook(client: GitHubClient, repo: RepoRef, hook: WantedHook) -> str:
    """Make the webhook, or put the one that goes to our address right; says what was done.

    Raises:
        Refused: the credential may not.
    """
    config = {"url": hook.url, "content_type": "json", "secret": hook.secret, "insecure_ssl": "0"}
    if client.app is not None:
        client.app.set_hook(config)
        return f"The App's webhook goes to {hook.url} now, with the configured secret."
    path = f"/repos/{repo.full_name}/hooks"
    wanted = {"active": True, "events": list(_TOKENS_EVENTS), "config": config}
    try:
        with client.translated(f"setting the webhook of {repo}", repo):
            known = _ours(client, repo, hook)
            if known is None:
                client.write(repo, "POST", path, {"name": "web", **wanted})
                return f"Made a webhook to {hook.url}."
            client.write(repo, "PATCH", f"{path}/{known['id']}", wanted)
            return f"Set the events, the secret and the content type of the webhook to {hook.url}."
    except UserMistake as error:
        raise Refused(f"The credential may not set webhooks of {repo}: that takes an administrator.") from error
