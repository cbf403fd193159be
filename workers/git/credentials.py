"""How one git command proves who it is, and to which address."""

import base64
import contextlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from workers.errors import JobFailed
from workers.protocol.jobs import Checkout
from workers.protocol.results import FailureKind
from workers.redact import Redactor

Settings = tuple[tuple[str, str], ...]

_WEB = ("http", "https")
_ANY_USER = "x-access-token"  # what GitHub calls it; a token alone decides
_SCP_LIKE = re.compile(r"[\w.+-]+@[\w.-]+:[^:].*")


@dataclass(frozen=True, kw_only=True)
class Remote:
    """An address without credentials, and beside it the credentials for it."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_certificate: str = field(default="", repr=False)

    @classmethod
    def of(cls, checkout: Checkout) -> Self:
        """Take address and credentials from a job. Credentials inside the address move out of it."""
        parts = urlsplit(checkout.clone_url)
        if checkout.clone_url.startswith("-") or not (parts.scheme or _SCP_LIKE.fullmatch(checkout.clone_url)):
            raise JobFailed(FailureKind.GIT, f"The clone address of {checkout.repo} is not one that git may use")
        if parts.scheme not in _WEB:
            return cls(url=checkout.clone_url)
        return cls(
            url=parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
            username=checkout.username or unquote(parts.username or "") or _ANY_USER,
            password=checkout.password or unquote(parts.password or ""),
            ca_certificate=checkout.ca_certificate,
        )

    @contextlib.contextmanager
    def settings(self) -> Iterator[Settings]:
        """Have Git settings for a single command: the login, whom to trust, and the protocols that may be spoken.

        They travel in that command's environment, so a process list does not show them. The header is
        bound to the host, so another host that the server redirects to does not get it. The certificate lies
        in a file of this user's, as long as the command runs.
        """
        allowed = ["https", "http", "ssh", *(["file"] if self.url.startswith("file://") else [])]
        settings = (("protocol.allow", "never"), *((f"protocol.{name}.allow", "always") for name in allowed))
        with self._trusted("http") as trust:
            yield (*settings, *self._login(), *trust)

    @contextlib.contextmanager
    def settings_for_others(self) -> Iterator[Settings]:
        """Have Git settings with which another program fetches repositories of the same host, whatever their address.

        `git@host:` and `ssh://git@host/` lead to the same host by HTTP. Other hosts see nothing of it.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in _WEB or not self.password:
            yield ()
            return
        web = f"{parts.scheme}://{parts.netloc}/"
        spellings = (f"git@{parts.hostname}:", f"ssh://git@{parts.hostname}/")
        with self._trusted(f"http.{web}") as trust:
            yield (*self._login(), *((f"url.{web}.insteadOf", spelling) for spelling in spellings), *trust)

    def _login(self) -> Settings:
        if not self.password:
            return ()
        parts = urlsplit(self.url)
        login = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return ((f"http.{parts.scheme}://{parts.netloc}/.extraHeader", f"Authorization: Basic {login}"),)

    @contextlib.contextmanager
    def _trusted(self, section: str) -> Iterator[Settings]:
        if not self.ca_certificate:
            yield ()
            return
        with tempfile.NamedTemporaryFile(prefix="thera-ca-", suffix=".pem") as file:  # 0600, and gone afterwards
            file.write(self.ca_certificate.encode())
            file.flush()
            yield ((f"{section}.sslCAInfo", file.name),)

    def scrub(self, text: str) -> str:
        """Remove the credentials from what git said."""
        redactor = Redactor()
        redactor.add_credential(self.username, self.password)
        return redactor.redact(text)
