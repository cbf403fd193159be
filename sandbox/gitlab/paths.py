"""Paths as GitLab reads them: `acme%2Finfra` is one part of a path, `acme/infra` is two."""

from collections.abc import Iterable
from urllib.parse import unquote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.routing import BaseConverter


class Part(BaseConverter):
    """One part of a path that came percent-encoded."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        """Decode it, once."""
        return unquote(value)


class RawPaths:
    """Hands requests below a prefix on with the path as it was sent; WSGI decodes `%2F`, and so loses it."""

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        raw = str(environ.get("REQUEST_URI", "")).partition("?")[0]
        if raw.startswith(f"{self._prefix}/"):
            environ["PATH_INFO"] = raw
        return self._app(environ, start_response)
