"""A bare copy of each repository, fetched once per commit and shared by all jobs of this machine."""

import hashlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from workers.errors import JobCancelled, JobFailed
from workers.git.client import Repository
from workers.git.credentials import Remote
from workers.git.lock import locked
from workers.git.trouble import GitFailed, Trouble
from workers.protocol.jobs import Checkout
from workers.protocol.results import FailureKind

T = TypeVar("T")

_SHA = re.compile(r"[0-9a-f]{40}")
_BAD_REF = re.compile(r"^-|[\x00-\x20\x7f:*?\[\\^~]|\.\.|@\{|//|/$|\.lock$")
_PAUSES = (1.0, 3.0)  # between attempts when the network fails


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """The bare copy of one repository."""

    repository: Repository
    remote: Remote

    @classmethod
    def of(
        cls,
        checkout: Checkout,
        *,
        cache_dir: Path,
        environment: Mapping[str, str],
        cancel: threading.Event | None = None,
    ) -> Self:
        """Name the mirror of a job's repository; nothing is fetched yet."""
        _insist_on_harmless_names(checkout)
        digest = hashlib.sha256(f"{checkout.host}\0{checkout.repo}".encode()).hexdigest()[:32]
        place = cache_dir.absolute() / "mirrors" / digest
        repository = Repository(git_dir=place, environment=environment, cancel=cancel)
        return cls(repository=repository, remote=Remote.of(checkout))

    @property
    def directory(self) -> Path:
        """Say where it lies."""
        return self.repository.git_dir

    def with_commits(self, checkout: Checkout, act: Callable[[Repository], T]) -> T:
        """Do something that needs the job's commits; fetch them first if they are not here.

        A mirror that turns out to be damaged is thrown away and fetched anew, once.
        """
        seen = self._identity()
        try:
            self._ensure(checkout)
            return act(self.repository)
        except GitFailed as error:
            if error.trouble is not Trouble.DAMAGED:
                raise
        with self._locked():
            # Others ran into the same damage; the first of them has replaced the mirror already.
            if seen is None or seen == self._identity():
                self._discard()
        self._ensure(checkout)
        return act(self.repository)

    def tidy(self) -> None:
        """Pack together what many fetches left behind; nothing is ever pruned."""
        with self._locked():
            self.repository.repack()

    def _ensure(self, checkout: Checkout) -> None:
        wanted = tuple(dict.fromkeys((checkout.head_sha, checkout.base_sha)))
        if not self._missing(wanted):
            return
        with self._locked():
            # Another job may have fetched it while we waited.
            if missing := self._missing(wanted):
                self._fetch(checkout, missing)

    def _missing(self, commits: Iterable[str]) -> list[str]:
        return self.repository.missing(commits) if self.directory.exists() else list(commits)

    def _fetch(self, checkout: Checkout, missing: Iterable[str]) -> None:
        self._create()
        refs = {
            checkout.head_sha: _full_ref(checkout.head_ref),
            checkout.base_sha: _full_ref(checkout.base_ref),
        }
        # By its own name first: a ref moves on, a commit does not, and the server is not asked for its refs.
        places = refs if len(set(refs.values())) == len(refs) else {sha: f"refs/thera/{sha}" for sha in refs}
        self._bring_any(f"+{sha}:{places[sha]}" for sha in missing)
        if left := self.repository.missing(missing):  # a few servers hand out only what a ref points at
            self._bring_any(f"+{refs[sha]}:{refs[sha]}" for sha in left)
            if gone := self.repository.missing(left):
                raise _vanished(checkout, gone)

    def _bring_any(self, refspecs: Iterable[str]) -> None:
        """Fetch these refs in one go, or one by one when not all of them exist."""
        wanted = list(dict.fromkeys(refspecs))
        if not wanted:
            return
        try:
            self._bring(wanted)
        except GitFailed as error:
            if error.trouble is not Trouble.GONE:
                raise
            if len(wanted) > 1:
                for refspec in wanted:
                    self._bring_any([refspec])

    def _bring(self, refspecs: list[str]) -> None:
        for pause in _PAUSES:
            try:
                self.repository.fetch(self.remote, refspecs)
            except GitFailed as error:
                if error.trouble is not Trouble.NETWORK:
                    raise
                self._rest(pause)
            else:
                return
        self.repository.fetch(self.remote, refspecs)

    def _rest(self, seconds: float) -> None:
        cancel = self.repository.cancel
        if cancel is None:
            time.sleep(seconds)
        elif cancel.wait(seconds):
            raise JobCancelled("cancelled while the Git server could not be reached")

    def _create(self) -> None:
        if self.directory.exists():
            return
        new = Repository(
            git_dir=self.directory.with_suffix(".new"),
            environment=self.repository.environment,
            cancel=self.repository.cancel,
        )
        shutil.rmtree(new.git_dir, ignore_errors=True)  # of a worker that was killed right here
        new.initialise()
        new.git_dir.rename(self.directory)

    def _discard(self) -> None:
        broken = self.directory.with_suffix(".broken")
        shutil.rmtree(broken, ignore_errors=True)
        if self.directory.exists():
            self.directory.rename(broken)
            shutil.rmtree(broken, ignore_errors=True)

    def _identity(self) -> int | None:
        try:
            return self.directory.stat().st_ino
        except FileNotFoundError:
            return None

    def _locked(self) -> AbstractContextManager[None]:
        return locked(
            self.directory.with_suffix(".lock"),
            what="another job that fetches the same repository",
            cancel=self.repository.cancel,
        )


def _full_ref(ref: str) -> str:
    return ref if ref.startswith("refs/") else f"refs/heads/{ref}"


def _insist_on_harmless_names(checkout: Checkout) -> None:
    for ref in (checkout.head_ref, checkout.base_ref):
        if not ref or _BAD_REF.search(ref):
            raise JobFailed(FailureKind.GIT, f"{ref!r} is not a name that a branch may have")
    for sha in (checkout.head_sha, checkout.base_sha):
        if not _SHA.fullmatch(sha):
            raise JobFailed(FailureKind.GIT, f"{sha!r} is not a commit id")


def _vanished(checkout: Checkout, gone: list[str]) -> JobFailed:
    names = " and ".join(sha[:12] for sha in gone)
    return JobFailed(
        FailureKind.STALE,
        f"Commit {names} is no longer in {checkout.repo}",
        "The branch was force-pushed or deleted after this job was queued.",
    )
