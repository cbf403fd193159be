"""Making an App from a manifest, and installing it: the pages a person sees, and the call that redeems the code.

After GitHub's documentation, "Registering a GitHub App from a manifest" and "Installing your own GitHub App".
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, abort, jsonify, make_response, render_template, request, url_for

from sandbox.github.answers import Build, problem
from sandbox.github.apps import PERMISSIONS, App, Apps, describe

EVENTS = frozenset(
    {"check_run", "check_suite", "issue_comment", "merge_group", "pull_request", "pull_request_review", "push"}
)


class Wrong(Exception):
    """The manifest is not one; the message says why."""


@dataclass(frozen=True)
class Wanted:
    """An App as its manifest describes it."""

    name: str
    hook_url: str
    redirect_url: str


@dataclass
class Codes:
    """The codes that were given out, each good once."""

    apps: dict[str, App] = field(default_factory=dict)


def read(text: str) -> Wanted:
    """Read a manifest.

    Raises:
        Wrong: GitHub would not take it.
    """
    try:
        manifest: Mapping[str, Any] = json.loads(text)
        wanted = Wanted(manifest["name"], manifest["hook_attributes"]["url"], manifest["redirect_url"])
        permissions, events = manifest.get("default_permissions", {}), manifest.get("default_events", [])
    except (ValueError, KeyError, TypeError) as error:
        raise Wrong(f"the manifest lacks something: {error}") from None
    for address in (wanted.hook_url, wanted.redirect_url):
        if urlsplit(address).scheme not in {"http", "https"}:
            raise Wrong(f"{address!r} is no address")
    if unknown := set(permissions) - set(PERMISSIONS):
        raise Wrong(f"there are no such permissions: {', '.join(sorted(unknown))}")
    if unknown := set(events) - EVENTS:
        raise Wrong(f"there are no such events: {', '.join(sorted(unknown))}")
    return wanted


def make_manifest(apps: Apps, build: Build, *, api: str) -> Blueprint:
    """Make the pages, and under `api` the call."""
    blueprint, codes = Blueprint("manifest", __name__), Codes()

    def ask(owner: str) -> str:
        try:
            wanted = read(request.form.get("manifest", ""))
        except Wrong as error:
            abort(422, str(error))
        asked = {"owner": owner, "state": request.args.get("state", ""), "manifest": request.form["manifest"]}
        return render_template("app.html", wanted=wanted, asked=asked, step="confirm")

    @blueprint.post("/settings/apps/new")
    def personal() -> str:
        """Ask the person to confirm an App under their own account."""
        return ask("")

    @blueprint.post("/organizations/<owner>/settings/apps/new")
    def organisation(owner: str) -> str:
        """Ask the person to confirm an App under an organisation."""
        return ask(owner)

    @blueprint.post("/settings/apps")
    def create() -> Response:
        """Make the App and send the person back with a code."""
        wanted = read(request.form["manifest"])
        slug = re.sub(r"[^a-z0-9]+", "-", request.form.get("name", wanted.name).lower()).strip("-")
        app = apps.create(slug, url=wanted.hook_url)
        code = secrets.token_hex(20)
        codes.apps[code] = app
        back = urlencode({"code": code, "state": request.form.get("state", "")})
        return Response("", 302, {"Location": f"{wanted.redirect_url}?{back}"})

    @blueprint.post(f"{api}/app-manifests/<code>/conversions")
    def redeem(code: str) -> Response:
        app = codes.apps.pop(code, None)
        if app is None:
            return problem(404, "Not Found")
        secret = {"client_id": f"Iv1.{app.id:016x}", "client_secret": secrets.token_hex(20), "pem": app.key}
        return make_response(jsonify(describe(build, app) | secret | {"webhook_secret": app.secret}), 201)

    @blueprint.get("/apps/<slug>/installations/new")
    def where(slug: str) -> str:
        """Ask on which owner."""
        app = _named(apps, slug)
        owners = sorted({name.partition("/")[0] for name in apps.forge.repos} - set(app.installations))
        return render_template("app.html", step="install", app=app, owners=owners)

    @blueprint.post("/apps/<slug>/installations/new")
    def install(slug: str) -> Response:
        """Install it."""
        app = _named(apps, slug)
        apps.install(app, request.form["owner"])
        return Response("", 303, {"Location": url_for("pages.home")})

    return blueprint


def _named(apps: Apps, slug: str) -> App:
    app = next((app for app in apps.all.values() if app.slug == slug), None)
    if app is None:
        abort(404)
    return app
