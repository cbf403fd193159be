"""Where a job's code lies, and that it does not reach beyond."""

import hashlib
import re
from pathlib import Path, PurePosixPath

from workers.errors import JobFailed
from workers.protocol.jobs import Checkout, ProjectKey
from workers.protocol.results import FailureKind

_SLUG_LENGTH = 40


def checkout_path(root: Path, checkout: Checkout, project: ProjectKey | None = None) -> Path:
    """Choose the place for a project's code: the same for its plan and its apply.

    A saved plan pins absolute paths, so the place depends on names alone. It is `<root>/checkouts/<repository>/
    <pull, project>`, each readable and made unique by a digest.
    """
    repository = _slug(checkout.repo, checkout.host, checkout.repo)
    dir_, workspace, name = (project.dir, project.workspace, project.name or "") if project else ("", "", "")
    label = "-".join((str(checkout.pull_number), project.label if project else "all"))
    job = _slug(label, str(checkout.pull_number), dir_, workspace, name)
    return root.absolute() / "checkouts" / repository / job


def resolve_inside(root: Path, directory: str) -> Path:
    """Find a directory of a checkout.

    Raises:
        JobFailed: it does not exist, or it lies outside, also by way of a symbolic link.
    """
    named = PurePosixPath(directory)
    if named.is_absolute() or ".." in named.parts or "\0" in directory:
        raise JobFailed(FailureKind.SOURCE, f"`{directory}` is not a directory inside the repository")
    try:
        found = (root / named).resolve()
    except (OSError, RuntimeError):  # links in a circle, names too long
        raise JobFailed(FailureKind.SOURCE, f"`{directory}` cannot be followed to a directory") from None
    if not found.is_relative_to(root.resolve()):
        raise JobFailed(
            FailureKind.SOURCE,
            f"`{directory}` leads out of the repository",
            "A symbolic link on the way points outside of the checkout.",
        )
    if not _is_directory(found):
        raise JobFailed(FailureKind.SOURCE, f"There is no directory `{directory}` at this commit")
    return found


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long
        return False


def _slug(readable: str, *identity: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", readable.lower()).strip("-")[:_SLUG_LENGTH].strip("-")
    digest = hashlib.sha256("\0".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{words}-{digest}" if words else digest
