"""GitLab's errors into ours."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from gitlab.exceptions import GitlabAuthenticationError, GitlabError, GitlabParsingError, RedirectError

from server.domain.errors import Refused, TryLater, UserMistake

_FORBIDDEN, _ABSENT, _BROKEN = 403, 404, 500
_DEFAULT_PAUSE, _LONGEST_PAUSE = 60.0, 3_600.0
_LONGEST_MESSAGE = 500


class AskedToWait(Exception):
    """GitLab answered 429 or 503; its headers say how long it wants to be left alone."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(f"GitLab answered {status}")
        self.status = status
        self.headers = {key.lower(): value for key, value in headers.items()}


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn whatever GitLab or the network says into ours; `what` names the act for people."""
    try:
        yield
    except AskedToWait as error:
        raise _to_wait(error, what) from error
    except requests.exceptions.SSLError as error:
        raise TryLater(
            f"GitLab's certificate is not one that this server trusts ({what}). "
            "Name its authority's certificate in THERA_GITLAB_CA_BUNDLE."
        ) from error
    except requests.RequestException as error:
        raise TryLater(f"GitLab did not answer ({what}): {type(error).__name__}") from error
    except GitlabAuthenticationError as error:
        raise Refused(f"GitLab does not accept the token ({what}). Set a valid THERA_GITLAB_TOKEN.") from error
    except RedirectError as error:
        raise Refused(f"GitLab answers elsewhere ({what}): set THERA_GITLAB_URL to the address it sends to.") from error
    except GitlabParsingError as error:
        raise Refused(
            f"What answers is not GitLab's API ({what}). Set THERA_GITLAB_URL to the address of GitLab itself."
        ) from error
    except GitlabError as error:
        raise _ours(error, what) from error


def is_absent(error: UserMistake) -> bool:
    """Say whether a mistake of ours was a 404 of GitLab's."""
    return status_of(error.__cause__) == _ABSENT


def status_of(error: BaseException | None) -> int | None:
    """Give the HTTP status that an error came with."""
    return error.response_code if isinstance(error, GitlabError) else None


def message_of(error: BaseException | None) -> str:
    """Give GitLab's own words, which may be a text, or a list of them by the field that is wrong."""
    return _text(error.error_message)[:_LONGEST_MESSAGE] if isinstance(error, GitlabError) else ""


def _text(message: Any) -> str:
    if isinstance(message, dict):
        return "; ".join(f"{key} {_text(value)}" for key, value in message.items())
    if isinstance(message, list):
        return ", ".join(map(_text, message))
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)


def _ours(error: GitlabError, what: str) -> Exception:
    status, message = error.response_code, message_of(error)
    if status is None:
        return TryLater(f"GitLab did not answer ({what}): {type(error).__name__}")
    if status >= _BROKEN:
        return TryLater(f"GitLab answered {status} ({what}).")
    if status == _FORBIDDEN:
        return Refused(f"GitLab forbids it ({what}): {message}. {_remedy(error)}")
    if status == _ABSENT:
        return UserMistake(f"GitLab knows no such thing, or hides it from the token ({what}).")
    return UserMistake(f"GitLab cannot do it ({what}): {status} {message}")


def _remedy(error: GitlabError) -> str:
    if b"insufficient_scope" in (error.response_body or b""):
        return "Give the token the scope `api`."
    return "Check the role that the token's account has in the project: it takes Developer, and Maintainer to merge."


def _to_wait(error: AskedToWait, what: str) -> TryLater:
    asked = _number(error.headers.get("retry-after"))
    if error.status >= _BROKEN:
        return TryLater(f"GitLab answered {error.status} ({what}).", after_seconds=_bounded(asked))
    if asked is None and (reset := _number(error.headers.get("ratelimit-reset"))) is not None:
        asked = reset - time.time()
    pause = _DEFAULT_PAUSE if asked is None else _bounded(asked)
    return TryLater(f"GitLab wants us to slow down ({what}).", after_seconds=pause)


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 1.0), _LONGEST_PAUSE)


def _number(text: str | None) -> float | None:
    """Read a number of seconds; a proxy may write a date there, or nonsense."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
