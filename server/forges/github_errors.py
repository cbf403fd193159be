"""GitHub's errors into ours."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests
from github.GithubException import (
    BadCredentialsException,
    GithubException,
    RateLimitExceededException,
    UnknownObjectException,
)

from server.domain.errors import Refused, TryLater, UserMistake

_TOO_MANY, _FORBIDDEN, _UNPROCESSABLE, _BROKEN = 429, 403, 422, 500
_DEFAULT_PAUSE = 60.0


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn whatever GitHub or the network says into ours; `what` names the act for people."""
    try:
        yield
    except requests.RequestException as error:
        raise TryLater(f"GitHub did not answer ({what}): {type(error).__name__}") from error
    except BadCredentialsException as error:
        raise Refused(f"GitHub does not accept the token ({what}). Set a valid THERA_GITHUB_TOKEN.") from error
    except UnknownObjectException as error:
        raise UserMistake(f"GitHub knows no such thing, or hides it from the token ({what}).") from error
    except GithubException as error:
        raise _ours(error, what) from error


def _ours(error: GithubException, what: str) -> Exception:
    message = error.data.get("message", "") if isinstance(error.data, dict) else str(error.data)
    headers = {key.lower(): value for key, value in (error.headers or {}).items()}
    limited = isinstance(error, RateLimitExceededException) or error.status == _TOO_MANY
    if limited or (error.status == _FORBIDDEN and "rate limit" in str(message).lower()):
        return TryLater(f"GitHub wants us to slow down ({what}).", after_seconds=_pause(headers))
    if error.status >= _BROKEN:
        return TryLater(f"GitHub answered {error.status} ({what}).")
    if error.status == _FORBIDDEN:
        return Refused(f"GitHub forbids it ({what}): {message}. Check what the token may do.")
    if error.status == _UNPROCESSABLE:
        return UserMistake(f"GitHub cannot do it ({what}): {message}")
    return UserMistake(f"GitHub answered {error.status} ({what}): {message}")


def _pause(headers: Mapping[str, str]) -> float:
    if "retry-after" in headers:
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-remaining") == "0" and "x-ratelimit-reset" in headers:
        return max(float(headers["x-ratelimit-reset"]) - time.time(), 1.0)
    return _DEFAULT_PAUSE
