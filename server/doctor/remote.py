"""What the forges say of each repository."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from server.domain.errors import ServiceError
from server.domain.findings import Finding, Verdict
from server.domain.refs import RepoRef
from server.forges.allowlist import Allowlist
from server.forges.base import WantedHook
from server.forges.registry import Forges

_HOOKS = frozenset({"webhook", "webhook deliveries"})


@dataclass(frozen=True, kw_only=True)
class Remote:
    """The forges, and how webhooks reach us."""

    forges: Forges
    allowlist: Allowlist
    public_url: str
    own_statuses: str

    def hook(self, repo: RepoRef) -> WantedHook:
        """Say which webhook a repository should have.

        Raises:
            UserMistake: nothing configured serves it.
        """
        config = self.forges.config_of(repo)
        return WantedHook(url=f"{self.public_url}/webhooks/{config.kind}", secret=config.webhook_secret)

    def look_at(self, repo: RepoRef) -> Iterator[Finding]:
        """Look at one repository; what cannot be looked at is said."""
        if not self.allowlist.allows(repo):
            yield Finding(
                subject="allowlist",
                verdict=Verdict.BAD,
                found="is not on the allowlist: its webhooks are refused",
                remedy=f"Add {repo} to THERA_REPO_ALLOWLIST.",
            )
        try:
            hook = self.hook(repo)
            yield from self.forges.of(repo).inspect(repo, hook=hook, own_statuses=self.own_statuses)
        except ServiceError as error:
            yield Finding(
                subject="forge",
                verdict=Verdict.BAD,
                found=str(error),
                remedy="Correct the credential or the name, and look again.",
            )


def repair(remote: Remote, repo: RepoRef, found: Iterable[Finding], agree: Callable[[str], bool]) -> str | None:
    """Make or put right a webhook that was found wanting, if somebody agrees; says what was done.

    Raises:
        ServiceError: it cannot be done.
    """
    if not any(one.subject in _HOOKS and one.verdict is Verdict.BAD for one in found):
        return None
    hook = remote.hook(repo)
    if not agree(f"Make or correct the webhook of {repo} to {hook.url}?"):
        return None
    return remote.forges.of(repo).set_webhook(repo, hook)
