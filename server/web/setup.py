"""The set-up page of an installation without a forge: make an App, or paste a token; then Thera starts again."""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, render_template, request, session, url_for

from server.config.forges_file import NewForge
from server.config.settings import PREFIX, base_url
from server.domain.errors import Refused, ServiceError, UserMistake
from server.forges.config import ForgeConfig
from server.forges.registry import KINDS, ForgeKind, kind_of
from server.forges.setup import Handover
from server.web.auth import check_csrf, require_session
from server.web.settings import WebSettings

_FRESH = 3600  # seconds that somebody may take at the forge: its code is good for as long
_KEY = "setup"


@dataclass(frozen=True, kw_only=True)
class SetupDesk:
    """What the page works with. It does something only while nothing is configured (`is_open`).

    `keep` writes a forge down and is None where settings come from elsewhere; they are shown then. `restart` has
    Thera start again in a moment. `ca_files` are the certificates that the operator named for a kind of forge.
    """

    is_open: Callable[[], bool]
    public_url: str
    keep: Callable[[NewForge], Path] | None
    restart: Callable[[], None]
    ca_files: Callable[[str], Path | None]


def make_setup(desk: SetupDesk, web: WebSettings) -> Blueprint:
    """Make the routes."""
    blueprint = Blueprint("setup", __name__)

    @blueprint.before_app_request
    def _first() -> Response | None:
        if request.endpoint == "pages.runs" and desk.is_open():
            return Response(status=303, headers={"Location": url_for("setup.begin")})
        return None

    @blueprint.before_request
    def _who() -> Response | None:
        if answer := require_session(web):
            return answer
        return None if desk.is_open() else _page("done")

    @blueprint.get("/setup")
    def begin() -> Response:
        """Show both ways."""
        return _choices(desk)

    @blueprint.post("/setup/app")
    def app() -> Response:
        """Hand over to the forge, which asks the person and comes back with a code."""
        check_csrf()
        return _answer(desk, _hand_over)

    @blueprint.get("/setup/made")
    def made() -> Response:
        """Redeem the code that the forge sent the person back with."""
        return _answer(desk, _redeem)

    @blueprint.post("/setup/token")
    def token() -> Response:
        """Take a token, if the forge does."""
        check_csrf()
        return _answer(desk, _take_token)

    return blueprint


def _answer(desk: SetupDesk, act: Callable[[SetupDesk], Response]) -> Response:
    """Do something, and show both ways again, with what is wrong, where it cannot be done."""
    try:
        return act(desk)
    except ServiceError as error:
        return _choices(desk, str(error), status=400)


def _hand_over(desk: SetupDesk) -> Response:
    name, kind, web_url = _kind_and_url()
    if kind.app_maker is None:
        raise UserMistake(f"{kind.title} has no Apps; use a token.")
    state, owner = secrets.token_urlsafe(24), request.form.get("owner", "").strip()
    handed = kind.app_maker.handover(web_url=web_url, owner=owner, thera_url=desk.public_url, state=state)
    session[_KEY] = {"state": state, "kind": name, "url": web_url, "at": int(time.time())}
    return _leaving(handed, kind)


def _redeem(desk: SetupDesk) -> Response:
    begun = session.pop(_KEY, None)
    if begun is None or time.time() - begun["at"] > _FRESH or not _same(request.args.get("state", ""), begun["state"]):
        raise UserMistake("This answer belongs to no attempt of yours, or to one that is too old. Begin again.")
    kind, ca_file = KINDS[begun["kind"]], desk.ca_files(begun["kind"])
    if kind.app_maker is None:
        raise UserMistake(f"{kind.title} has no Apps.")
    app = kind.app_maker.redeem(web_url=begun["url"], code=request.args.get("code", ""), ca_file=ca_file)
    new = NewForge(
        kind=begun["kind"],
        url=kind.api_of(begun["url"]),
        app_id=app.id,
        app_key=app.key,
        webhook_secret=app.webhook_secret,
        ca_file=ca_file,
        note=f"{app.name}: give it repositories at {app.install_url}",
    )
    return _kept(desk, new, kind, install_url=app.install_url)


def _take_token(desk: SetupDesk) -> Response:
    name, kind, web_url = _kind_and_url()
    given = request.form.get("token", "").strip()
    if not given:
        raise UserMistake("A token is wanted.")
    new = NewForge(
        kind=name,
        url=kind.api_of(web_url),
        token=given,
        webhook_secret=secrets.token_hex(32),
        ca_file=desk.ca_files(name),
        note=f"{kind.title}, with a token",
    )
    return _kept(desk, new, kind, login=_login(new))


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


def _kind_and_url() -> tuple[str, ForgeKind, str]:
    name, url = request.form.get("kind", ""), request.form.get("url", "").strip()
    if name not in KINDS:
        raise UserMistake("Say which forge.")
    try:
        return name, KINDS[name], base_url(url or KINDS[name].home)
    except ValueError as error:
        raise UserMistake(f"The address of {KINDS[name].title}: {error}.") from None


def _login(new: NewForge) -> str:
    """Ask the forge whose token it is: one that is wrong is said now, and not when the first webhook comes."""
    config = ForgeConfig(kind=new.kind, url=new.url, token=new.token, ca_file=new.ca_file)
    try:
        return kind_of(config).connect(config).login
    except Refused as error:
        title = KINDS[new.kind].title
        raise UserMistake(
            f"{title} does not accept this token. It has to be {KINDS[new.kind].credential_wants}."
        ) from error


def _kept(desk: SetupDesk, new: NewForge, kind: ForgeKind, *, install_url: str = "", login: str = "") -> Response:
    place = None if desk.keep is None else desk.keep(new)
    if place is not None:
        desk.restart()
    return _page(
        "kept",
        place=place,
        forge=kind,
        new=new,
        login=login,
        install_url=install_url,
        settings=() if place is not None else _settings(new),
        hook_url=f"{desk.public_url}/webhooks/{new.kind}",
    )


def _settings(new: NewForge) -> list[tuple[str, str]]:
    """Say what the operator has to set where Thera does not keep it itself."""
    prefix = f"{PREFIX}{new.kind.upper()}_"
    values = {
        "URL": new.url,
        "APP_ID": "" if new.app_id is None else str(new.app_id),
        "APP_KEY": new.app_key,
        "TOKEN": new.token and "(the token you gave)",
        "WEBHOOK_SECRET": new.webhook_secret,
    }
    return [(f"{prefix}{name}", value) for name, value in values.items() if value]


def _choices(desk: SetupDesk, words: str = "", *, status: int = 200) -> Response:
    host = urlsplit(desk.public_url).hostname or ""
    near = host == "localhost" or host.startswith("127.") or host in {"::1", "0.0.0.0"}  # noqa: S104  (told, not bound)
    return _page("choices", status=status, words=words, kinds=KINDS, public_url=desk.public_url, near=near)


def _leaving(handed: Handover, kind: ForgeKind) -> Response:
    """Show the form that goes to the forge: the only one that may go elsewhere."""
    answer = _page("leaving", handed=handed, forge=kind)
    parts = urlsplit(handed.url)
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"form-action 'self' {parts.scheme}://{parts.netloc}; frame-ancestors 'none'; base-uri 'none'"
    )
    return answer


def _page(step: str, *, status: int = 200, **values: object) -> Response:
    return make_response(render_template("setup.html", step=step, **values), status)
