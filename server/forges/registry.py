"""Which forge serves which repository: the only place that knows all kinds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from server.domain.errors import UserMistake
from server.domain.refs import RepoRef
from server.forges import gitlab_client
from server.forges.base import Forge
from server.forges.config import ForgeConfig
from server.forges.github import GitHubForge
from server.forges.github_client import host_of
from server.forges.github_manifest import GitHubAppMaker, api_of
from server.forges.gitlab import GitLabForge
from server.forges.setup import AppMaker


@dataclass(frozen=True, kw_only=True)
class ForgeKind:
    """One kind of forge: how it is called, how the host of its repositories is spelled, and how it is reached.

    The rest is for setting one up: `home` is where most people have it, `api_of` turns the address of its pages into
    what is asked, `credential_wants` says which token serves, and `app_maker` makes an App where there are such things.
    """

    title: str
    host_of: Callable[[str], str]
    connect: Callable[[ForgeConfig], Forge]
    home: str
    api_of: Callable[[str], str]
    credential_wants: str
    hook_wants: str
    app_maker: AppMaker | None = None


KINDS: Mapping[str, ForgeKind] = {
    "github": ForgeKind(
        title="GitHub",
        host_of=host_of,
        connect=GitHubForge,
        home="https://github.com",
        api_of=api_of,
        credential_wants="a classic token with the scope `repo`, or a fine-grained one with Contents, Pull requests, "
        "Issues and Commit statuses (read and write)",
        hook_wants="content type application/json; the events Pull requests, Pull request reviews, Issue comments, "
        "Pushes",
        app_maker=GitHubAppMaker(),
    ),
    "gitlab": ForgeKind(
        title="GitLab",
        host_of=gitlab_client.host_of,
        connect=GitLabForge,
        home="https://gitlab.com",
        api_of=gitlab_client.base_of,
        credential_wants="a personal, group or project access token with the scope `api`, as Developer or higher",
        hook_wants="the triggers Push events, Comments, Merge request events, Pipeline events",
    ),
}


@dataclass(frozen=True)
class _Connection:
    config: ForgeConfig
    host: str
    forge: Forge


class Forges:
    """The forges of this installation; several credentials may share a host, each for some owners."""

    def __init__(self, configs: Sequence[ForgeConfig]) -> None:
        self._connections = [_connect(config) for config in configs]

    @property
    def configs(self) -> list[ForgeConfig]:
        """Every configuration, in the order given."""
        return [one.config for one in self._connections]

    def of(self, repo: RepoRef) -> Forge:
        """Find the forge of a repository, with the credential whose owners fit it most closely.

        Raises:
            UserMistake: none is configured for its host and owner.
        """
        return self._connection(repo).forge

    def config_of(self, repo: RepoRef) -> ForgeConfig:
        """Find the configuration that serves a repository.

        Raises:
            UserMistake: as `of`.
        """
        return self._connection(repo).config

    def repo_named(self, kind: str, name: str) -> RepoRef:
        """Find a repository by its forge's kind and its full name, which may begin with the host.

        Raises:
            UserMistake: no forge of that kind serves it, or several do.
        """
        hosts = sorted({one.host for one in self._connections if one.config.kind == kind.lower()})
        if not hosts:
            known = ", ".join(sorted({one.config.kind for one in self._connections})) or "none"
            raise UserMistake(f"no forge of the type {kind!r} is configured here; there are: {known}")
        host, _, rest = name.partition("/")
        if host in hosts and "/" in rest:
            return RepoRef(host, rest)
        if len(hosts) > 1:
            spelled = " or ".join(f"{one}/{name}" for one in hosts)
            raise UserMistake(f"several forges of that type are configured here; name the repository {spelled}")
        return RepoRef(hosts[0], name)

    def _connection(self, repo: RepoRef) -> _Connection:
        there = [one for one in self._connections if one.host == repo.host]
        if not there:
            raise UserMistake(f"no forge is configured for {repo.host}")
        best = max(there, key=lambda one: one.config.fit(repo))
        if not best.config.fit(repo):
            raise UserMistake(f"no credential for {repo.host} is configured that serves {repo.owner}")
        return best


def _connect(config: ForgeConfig) -> _Connection:
    kind = kind_of(config)
    return _Connection(config, kind.host_of(config.url), kind.connect(config))


def kind_of(config: ForgeConfig) -> ForgeKind:
    """Find a configuration's kind.

    Raises:
        UserMistake: there is none of that name.
    """
    if config.kind not in KINDS:
        raise UserMistake(f"there is no kind of forge called {config.kind!r}; known: {', '.join(sorted(KINDS))}")
    return KINDS[config.kind]


def host_of_config(config: ForgeConfig) -> str:
    """Name the host that a configuration's repositories are spelled with."""
    return kind_of(config).host_of(config.url)
