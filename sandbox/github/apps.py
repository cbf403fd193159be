"""GitHub Apps: a key, installations on owners, and tokens that end after an hour."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Blueprint, Response, jsonify, make_response, request

from sandbox.forge import NoSuchThing, SandboxForge
from sandbox.github.answers import SLUG, Build, problem
from sandbox.github.payloads import Json, stamp
from sandbox.model import Grant, now

PERMISSIONS: Mapping[str, str] = {
    "administration": "read",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
EVENTS = ("check_run", "check_suite", "issue_comment", "pull_request", "pull_request_review", "push")
_LONGEST = 600 + 60  # seconds that a JWT may live, and a minute for clocks


class BadToken(Exception):
    """A JWT that no App signed, or not so."""


@dataclass
class Installation:
    """An App on an owner."""

    id: int
    owner: str
    suspended_at: datetime | None = None


@dataclass
class App:
    """An App; `key` is the private half that its maker was given."""

    id: int
    slug: str
    key: str
    public_key: str
    secret: str
    url: str = ""
    installations: dict[str, Installation] = field(default_factory=dict)
    created_at: datetime = field(default_factory=now)

    def installation(self, number: int) -> Installation:
        """Find an installation by its id."""
        for found in self.installations.values():
            if found.id == number:
                return found
        raise NoSuchThing(f"installation {number}")

    @property
    def login(self) -> str:
        """The account that it writes as."""
        return f"{self.slug}[bot]"


class Apps:
    """Every App of the forge. `lifetime` is that of the tokens they are given."""

    def __init__(self, forge: SandboxForge) -> None:
        self.forge = forge
        self.lifetime = timedelta(hours=1)
        self.all: dict[int, App] = {}

    def create(self, slug: str, *, url: str = "", secret: str = "") -> App:
        """Make an App that is told of everything at an address."""
        pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = pair.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        public = pair.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        app = App(self.forge.ids.next(), slug, private.decode(), public.decode(), secret or secrets.token_hex(20), url)
        self.all[app.id] = app
        self.forge.create_user(app.login)
        return app

    def install(self, app: App, owner: str) -> Installation:
        """Install an App on an owner: it may write to all repositories, and hears of them."""
        found = app.installations[owner] = Installation(self.forge.ids.next(), owner)
        for name in [name for name in self.forge.repos if name.partition("/")[0] == owner]:
            self.forge.permit(name, app.login, "write")
            if app.url:
                self.forge.add_hook(name, app.url, app.secret)
        return found

    def withdraw(self, app: App, owner: str) -> None:
        """Take back every token of an installation, before its time."""
        for token in [token for token, grant in self.forge.grants.items() if grant.owner == owner]:
            if self.forge.grants[token].login == app.login:
                del self.forge.grants[token]

    def by_jwt(self, token: str) -> App | None:
        """Find the App that signed a token, if it is one that GitHub would take."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            app = self.all[int(claims["iss"])]
            claims = jwt.decode(token, app.public_key, algorithms=["RS256"], options={"require": ["exp", "iat"]})
        except (jwt.PyJWTError, KeyError, ValueError):
            return None
        return app if claims["exp"] - time.time() <= _LONGEST else None

    def token(self, app: App, installation: Installation) -> tuple[str, datetime]:
        """Give a token for an installation."""
        token, until = f"ghs_{secrets.token_hex(18)}", now() + self.lifetime
        self.forge.grants[token] = Grant(app.login, installation.owner, until)
        return token, until


def make_apps(apps: Apps, build: Build) -> Blueprint:
    """Make the routes that an App calls as itself, by its JWT."""
    blueprint = Blueprint("apps", __name__)

    def me() -> App:
        app = apps.by_jwt(request.headers.get("Authorization", "").rpartition(" ")[2])
        if app is None:
            raise BadToken
        return app

    @blueprint.errorhandler(BadToken)
    def _unknown(error: BadToken) -> Response:  # noqa: ARG001  (it says nothing more)
        return problem(401, "A JSON web token could not be decoded")

    @blueprint.errorhandler(NoSuchThing)
    def _absent(error: NoSuchThing) -> Response:  # noqa: ARG001  (GitHub does not say what is missing)
        return problem(404, "Not Found")

    @blueprint.get("/app")
    def _app() -> Response:
        return jsonify(describe(build, me()))

    _add_hook(blueprint, apps, me)

    @blueprint.get(f"/repos/{SLUG}/installation")
    def _installation(owner: str, name: str) -> Response:
        app = me()
        apps.forge.repo(f"{owner}/{name}")
        if owner not in app.installations:
            raise NoSuchThing(owner)
        return jsonify(_installed(build, app, app.installations[owner]))

    @blueprint.post("/app/installations/<int:installation_id>/access_tokens")
    def _token(installation_id: int) -> Response:
        app = me()
        found = app.installation(installation_id)
        if found.suspended_at is not None:
            return problem(403, "This installation has been suspended")
        token, until = apps.token(app, found)
        answer = {"token": token, "expires_at": stamp(until), "permissions": dict(PERMISSIONS)}
        return make_response(jsonify(answer | {"repository_selection": "all"}), 201)

    return blueprint


def describe(build: Build, app: App) -> Json:
    """Write an App."""
    made = stamp(app.created_at)
    return {
        "id": app.id,
        "slug": app.slug,
        "node_id": f"A_{app.id}",
        "owner": build().user("ann"),
        "name": app.slug,
        "description": None,
        "external_url": build().web,
        "html_url": f"{build().web}/apps/{app.slug}",
        "created_at": made,
        "updated_at": made,
        "permissions": dict(PERMISSIONS),
        "events": list(EVENTS),
    }


def _add_hook(blueprint: Blueprint, apps: Apps, me: Callable[[], App]) -> None:
    @blueprint.get("/app/hook/config")
    def _hook() -> Response:
        return jsonify(_hook_config(me()))

    @blueprint.patch("/app/hook/config")
    def _change_hook() -> Response:
        app, asked = me(), request.get_json()
        for repo in apps.forge.repos.values():
            for hook in repo.hooks:
                if app.url and hook.url == app.url:
                    hook.url, hook.secret = asked.get("url", hook.url), asked.get("secret", hook.secret)
        app.url, app.secret = asked.get("url", app.url), asked.get("secret", app.secret)
        return jsonify(_hook_config(app))


def _hook_config(app: App) -> Json:
    return {"url": app.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"}


def _installed(build: Build, app: App, found: Installation) -> Json:
    base, made = f"{build().api}/app/installations/{found.id}", stamp(app.created_at)
    return {
        "id": found.id,
        "account": build().user(found.owner),
        "repository_selection": "all",
        "access_tokens_url": f"{base}/access_tokens",
        "repositories_url": f"{build().api}/installation/repositories",
        "html_url": f"{build().web}/organizations/{found.owner}/settings/installations/{found.id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": 1,
        "target_type": "Organization",
        "permissions": dict(PERMISSIONS),
        "events": list(EVENTS),
        "created_at": made,
        "updated_at": made,
        "single_file_name": None,
        "suspended_by": None if found.suspended_at is None else build().user(found.owner),
        "suspended_at": stamp(found.suspended_at),
    }


def app_of(apps: Apps, login: str) -> App | None:
    """Find the App behind an account."""
    return next((app for app in apps.all.values() if app.login == login), None)
