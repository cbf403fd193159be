"""How a worker gets at the code: credentials and certificates, added to work at the last moment and never stored."""

from dataclasses import replace

from server.domain.refs import RepoRef
from server.forges.base import Credential
from server.forges.registry import Forges
from workers.protocol.jobs import GitSource, PolicyCheck, PolicySet, Version, Work


def with_credentials(forges: Forges, work: Work, repo: RepoRef) -> Work:
    """Give work what its checkout needs, and for each repository of policies what that one needs.

    Raises:
        Refused, TryLater, UserMistake: the forge gives no credential; see `Forge`.
    """
    if isinstance(work, Version):
        return work
    credential = forges.of(repo).credential(repo)
    checkout = replace(
        work.checkout,
        username=credential.username,
        password=credential.password,
        ca_certificate=credential.ca_certificate,
    )
    work = replace(work, checkout=checkout)
    if isinstance(work, PolicyCheck):
        work = replace(work, policy_sets=tuple(_with_source(forges, one) for one in work.policy_sets))
    return work


def _with_source(forges: Forges, one: PolicySet) -> PolicySet:
    if one.source is None:
        return one
    repo = RepoRef(one.source.host, one.source.repo)
    forge = forges.of(repo)
    source = replace(one.source, clone_url=forge.clone_url(repo))
    return replace(one, source=_opened(source, forge.credential(repo)))


def _opened(source: GitSource, credential: Credential) -> GitSource:
    return replace(
        source,
        username=credential.username,
        password=credential.password,
        ca_certificate=credential.ca_certificate,
    )
