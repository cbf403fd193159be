"""GitLab's REST routes: a project's webhooks.

Documented at docs.gitlab.com/api/project_webhooks; shape: `lib/api/entities/hook.rb` and `project_hook.rb` of
GitLab. `alert_status` is told as `WebHooks::AutoDisabling` counts failures; the sandbox goes on sending all the same.
"""

from typing import Protocol
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify

from sandbox.gitlab.access import me, need, visible
from sandbox.gitlab.answers import Json, Refused, absent, asked, created, flag, invalid, needed, paged
from sandbox.gitlab.hooks import TOPICS
from sandbox.gitlab.state import MAINTAINER, GitLab
from sandbox.gitlab.times import moment
from sandbox.hooks import Told
from sandbox.model import Hook, Repo

_TOPICS = (
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "repository_update_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "job_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "vulnerability_events",
)
_FAILURES_BEFORE_A_PAUSE, _FAILURES_BEFORE_THE_END = 3, 39
_SUCCESSES = range(200, 300)


class Post(Protocol):
    """What the routes ask of those who send webhooks."""

    def sample(self, repo: Repo, topic: str) -> Told:
        """Make up something of a topic to tell.

        Raises:
            Refused: the project has nothing to tell it of.
        """

    def send(self, hook: Hook, told: Told) -> None:
        """Send it to one hook."""

    def answers(self, hook: Hook) -> list[int]:
        """List the status codes that a hook was answered with, oldest first; 0 is no answer."""


def alert_status(answers: list[int]) -> str:
    """Say how GitLab sees a hook that was answered so."""
    failures = next((n for n, code in enumerate(reversed(answers)) if code in _SUCCESSES), len(answers))
    if failures > _FAILURES_BEFORE_THE_END:
        return "disabled"
    return "temporarily_disabled" if failures > _FAILURES_BEFORE_A_PAUSE else "executable"


def add_hooks(api: Blueprint, hub: GitLab, post: Post) -> None:
    """Add the routes of a project's webhooks."""

    @api.get("/projects/<part:project>/hooks")
    def _list_hooks(project: str) -> Response:
        repo = _own(hub, project)
        return paged([_hook(repo, hook, post) for hook in _hooks(repo)])

    @api.post("/projects/<part:project>/hooks")
    def _new_hook(project: str) -> Response:
        repo = _own(hub, project)
        url = _url(str(needed("url")))
        wanted = {"push_events"} if flag("push_events") is None else set()
        secret = str(asked().get("token") or "")
        hook = hub.forge.add_hook(repo.full_name, url, secret, _wanted(wanted), face="gitlab")
        return created(_hook(repo, hook, post))

    @api.get("/projects/<part:project>/hooks/<int:hook_id>")
    def _one_hook(project: str, hook_id: int) -> Response:
        repo, hook = _find(hub, project, hook_id)
        return jsonify(_hook(repo, hook, post))

    @api.put("/projects/<part:project>/hooks/<int:hook_id>")
    def _change_hook(project: str, hook_id: int) -> Response:
        repo, hook = _find(hub, project, hook_id)
        hook.url = _url(str(asked().get("url", hook.url)))
        hook.secret = str(asked().get("token", hook.secret))
        hook.events = _wanted({topic for topic in _TOPICS if _hears(hook, topic)})
        return jsonify(_hook(repo, hook, post))

    @api.delete("/projects/<part:project>/hooks/<int:hook_id>")
    def _no_hook(project: str, hook_id: int) -> tuple[str, int]:
        repo, hook = _find(hub, project, hook_id)
        repo.hooks.remove(hook)
        return "", 204


def add_hook_tests(api: Blueprint, hub: GitLab, post: Post) -> None:
    """Add the route that tries a webhook."""

    @api.post("/projects/<part:project>/hooks/<int:hook_id>/test/<topic>")
    def _test_hook(project: str, hook_id: int, topic: str) -> Response:
        repo, hook = _find(hub, project, hook_id)
        if topic not in _TOPICS:
            raise invalid("trigger does not have a valid value")
        if topic not in TOPICS.values():
            raise Refused(422, f"The sandbox has nothing to tell of {topic}")
        post.send(hook, post.sample(repo, topic))
        return created({"message": "201 Created"})


def _own(hub: GitLab, project: str) -> Repo:
    me()
    repo = visible(hub, project)
    need(hub, repo, MAINTAINER)
    return repo


def _find(hub: GitLab, project: str, hook_id: int) -> tuple[Repo, Hook]:
    repo = _own(hub, project)
    found = next((hook for hook in _hooks(repo) if hook.id == hook_id), None)
    if found is None:
        raise absent()
    return repo, found


def _hooks(repo: Repo) -> list[Hook]:
    return [hook for hook in repo.hooks if hook.face == "gitlab"]


def _url(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused(422, "Invalid url given", key="error")
    return given


def _wanted(before: set[str]) -> tuple[str, ...]:
    kept = before | {topic for topic in _TOPICS if flag(topic)}
    return tuple(topic for topic in _TOPICS if topic in kept and flag(topic) is not False)


def _hears(hook: Hook, topic: str) -> bool:
    return "*" in hook.events or topic in hook.events


def _hook(repo: Repo, hook: Hook, post: Post) -> Json:
    return {
        "id": hook.id,
        "url": hook.url,
        "name": None,
        "description": None,
        "created_at": moment(repo.created_at),
        "enable_ssl_verification": True,
        "alert_status": alert_status(post.answers(hook)),
        "disabled_until": None,
        "url_variables": [],
        "push_events_branch_filter": None,
        "branch_filter_strategy": "wildcard",
        "custom_webhook_template": None,
        "custom_headers": [],
        "project_id": repo.id,
        **{topic: _hears(hook, topic) for topic in _TOPICS},
    }
