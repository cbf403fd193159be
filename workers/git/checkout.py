"""A commit on disk for one job, at a place that does not change between plan and apply."""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from workers.errors import JobFailed
from workers.git.client import Repository
from workers.git.lock import locked, locked_if_free
from workers.git.mirror import Mirror
from workers.git.trouble import GitFailed
from workers.protocol.jobs import Checkout
from workers.protocol.results import FailureKind

# The checkout is a repository of its own that borrows its objects from the mirror (as `git clone
# --shared` does), not a linked worktree: jobs share no state that they could lock, prune or spoil for
# each other, and no command gets slower with the number of checkouts.
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tlogallrefupdates = false\n"
_SPARES = 4
_LISTED = 20


@contextlib.contextmanager
def checked_out(checkout: Checkout, *, path: Path, mirror: Mirror, spares: int = _SPARES) -> Iterator[Path]:
    """Have the commit at `path` inside.

    Afterwards everything that is not of the commit is removed. A few directories per repository stay, and
    the next job takes the most recent one over: on a large repository it then writes only what differs.
    """
    with locked(_beside(path, "lock"), what=f"another job in {path.name}", cancel=mirror.repository.cancel):
        mirror.with_commits(checkout, lambda _: _put(checkout, path, mirror))
        index = _digest(path / ".git" / "index")
        try:
            yield path
        finally:
            _leave(checkout, path, mirror, index=index)
    _remove_old_spares(path.parent, keep=spares)


def _put(checkout: Checkout, path: Path, mirror: Mirror) -> None:
    work = _work_repository(path, mirror)
    if _spare_taken_over(path):
        try:
            _renew(work, mirror, head=checkout.head_sha)
            _beside(path, "index").rename(work.git_dir / "index")
            _check_out(work, checkout)
        except (GitFailed, OSError):  # whatever is wrong with it, a new one does not have it
            pass
        else:
            return
    _beside(path, "index").unlink(missing_ok=True)
    _remove(path)
    path.mkdir(parents=True)
    _renew(work, mirror, head=checkout.head_sha)
    _check_out(work, checkout)


def _check_out(work: Repository, checkout: Checkout) -> None:
    if checkout.strategy == "branch":
        work.check_out(checkout.head_sha)
        _insist(work.head() == checkout.head_sha, "The checkout is not at the commit it should be at")
        return
    work.check_out(checkout.base_sha)
    try:
        work.merge(checkout.head_sha, message=f"Merge {checkout.head_sha} into {checkout.base_ref}")
    except GitFailed as error:
        if conflicts := work.conflicts():
            raise _conflicting(checkout, conflicts) from error
        raise
    _insist(work.contains(checkout.head_sha), "The merge does not contain the commit it should contain")


def _insist(fact: bool, otherwise: str) -> None:  # noqa: FBT001  (a fact, not an option)
    if not fact:
        raise JobFailed(FailureKind.GIT, otherwise)


def _conflicting(checkout: Checkout, files: list[str]) -> JobFailed:
    more = [f"and {len(files) - _LISTED} more"] if len(files) > _LISTED else []
    return JobFailed(
        FailureKind.GIT,
        f"The branch conflicts with `{checkout.base_ref}` in {len(files)} file{'s' if len(files) > 1 else ''}",
        "\n".join([*files[:_LISTED], *more]),
    )


def _work_repository(path: Path, mirror: Mirror) -> Repository:
    shared = mirror.repository
    return Repository(
        git_dir=path / ".git",
        work_tree=path,
        environment=shared.environment,
        cancel=shared.cancel,
        timeout=shared.timeout,
    )


def _renew(work: Repository, mirror: Mirror, *, head: str) -> None:
    """Write the Git directory anew, without an index.

    Whatever a job did to its own copy (settings, hooks, planted objects) does not reach the next job.
    """
    git_dir = work.git_dir
    _remove(git_dir)
    for folder in ("objects/info", "refs"):
        (git_dir / folder).mkdir(parents=True)
    (git_dir / "objects/info/alternates").write_text(f"{mirror.directory / 'objects'}\n")
    (git_dir / "config").write_text(_CONFIG)
    (git_dir / "HEAD").write_text(f"{head}\n")


def _leave(checkout: Checkout, path: Path, mirror: Mirror, *, index: str | None) -> None:
    """Make a spare of the checkout: clean, and its index laid beside it, which says that it is one."""
    kept = _beside(path, "leaving")
    work = replace(_work_repository(path, mirror), cancel=None)
    with contextlib.suppress(JobFailed, OSError):
        (work.git_dir / "index").rename(kept)
        # Git trusts its index about which files are unchanged. If the job wrote to it, we do not.
        if index is not None and _digest(kept) == index:
            _renew(work, mirror, head=checkout.head_sha)
            shutil.copyfile(kept, work.git_dir / "index")
            work.clean()
            os.utime(path)
            kept.rename(_beside(path, "index"))
            return
    kept.unlink(missing_ok=True)
    _remove(path)


def _digest(file: Path) -> str | None:
    try:
        return None if file.is_symlink() else hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _spare_taken_over(path: Path) -> bool:
    """Say whether a spare is at the path now: its own, or one that nobody uses."""
    if path.exists():
        return _is_spare(path)
    for spare in _spares_in(path.parent):
        with locked_if_free(_beside(spare, "lock")) as free:
            if free and _is_spare(spare):
                spare.rename(path)
                _beside(spare, "index").rename(_beside(path, "index"))
                return True
    return False


def _remove_old_spares(folder: Path, *, keep: int) -> None:
    with locked_if_free(folder / ".sweeping.lock") as alone:
        for spare in _spares_in(folder)[keep:] if alone else ():
            with locked_if_free(_beside(spare, "lock")) as free:
                if free and _is_spare(spare):
                    _beside(spare, "index").unlink()
                    _remove(spare)
    for doomed in folder.glob(".*.doomed"):  # of workers that were killed while they deleted
        shutil.rmtree(doomed, ignore_errors=True)


def _spares_in(folder: Path) -> list[Path]:
    """List the spares, the last used first."""
    found: dict[Path, float] = {}
    for index in folder.glob(".*.index"):
        spare = folder / index.name.removeprefix(".").removesuffix(".index")
        with contextlib.suppress(FileNotFoundError):
            found[spare] = spare.stat().st_mtime
    return sorted(found, key=lambda place: -found[place])


def _is_spare(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and _beside(path, "index").is_file()


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")


def _remove(path: Path) -> None:
    """Delete a file or directory, whatever a job did to its permissions."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        doomed = _beside(path, f"{time.monotonic_ns()}.doomed")
        path.rename(doomed)  # out of the way at once, also when deleting takes a while
        shutil.rmtree(doomed, ignore_errors=True)
        if doomed.exists():
            _make_writable(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def _make_writable(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # somebody else sweeps up as well
        folder.chmod(0o700)
        for place in folder.iterdir():
            if place.is_dir() and not place.is_symlink():
                _make_writable(place)
