"""GitLab's REST routes: projects and their settings.

Shape: docs.gitlab.com/api/projects, "Retrieve a project".
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from flask import Blueprint, Response, g, jsonify

from sandbox.gitlab.access import need, visible
from sandbox.gitlab.answers import Json, asked, flag, paged, whole
from sandbox.gitlab.state import GUEST, MAINTAINER, GitLab, Links, Settings
from sandbox.gitlab.times import moment
from sandbox.model import Repo


def project_json(hub: GitLab, links: Links, repo: Repo) -> Json:
    """A project."""
    space, _, name = repo.full_name.rpartition("/")
    settings = hub.project(repo).settings
    web = f"{links.web}/{repo.full_name}"
    group = hub.group(space)
    level = hub.level(repo, g.get("login"))
    return {
        "id": repo.id,
        "description": None,
        "name": name,
        "name_with_namespace": " / ".join(repo.full_name.split("/")),
        "path": name,
        "path_with_namespace": repo.full_name,
        "created_at": moment(repo.created_at),
        "default_branch": repo.default_branch,
        "tag_list": [],
        "topics": [],
        "ssh_url_to_repo": f"git@sandbox:{repo.full_name}.git",
        "http_url_to_repo": f"{web}.git",
        "web_url": web,
        "readme_url": None,
        "forks_count": 0,
        "avatar_url": None,
        "star_count": 0,
        "last_activity_at": moment(repo.created_at),
        "visibility": "private" if repo.private else "public",
        "archived": False,
        "namespace": {
            "id": group.id,
            "name": space.rpartition("/")[2],
            "path": space.rpartition("/")[2],
            "kind": "group",
            "full_path": space,
            "parent_id": None,
            "avatar_url": None,
            "web_url": f"{links.web}/groups/{space}",
        },
        "empty_repo": False,
        "issues_enabled": True,
        "merge_requests_enabled": True,
        "jobs_enabled": True,
        "squash_option": "default_off",
        **{one.name: getattr(settings, one.name) for one in fields(Settings) if one.name not in _APPROVAL_SETTINGS},
        "permissions": {"project_access": {"access_level": level, "notification_level": 3}, "group_access": None},
    }


_APPROVAL_SETTINGS = {"merge_requests_author_approval", "reset_approvals_on_push"}


def add_projects(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of projects and their settings."""

    @api.get("/projects")
    def _projects() -> Response:
        wanted, term = flag("membership"), str(asked().get("search", ""))
        found = [
            repo
            for repo in hub.forge.repos.values()
            if hub.level(repo, g.login) >= GUEST and term in repo.full_name
            if not wanted or g.login in hub.members(repo)
        ]
        return paged([project_json(hub, g.links, repo) for repo in sorted(found, key=lambda one: -one.id)])

    @api.get("/projects/<part:project>")
    def _project(project: str) -> Response:
        return jsonify(project_json(hub, g.links, visible(hub, project)))

    @api.put("/projects/<part:project>")
    def _change_project(project: str) -> Response:
        repo = visible(hub, project)
        need(hub, repo, MAINTAINER)
        kept = hub.project(repo)
        known: dict[str, Any] = {one.name: one.default for one in fields(Settings)}
        given = {name: value for name, value in asked().items() if name in known}
        readers: dict[type, Callable[[str], Any]] = {bool: flag, int: whole, str: lambda name: str(given[name])}
        for name in given:
            given[name] = readers[type(known[name])](name)
        kept.settings = replace(kept.settings, **given)
        return jsonify(project_json(hub, g.links, repo))
