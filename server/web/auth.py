"""Who is looking: a session for people, a token for programs. Nothing is open by default."""

import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, make_response, render_template, request, session, url_for

from server.web.problems import problem
from server.web.settings import WebSettings

_TRIES, _WINDOW = 10, 60.0


class LoginGuard:
    """Counts failed sign-ins of an address; more than ten in a minute have to wait."""

    def __init__(self) -> None:
        self._failures: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def is_closed_to(self, address: str) -> bool:
        """Say whether an address has to wait."""
        with self._lock:
            recent = self._failures.get(address, deque())
            while recent and recent[0] < time.monotonic() - _WINDOW:
                recent.popleft()
            return len(recent) >= _TRIES

    def note_failure(self, address: str) -> None:
        """Count a failed try."""
        with self._lock:
            if len(self._failures) > 10_000:  # noqa: PLR2004  (a bound on memory, not on anybody)
                self._failures.clear()
            self._failures.setdefault(address, deque(maxlen=_TRIES)).append(time.monotonic())


def require_session(web: WebSettings) -> Response | None:
    """Let signed-in people through; send others to the sign-in page."""
    if web.password is None:
        return _no_password()
    if is_signed_in(web):
        return None
    target = request.full_path if request.method == "GET" else "/"
    return Response(status=303, headers={"Location": url_for("auth.login", next=target)})


def _no_password() -> Response:
    words = "These pages are closed until a password is set: THERA_WEB_PASSWORD.\n"
    return Response(words, 503, mimetype="text/plain")


def is_signed_in(web: WebSettings) -> bool:
    """Say whether this session was begun with the name and password now in force."""
    return hmac.compare_digest(str(session.get("proof", "")).encode(), _proof(web).encode())


def _proof(web: WebSettings) -> str:
    """Tie a session to name and password: changing either signs everybody out."""
    said = f"session\0{web.username}\0{web.password}".encode()
    return hmac.digest(web.secret_key.encode(), said, "sha256").hex()


def require_api_secret(web: WebSettings) -> Response | None:
    """Let programs with an API token through that send it as Atlantis's clients do, or as ours."""
    if not web.api_tokens:
        return problem(503, "Closed", "This API is closed until a token is set: THERA_API_TOKENS.")
    given = request.headers.get("X-Atlantis-Token", "")
    if presents(web.api_tokens) or _is_one_of(given, web.api_tokens):
        return None
    return unauthorized(
        "The header `X-Atlantis-Token` or `Authorization: Bearer` has to carry one of THERA_API_TOKENS."
    )


def presents(tokens: Iterable[str]) -> bool:
    """Say whether the request carries `Authorization: Bearer` with one of these; no token is never right."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return _is_one_of(given, tokens) and scheme.lower() == "bearer"


def _is_one_of(given: str, tokens: Iterable[str]) -> bool:
    right = False
    for token in tokens:  # all of them, so that the time taken tells nothing
        right |= bool(token) and hmac.compare_digest(given.strip().encode(), token.encode())
    return right


def unauthorized(detail: str) -> Response:
    """Say which credential is wanted."""
    return problem(401, "Not signed in", detail, **{"WWW-Authenticate": 'Bearer realm="thera"'})


def require_token(web: WebSettings) -> Response | None:
    """Let programs with an API token through."""
    if presents(web.api_tokens):
        return None
    return unauthorized("The header `Authorization: Bearer <token>` with one of THERA_API_TOKENS is wanted.")


def csrf_token() -> str:
    """Give the token that every form has to bring back."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def check_csrf() -> None:
    """Refuse a form that another site could have sent."""
    given, known = request.form.get("csrf", ""), session.get("csrf", "")
    if not known or not hmac.compare_digest(given.encode(), str(known).encode()):
        abort(400, "This form is too old. Go back, reload the page and try again.")


def local_target(target: str | None) -> str:
    """Keep a redirect on this server, whatever the address says."""
    try:
        parts = urlsplit(target or "/")
    except ValueError:  # `//[`
        return "/"
    path = parts.path
    if parts.scheme or parts.netloc or "\\" in path or not path.startswith("/") or path.startswith("//"):
        return "/"
    return f"{path}?{parts.query}" if parts.query else path


def make_auth(web: WebSettings) -> Blueprint:
    """Make the sign-in and sign-out routes."""
    auth, guard = Blueprint("auth", __name__), LoginGuard()

    @auth.before_request
    def _possible() -> Response | None:
        return _no_password() if web.password is None else None

    @auth.get("/login")
    def login() -> Response:
        """Show the form."""
        return _form(request.args.get("next"))

    @auth.post("/login")
    def sign_in() -> Response:
        """Check name and password."""
        check_csrf()
        address, target = request.remote_addr or "", request.form.get("next")
        if guard.is_closed_to(address):
            answer = _form(target, status=429, words="Too many tries. Wait a minute.")
            answer.headers["Retry-After"] = str(int(_WINDOW))
            return answer
        if not _is_right(web, request.form.get("username", ""), request.form.get("password", "")):
            guard.note_failure(address)
            return _form(target, status=401, words="Name or password is wrong.")
        session.clear()
        session["user"], session["proof"] = web.username, _proof(web)
        return Response(status=303, headers={"Location": local_target(target)})

    @auth.post("/logout")
    def logout() -> Response:
        """Forget who it was."""
        check_csrf()
        session.clear()
        return Response(status=303, headers={"Location": url_for("auth.login")})

    return auth


def _form(target: str | None, *, status: int = 200, words: str = "") -> Response:
    return make_response(render_template("login.html", target=local_target(target), words=words), status)


def _is_right(web: WebSettings, name: str, password: str) -> bool:
    right = hmac.compare_digest(name.encode(), web.username.encode())
    return hmac.compare_digest(password.encode(), (web.password or "").encode()) and right and bool(web.password)
