"""GitHub's errors into ours."""

import math
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

_UNKNOWN, _TOO_MANY, _FORBIDDEN, _UNPROCESSABLE, _BROKEN = 401, 429, 403, 422, 500
_DEFAULT_PAUSE, _LONGEST_PAUSE = 60.0, 3_600.0
_WANTED = ("x-accepted-github-permissions", "x-accepted-oauth-scopes")


@contextmanager
def translated(what: str, *, credential: str = "Set a valid THERA_GITHUB_TOKEN.") -> Iterator[None]:
    """Turn whatever GitHub or the network says into ours; `what` names the act for people.

    `credential` says what to do when GitHub does not accept what we came with.
    """
    try:
        yield
    except requests.RequestException as error:
        raise TryLater(f"GitHub did not answer ({what}): {type(error).__name__}") from error
    except BadCredentialsException as error:
        raise Refused(f"GitHub does not accept the token ({what}). {credential}") from error
    except UnknownObjectException as error:
        raise UserMistake(f"GitHub knows no such thing, or hides it from the token ({what}).") from error
    except GithubException as error:
        if error.status == _UNKNOWN:  # what GitHub says of an App's JWT is no BadCredentialsException
            raise Refused(f"GitHub does not accept the credential ({what}). {credential}") from error
        raise _ours(error, what) from error
    except RuntimeError as error:  # PyGithub's word for a redirection to another host or from http to https
        if "redirected" not in str(error):
            raise
        raise Refused(f"GitHub answers elsewhere ({what}): {error}. Set THERA_GITHUB_URL to that address.") from error


def is_bad_credential(error: Refused) -> bool:
    """Say whether GitHub refused because of the credential itself."""
    return isinstance(error.__cause__, GithubException) and error.__cause__.status == _UNKNOWN


def _ours(error: GithubException, what: str) -> Exception:
    message = error.data.get("message", "") if isinstance(error.data, dict) else str(error.data)
    headers = {key.lower(): value for key, value in (error.headers or {}).items()}
    if _is_limit(error, str(message), headers):
        return TryLater(f"GitHub wants us to slow down ({what}).", after_seconds=_pause(headers))
    if error.status >= _BROKEN:
        return TryLater(f"GitHub answered {error.status} ({what}).", after_seconds=_retry_after(headers))
    if error.status == _FORBIDDEN:
        wanted = next((f" It wants {headers[name]}." for name in _WANTED if headers.get(name)), "")
        return Refused(f"GitHub forbids it ({what}): {message}.{wanted} Check what the token may do.")
    if error.status == _UNPROCESSABLE:
        return UserMistake(f"GitHub cannot do it ({what}): {message}")
    return UserMistake(f"GitHub answered {error.status} ({what}): {message}")


def _is_limit(error: GithubException, message: str, headers: Mapping[str, str]) -> bool:
    if isinstance(error, RateLimitExceededException) or error.status == _TOO_MANY:
        return True
    return error.status == _FORBIDDEN and ("rate limit" in message.lower() or "retry-after" in headers)


def _pause(headers: Mapping[str, str]) -> float:
    asked = _retry_after(headers)
    if asked is not None:
        return asked
    if headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        if reset is not None:
            return min(max(reset - time.time(), 1.0), _LONGEST_PAUSE)
    return _DEFAULT_PAUSE


def _retry_after(headers: Mapping[str, str]) -> float | None:
    asked = _number(headers.get("retry-after"))
    return None if asked is None else min(max(asked, 1.0), _LONGEST_PAUSE)


def _number(text: str | None) -> float | None:
    """Read a number of seconds; a proxy may write a date there, or nonsense."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
