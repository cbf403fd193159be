"""GitLab's REST routes: who one is, users, groups and members.

Shapes: the examples of docs.gitlab.com/api/users, /api/members, /api/groups, /api/metadata and
/api/personal_access_tokens; `get_user.json` of go-gitlab 0.73 (Apache-2.0).
"""

from flask import Blueprint, Response, g, jsonify

from sandbox.gitlab.access import me, need, visible
from sandbox.gitlab.answers import Json, absent, asked, paged
from sandbox.gitlab.state import GUEST, GitLab, Links
from sandbox.gitlab.times import moment
from sandbox.model import User, now

VERSION = "17.11.0"
_BORN = "2026-01-01T00:00:00.000Z"


def person(hub: GitLab, links: Links, login: str) -> Json:
    """A user, as they stand in everything else."""
    known = hub.forge.users.get(login)
    return {
        "id": known.id if known else 1,
        "username": login,
        "public_email": "",
        "name": login.capitalize(),
        "state": "active",
        "locked": False,
        "avatar_url": f"{links.root}/static/person.svg",
        "web_url": f"{links.web}/{login}",
    }


def _profile(hub: GitLab, links: Links, login: str) -> Json:
    """A user alone, as everybody sees them."""
    texts = ("bio", "location", "linkedin", "twitter", "discord", "website_url", "organization", "job_title")
    return {
        **person(hub, links, login),
        **dict.fromkeys(texts, ""),
        "created_at": _BORN,
        "pronouns": None,
        "bot": False,
        "work_information": None,
        "followers": 0,
        "following": 0,
        "is_followed": False,
        "local_time": None,
    }


def _myself(hub: GitLab, links: Links, login: str) -> Json:
    """A user, as they see themselves."""
    return {
        **_profile(hub, links, login),
        "last_sign_in_at": _BORN,
        "confirmed_at": _BORN,
        "last_activity_on": "2026-01-01",
        "email": f"{login}@forge.invalid",
        "theme_id": 3,
        "color_scheme_id": 1,
        "projects_limit": 100000,
        "current_sign_in_at": _BORN,
        "identities": [],
        "can_create_group": True,
        "can_create_project": True,
        "two_factor_enabled": False,
        "external": False,
        "private_profile": False,
        "commit_email": f"{login}@forge.invalid",
        "namespace_id": hub.forge.users[login].id + 1_000_000,
    }


def _member(hub: GitLab, login: str, level: int) -> Json:
    return {
        **person(hub, g.links, login),
        "access_level": level,
        "created_at": _BORN,
        "created_by": None,
        "expires_at": None,
        "membership_state": "active",
    }


def _group(hub: GitLab, path: str) -> Json:
    group = hub.group(path)
    parent = path.rpartition("/")[0]
    return {
        "id": group.id,
        "name": path.rpartition("/")[2],
        "path": path.rpartition("/")[2],
        "description": "",
        "visibility": "private",
        "avatar_url": None,
        "web_url": f"{g.links.web}/groups/{path}",
        "full_name": " / ".join(path.split("/")),
        "full_path": path,
        "parent_id": hub.group(parent).id if parent else None,
        "created_at": _BORN,
    }


def add_people(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of people."""

    @api.get("/user")
    def _user() -> Response:
        return jsonify(_myself(hub, g.links, me()))

    @api.get("/version")
    def _version() -> Response:
        me()
        return jsonify({"version": VERSION, "revision": "0123abcdef0"})

    @api.get("/metadata")
    def _metadata() -> Response:
        me()
        kas = {"enabled": False, "externalUrl": None, "version": None}
        return jsonify({"version": VERSION, "revision": "0123abcdef0", "kas": kas, "enterprise": True})

    @api.get("/personal_access_tokens/self")
    def _token() -> Response:
        user = hub.forge.users[me()]
        return jsonify(_token_of(hub, user))

    @api.get("/users")
    def _users() -> Response:
        me()
        logins = [asked()["username"]] if "username" in asked() else sorted(hub.forge.users)
        lowered = {login.lower(): login for login in hub.forge.users}
        return paged([person(hub, g.links, lowered[login.lower()]) for login in logins if login.lower() in lowered])

    @api.get("/users/<int:user_id>")
    def _user_by_id(user_id: int) -> Response:
        found = next((user for user in hub.forge.users.values() if user.id == user_id), None)
        if found is None:
            raise absent("User")
        return jsonify(_profile(hub, g.links, found.login))


def _token_of(hub: GitLab, user: User) -> Json:
    return {
        "id": user.id,
        "name": "sandbox",
        "revoked": False,
        "created_at": _BORN,
        "description": None,
        "scopes": list(hub.scopes.get(user.login, ("api",))),
        "user_id": user.id,
        "last_used_at": moment(now()),
        "active": True,
        "expires_at": "2099-01-01",
    }


def _one_member(hub: GitLab, members: dict[str, int], user_id: int) -> Response:
    login = next((user.login for user in hub.forge.users.values() if user.id == user_id), "")
    if login not in members:
        raise absent()
    return jsonify(_member(hub, login, members[login]))


def _every_member(hub: GitLab, members: dict[str, int]) -> Response:
    term = str(asked().get("query", ""))
    return paged([_member(hub, login, members[login]) for login in sorted(members) if term in login])


def add_members(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of a project's members."""

    def members(name: str) -> dict[str, int]:
        repo = visible(hub, name)
        need(hub, repo, GUEST)
        return hub.members(repo)

    @api.get("/projects/<part:project>/members/all")
    def _members(project: str) -> Response:
        return _every_member(hub, members(project))

    @api.get("/projects/<part:project>/members/all/<int:user_id>")
    def _a_member(project: str, user_id: int) -> Response:
        return _one_member(hub, members(project), user_id)


def add_groups(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of groups and their members."""

    def path_of(name: str) -> str:
        found = hub.find_group(name)
        if found is None or g.login is None or not hub.sees_group(found.path, g.login):
            raise absent("Group")
        return found.path

    @api.get("/groups/<part:group>")
    def _group_by_name(group: str) -> Response:
        return jsonify(_group(hub, path_of(group)))

    @api.get("/groups/<part:group>/members/all")
    def _group_members(group: str) -> Response:
        return _every_member(hub, hub.inherited(path_of(group)))

    @api.get("/groups/<part:group>/members/all/<int:user_id>")
    def _a_group_member(group: str, user_id: int) -> Response:
        return _one_member(hub, hub.inherited(path_of(group)), user_id)
