"""Names of repositories and pulls, as Thera spells them everywhere."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, order=True)
class RepoRef:
    """A repository on a forge: `github.com`, `acme/infra`."""

    host: str
    full_name: str

    @property
    def owner(self) -> str:
        """Everything before the last slash; GitLab groups may nest."""
        return self.full_name.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last part of the full name."""
        return self.full_name.rpartition("/")[2]

    def __str__(self) -> str:
        """Spell it as the allowlist does."""
        return f"{self.host}/{self.full_name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host/owner/name` back."""
        host, _, full_name = text.partition("/")
        return cls(host, full_name)


@dataclass(frozen=True, order=True)
class PullRef:
    """A pull request: a repository and a number."""

    repo: RepoRef
    number: int

    def __str__(self) -> str:
        """Spell it as people do: `github.com/acme/infra#12`."""
        return f"{self.repo}#{self.number}"
