"""Who asks, and what they may see and do.

Ways to say who one is: docs.gitlab.com/api/rest/authentication (`PRIVATE-TOKEN`, `Authorization: Bearer`,
`private_token=`). What one may not see is `404`, what one may not do `403`; the merge of a request alone is `401`.
"""

from flask import g, request

from sandbox.forge import SandboxForge
from sandbox.gitlab.answers import Refused, absent, forbidden
from sandbox.gitlab.state import GUEST, REPORTER, GitLab
from sandbox.model import Pull, Repo

_SAFE = {"GET", "HEAD"}


def recognise(hub: GitLab) -> str | None:
    """Find who asks; nobody is None.

    Raises:
        Refused: the token is nobody's, or may only read.
    """
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    given = request.headers.get("Private-Token") or request.args.get("private_token", "")
    token = given or (bearer if kind.lower() == "bearer" else "")
    if not token:
        return None
    user = hub.forge.user_of(token)
    if user is None:
        raise Refused(401, "401 Unauthorized")
    scopes = hub.scopes.get(user.login, ("api",))
    if "api" not in scopes and (request.method not in _SAFE or "read_api" not in scopes):
        raise _insufficient("api" if request.method not in _SAFE else "api read_api")
    return user.login


def _insufficient(scope: str) -> Refused:
    refused = Refused(403, "insufficient_scope", key="error")
    why = "The request requires higher privileges than provided by the access token."
    refused.body |= {"error_description": why, "scope": scope}
    return refused


def me() -> str:
    """Give who asks.

    Raises:
        Refused: nobody does.
    """
    if g.login is None:
        raise Refused(401, "401 Unauthorized")
    return str(g.login)


def find_repo(forge: SandboxForge, name: str) -> Repo | None:
    """Find a repository by its number or its full path, in any case of letters."""
    if name.isdecimal():
        return next((repo for repo in forge.repos.values() if repo.id == int(name)), None)
    return next((repo for path, repo in forge.repos.items() if path.lower() == name.lower()), None)


def visible(hub: GitLab, name: str) -> Repo:
    """Find a project that the one who asks may see.

    Raises:
        Refused: there is none, or it is not theirs to see.
    """
    repo = find_repo(hub.forge, name)
    if repo is None or hub.level(repo, g.login) < GUEST:
        raise absent("Project")
    return repo


def readable(hub: GitLab, name: str) -> Repo:
    """Find a project whose code the one who asks may read.

    Raises:
        Refused: there is none, or it may not be seen or read.
    """
    repo = visible(hub, name)
    if repo.private:
        need(hub, repo, REPORTER)
    return repo


def need(hub: GitLab, repo: Repo, level: int) -> str:
    """Give who asks, if they may do so much.

    Raises:
        Refused: they may not.
    """
    login = me()
    if hub.level(repo, login) < level:
        raise forbidden()
    return login


def the_pull(repo: Repo, number: int) -> Pull:
    """Find a merge request.

    Raises:
        Refused: there is none.
    """
    if number not in repo.pulls:
        raise absent()
    return repo.pulls[number]
