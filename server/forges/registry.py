"""Which forge serves which repository: the only place that knows all kinds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from server.domain.errors import UserMistake
from server.domain.refs import RepoRef
from server.forges.base import Forge
from server.forges.github import GitHubForge, host_of


@dataclass(frozen=True, kw_only=True)
class ForgeConfig:
    """One forge with one credential."""

    kind: str
    url: str
    token: str = field(repr=False)
    login: str | None = None
    write_interval: timedelta = timedelta(0)

    @property
    def host(self) -> str:
        """The host that its repositories are spelled with."""
        return host_of(self.url)


class Forges:
    """The forges of this installation, by host."""

    def __init__(self, configs: Sequence[ForgeConfig]) -> None:
        self._forges: dict[str, Forge] = {config.host: _make(config) for config in configs}

    def of(self, repo: RepoRef) -> Forge:
        """Find the forge of a repository.

        Raises:
            UserMistake: none is configured for its host.
        """
        forge = self._forges.get(repo.host)
        if forge is None:
            raise UserMistake(f"no forge is configured for {repo.host}")
        return forge


def _make(config: ForgeConfig) -> Forge:
    if config.kind != "github":
        raise UserMistake(f"there is no kind of forge called {config.kind!r}")
    return GitHubForge(url=config.url, token=config.token, login=config.login, write_interval=config.write_interval)
