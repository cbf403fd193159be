"""What pre-workflow hooks add to the code: written down once, and given to every job of the run.

A job has a checkout of its own, so what a hook wrote in another one has to travel. It travels as a patch of Git's,
which knows every kind of file and leads nowhere out of the checkout.
"""

import hashlib
import zlib
from dataclasses import replace
from pathlib import Path

from workers.errors import JobFailed
from workers.git.client import Repository
from workers.git.trouble import GitFailed
from workers.protocol.jobs import ArtifactRef
from workers.protocol.results import FailureKind
from workers.steps.context import Tools

# What tools install beside the code; every job installs its own.
NOT_CODE = (".terraform", ".terragrunt-cache", "node_modules")
_LARGEST = 64 * 1024 * 1024
_MOST_UNPACKED = 1024 * 1024 * 1024


def take(root: Path, tools: Tools) -> tuple[str, ArtifactRef | None]:
    """Name what is in a checkout now, and store how it differs from its commit; None if it does not."""
    work = checkout_repository(root, tools)
    before = work.git("rev-parse", "HEAD^{tree}").decode().strip()
    apart = root / ".git" / "thera-index"
    apart.write_bytes((root / ".git" / "index").read_bytes())
    after = replace(work, index=apart).tree(without=NOT_CODE)
    apart.unlink()
    if before == after:
        return after, None
    content = zlib.compress(work.patch(before, after), level=3)
    if len(content) > _LARGEST:
        words = f"The workflow hooks left {len(content) >> 20} MB behind, more than {_LARGEST >> 20} MB"
        names = ", ".join(f"`{name}`" for name in NOT_CODE)
        raise JobFailed(FailureKind.HOOK, words, f"Have them write elsewhere what is not code. {names} do not count.")
    return after, tools.put(content)


def put(ref: ArtifactRef, root: Path, tools: Tools) -> None:
    """Add to a checkout what the hooks made.

    Raises:
        JobFailed: it was altered on its way, or does not fit this commit.
    """
    content = tools.get(ref.id)
    if hashlib.sha256(content).hexdigest() != ref.sha256:
        raise JobFailed(FailureKind.STALE, "What the workflow hooks made was altered since. Plan again.")
    unpacker = zlib.decompressobj()
    patch = unpacker.decompress(content, _MOST_UNPACKED)
    if unpacker.unconsumed_tail:
        raise JobFailed(FailureKind.HOOK, "What the workflow hooks made is too large to be used")
    try:
        checkout_repository(root, tools).apply(patch)
    except GitFailed as error:
        words = "What the workflow hooks made does not fit this commit. Plan again."
        raise JobFailed(FailureKind.STALE, words, error.failure.detail) from error


def checkout_repository(root: Path, tools: Tools) -> Repository:
    """Give the repository of a checkout."""
    return Repository(
        git_dir=root / ".git", work_tree=root, environment=tools.settings.environment, cancel=tools.cancel
    )
