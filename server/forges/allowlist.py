"""Which repositories may use this server. Atlantis's syntax; `*` is a wildcard wherever it stands."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from server.domain.errors import UserMistake
from server.domain.refs import RepoRef


@dataclass(frozen=True)
class Allowlist:
    """Patterns of repositories; one that begins with `!` always wins."""

    included: tuple[re.Pattern[str], ...]
    excluded: tuple[re.Pattern[str], ...]

    @classmethod
    def parse(cls, rules: str | Iterable[str]) -> Self:
        """Read `github.com/acme/*,!github.com/acme/secret`.

        Raises:
            UserMistake: a rule cannot be a repository's name.
        """
        parts = rules.split(",") if isinstance(rules, str) else rules
        cleaned = [part.strip() for part in parts if part.strip()]
        for rule in cleaned:
            if "://" in rule:
                raise UserMistake(f"THERA_REPO_ALLOWLIST: {rule!r} has a scheme; write it as github.com/owner/repo")
        return cls(
            included=tuple(_pattern(rule) for rule in cleaned if not rule.startswith("!")),
            excluded=tuple(_pattern(rule[1:]) for rule in cleaned if rule.startswith("!")),
        )

    def allows(self, repo: RepoRef) -> bool:
        """Say whether a repository may use this server."""
        name = str(repo).lower()
        if any(pattern.fullmatch(name) for pattern in self.excluded):
            return False
        return any(pattern.fullmatch(name) for pattern in self.included)


def _pattern(rule: str) -> re.Pattern[str]:
    # Only `*` is special: brackets and question marks are taken literally.
    parts = (re.escape(part) for part in rule.strip().lower().split("*"))
    return re.compile(".*".join(parts), re.DOTALL)
