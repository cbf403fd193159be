"""Who is looking: a session for people, a token for programs. Nothing is open by default."""

import hmac
import secrets
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, render_template, request, session, url_for

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
        return Response("No password is set: set THERA_WEB_PASSWORD to use these pages.\n", 503, mimetype="text/plain")
    if session.get("user") == web.username:
        return None
    target = request.full_path if request.method == "GET" else "/"
    return Response(status=303, headers={"Location": url_for("auth.login", next=target)})


def require_token(web: WebSettings) -> Response | None:
    """Let programs with an API token through."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    if any(hmac.compare_digest(given, token.encode()) for token in web.api_tokens):
        return None
    return problem(401, "Not signed in", "Authorization: Bearer with one of THERA_API_TOKENS is wanted.")


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
    parts = urlsplit(target or "/")
    path = parts.path if parts.path.startswith("/") and not parts.path.startswith(("//", "/\\")) else "/"
    if parts.scheme or parts.netloc or "\\" in path:
        return "/"
    return f"{path}?{parts.query}" if parts.query else path


def make_auth(web: WebSettings) -> Blueprint:
    """Make the sign-in and sign-out routes."""
    auth, guard = Blueprint("auth", __name__), LoginGuard()

    @auth.get("/login")
    def login() -> str:
        """Show the form."""
        return render_template("login.html", target=local_target(request.args.get("next")), wrong=False)

    @auth.post("/login")
    def sign_in() -> Response | tuple[str, int]:
        """Check name and password."""
        check_csrf()
        address = request.remote_addr or ""
        target = local_target(request.form.get("next"))
        if guard.is_closed_to(address):
            return render_template("login.html", target=target, wrong=True, wait=True), 429
        name, password = request.form.get("username", ""), request.form.get("password", "")
        right = hmac.compare_digest(name.encode(), web.username.encode())
        right &= web.password is not None and hmac.compare_digest(password.encode(), (web.password or "").encode())
        if not right:
            guard.note_failure(address)
            return render_template("login.html", target=target, wrong=True), 401
        session.clear()
        session["user"] = web.username
        return Response(status=303, headers={"Location": target})

    @auth.post("/logout")
    def logout() -> Response:
        """Forget who it was."""
        check_csrf()
        session.clear()
        return Response(status=303, headers={"Location": url_for("auth.login")})

    return auth
