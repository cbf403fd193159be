"""One request to an address that the operator gave: bounded in time and size, and going nowhere else."""

from collections.abc import Mapping

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_auth_from_url

from server.domain.errors import TryLater
from server.version import VERSION

_TIMEOUT = (5.0, 10.0)  # seconds to connect, and between two bytes of the answer
_MOST_READ = 64 * 1024
_PIECE = 8 * 1024
_GOOD = range(200, 300)
_MOVED = range(300, 400)


class _AsItIs(AuthBase):
    """Adds no credential: without this, a .netrc would replace the header that the operator set."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def post(url: str, body: bytes, headers: Mapping[str, str], *, is_read: bool = False) -> str:
    """Send JSON; gives the beginning of the answer, if it is to be read.

    No message of an error names the address, which may be a secret in itself.

    Raises:
        TryLater: it was not taken.
    """
    sent = {**headers, "Content-Type": "application/json; charset=utf-8", "User-Agent": f"thera/{VERSION}"}
    user, password = get_auth_from_url(url)
    try:
        with requests.post(
            url,
            data=body,
            headers=sent,
            timeout=_TIMEOUT,
            allow_redirects=False,  # they would carry the headers to wherever they lead
            auth=HTTPBasicAuth(user, password) if user else _AsItIs(),
            stream=True,
        ) as answer:
            _insist_on_success(answer)
            return _beginning(answer) if is_read else ""
    except requests.RequestException as error:
        raise TryLater(f"no answer: {type(error).__name__}") from None


def _beginning(answer: requests.Response) -> str:
    content = b""
    for piece in answer.iter_content(_PIECE):
        content += piece
        if len(content) > _MOST_READ:
            break
    return content.decode("utf-8", "replace")


def _insist_on_success(answer: requests.Response) -> None:
    if answer.status_code in _GOOD:
        return
    if answer.status_code in _MOVED:
        raise TryLater(f"answered {answer.status_code}: it has moved, and redirects are not followed")
    wish = answer.headers.get("Retry-After", "")
    raise TryLater(f"answered {answer.status_code}", after_seconds=float(wish) if wish.isdecimal() else None)
