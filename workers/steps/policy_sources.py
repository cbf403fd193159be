"""Where policies lie: on the worker's disk, or in a repository of their own. A branch must not judge itself."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from workers.errors import JobFailed
from workers.git.checkout import checked_out
from workers.git.credentials import Remote
from workers.git.mirror import Mirror
from workers.git.paths import checkout_path, resolve_inside
from workers.policy.findings import Unjudged
from workers.protocol.jobs import Checkout, GitSource, PolicySet, ProjectKey
from workers.steps.context import StepContext

_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Located:
    """Policies on this disk, and the commit that they are of, if they are of one."""

    path: Path
    revision: str = ""


@contextlib.contextmanager
def located(policies: PolicySet, context: StepContext) -> Iterator[Located]:
    """Have a set's policies on the disk inside.

    Raises:
        Unjudged: they are not there, or the branch under review could change them.
    """
    if policies.source is None:
        yield Located(_on_this_disk(policies, context))
        return
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(_from_git(policies, policies.source, context))
        except JobFailed as error:
            detail = error.failure.detail
            raise Unjudged(f"{error.failure.summary}{f': {detail}' if detail else ''}") from error
        yield found


def _on_this_disk(policies: PolicySet, context: StepContext) -> Path:
    path = (context.folder / policies.path).resolve()
    inside = path.is_relative_to(context.root.resolve())
    if inside and not policies.from_checkout:
        raise Unjudged(
            f"`{policies.path}` lies in the checkout, so the branch could change what it is judged by. Give the set "
            "an absolute path on the workers or a repository of its own, or say in the server's file that it may"
        )
    if not path.exists():
        raise Unjudged(f"there is nothing at `{policies.path}` on this worker")
    return path


@contextlib.contextmanager
def _from_git(policies: PolicySet, source: GitSource, context: StepContext) -> Iterator[Located]:
    checkout = _checkout(source, context)
    context.redactor.add_credential(source.username, source.password)
    mirror = _mirror(checkout, context)
    key = ProjectKey(dir=context.project.dir, workspace=context.project.workspace, name=f"policies {policies.name}")
    place = checkout_path(context.settings.checkouts, checkout, key)
    with checked_out(checkout, path=place, mirror=mirror) as root:
        yield Located(resolve_inside(root, policies.path.lstrip("/") or "."), revision=checkout.head_sha)


def _checkout(source: GitSource, context: StepContext) -> Checkout:
    """Say which commit it is; asked of the server of that repository if it is not known yet."""
    names = [source.ref] if source.ref.startswith("refs/") else [f"refs/heads/{source.ref}", f"refs/tags/{source.ref}"]
    commit = source.commit or (source.ref if _SHA.fullmatch(source.ref) else "")
    checkout = Checkout(
        host=source.host,
        repo=source.repo,
        clone_url=source.clone_url,
        head_sha=commit or "0" * 40,
        head_ref=names[0],
        base_sha=commit or "0" * 40,
        base_ref=names[0],
        pull_number=context.work.checkout.pull_number,
        username=source.username,
        password=source.password,
        ca_certificate=source.ca_certificate,
    )
    if commit:
        return checkout
    mirror = _mirror(checkout, context)
    mirror.directory.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        found = mirror.repository.resolve(Remote.of(checkout), name)
        if found:
            return replace(checkout, head_sha=found, base_sha=found, head_ref=name, base_ref=name)
    raise Unjudged(f"{source.repo} has neither a branch nor a tag named `{source.ref}`")


def _mirror(checkout: Checkout, context: StepContext) -> Mirror:
    return Mirror.of(
        checkout,
        cache_dir=context.settings.cache_dir,
        environment=context.settings.environment,
        cancel=context.cancel,
    )
