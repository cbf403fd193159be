"""One forge with one credential, as the operator configured it."""

import fnmatch
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from server.domain.refs import RepoRef


@dataclass(frozen=True, kw_only=True)
class AppIdentity:
    """An App installed on owners, instead of an account with a token: its id and private key (PEM)."""

    id: int
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class ForgeConfig:
    """One forge with one credential.

    `owners` are glob patterns (`acme`, `acme-*`, `group/sub*`) of whose repositories the credential serves, in any
    letter case; a pattern covers what is nested below it. `ca_file` holds the authority that signed the forge's
    certificate, where the system does not know it.
    """

    kind: str
    url: str
    token: str = field(default="", repr=False)
    app: AppIdentity | None = None
    login: str | None = None
    webhook_secret: str = field(default="", repr=False)
    owners: tuple[str, ...] = ("*",)
    ca_file: Path | None = None
    write_interval: timedelta = timedelta(0)

    @property
    def ca_certificate(self) -> str:
        """The authority's certificate itself (PEM), for those who have no such file; empty without one."""
        return "" if self.ca_file is None else self.ca_file.read_text(encoding="ascii")

    def fit(self, repo: RepoRef) -> int:
        """Say how closely one of `owners` fits a repository's owner: 0 is not at all, more is closer."""
        parts = repo.owner.lower().split("/")
        names = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        return max(
            (
                1 + 2 * len(pattern.replace("*", "")) + ("*" not in pattern)
                for pattern in map(str.lower, self.owners)
                if any(fnmatch.fnmatchcase(name, pattern) for name in names)
            ),
            default=0,
        )
