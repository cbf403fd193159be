"""Git over HTTP: Debian's own `git http-backend`, behind a token."""

import base64
import binascii
import subprocess

from flask import Blueprint, Response, request

from sandbox.forge import SandboxForge
from sandbox.gitrepo import environment as git_environment


def make_git(forge: SandboxForge) -> Blueprint:
    """Make the route under which repositories are cloned from and pushed to."""
    blueprint = Blueprint("git", __name__)

    @blueprint.route("/<path:name>.git/<path:rest>", methods=["GET", "POST"])
    def serve(name: str, rest: str) -> Response:
        """Hand a request to git and its answer back."""
        login = _login(forge)
        if login is None:
            return Response("Authentication required", 401, {"WWW-Authenticate": 'Basic realm="sandbox"'})
        answer = _backend(forge, f"{name}.git/{rest}", login)
        if rest.endswith("git-receive-pack") and request.method == "POST":
            forge.pushed(name, login)
        return answer

    return blueprint


def _login(forge: SandboxForge) -> str | None:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        token = base64.b64decode(value).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
    user = forge.user_of(token)
    return user.login if user else None


def _backend(forge: SandboxForge, path: str, login: str) -> Response:
    environment = git_environment() | {
        "GIT_PROJECT_ROOT": str(forge.data_dir),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": login,
        "PATH_INFO": f"/{path}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string.decode(),
        "CONTENT_TYPE": request.content_type or "",
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
    }
    done = subprocess.run(
        ["git", "http-backend"], env=environment, input=request.get_data(), capture_output=True, check=False
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split()[0])
    return Response(body, status, headers)
