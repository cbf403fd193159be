"""Questions to git, one method each: argument lists only, and nothing of the worker's own configuration."""

import contextlib
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from workers import process
from workers.errors import JobCancelled, JobFailed
from workers.git.credentials import Remote, Settings
from workers.git.trouble import GitFailed, Trouble, trouble_in
from workers.protocol.results import FailureKind

# Repositories are hostile: nothing that they or their jobs leave behind may run. No filter (LFS among
# them) is configured anywhere that git looks, so attributes that name one have no effect.
_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", os.devnull),
    ("core.excludesFile", os.devnull),
    ("core.autocrlf", "false"),
    ("commit.gpgSign", "false"),
    ("safe.directory", "*"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("merge.renames", "true"),
    ("advice.detachedHead", "false"),
    ("http.lowSpeedLimit", "1000"),  # a transfer slower than this for a minute is dead
    ("http.lowSpeedTime", "60"),
)
_NO_NETWORK = (("protocol.allow", "never"),)
# A fixed name and date make a merge of the same two commits the same commit, on every worker.
_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "thera"), ("EMAIL", "thera@localhost"), ("DATE", "2000-01-01T00:00:00Z"))
}
_FROM_THE_OPERATOR = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_NO_VERIFY")
# These change nothing and take moments: they may outlive the worker, and cost half as much then.
_READERS = frozenset({"cat-file", "merge-base", "diff-tree", "ls-tree"})
_BLOBS_AT_ONCE = 32 * 1024 * 1024
_SHA = re.compile(r"[0-9a-f]{40}")
_NOT_CHECKED_OUT = "160000"  # a submodule


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file of a commit. A symbolic link's content is its target."""

    path: str
    sha: str
    size: int
    is_link: bool = False


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository on this disk, and how this worker talks to git about it.

    The Git directory is always named: git never searches upwards and finds somebody else's. With `index`, that
    file is used instead of the repository's own.
    """

    git_dir: Path
    work_tree: Path | None = None
    index: Path | None = None
    environment: Mapping[str, str] = field(repr=False)
    cancel: threading.Event | None = None
    timeout: timedelta = timedelta(minutes=30)

    def git(self, *words: str, remote: Remote | None = None, stdin: str | bytes = "") -> bytes:
        """Run one command and return what it printed.

        Raises:
            GitFailed: git said no.
            JobCancelled: somebody asked for the job to stop.
        """
        command = next(word for word in words if not word.startswith("-"))
        with remote.settings() if remote else contextlib.nullcontext(_NO_NETWORK) as settings:
            done = process.run(
                ["git", *words],
                cwd=self.work_tree or self.git_dir.parent,
                env=self._environment(settings),
                stdin=os.fsencode(stdin),
                timeout=self.timeout,
                cancel=self.cancel,
                grace=timedelta(seconds=5),
                capture_stdout=True,
                leashed=command not in _READERS,
            )
        if done.cancelled:
            raise JobCancelled(f"cancelled during git {command}")
        if done.timed_out:
            raise JobFailed(FailureKind.TIMEOUT, f"`git {command}` took longer than {self.timeout}")
        if done.stdout_truncated:
            raise GitFailed(Trouble.OTHER, command=command, said="it printed more than fits into memory")
        if done.returncode != 0:
            said = remote.scrub(done.output) if remote else done.output
            raise GitFailed(trouble_in(said), command=command, said=said)
        return done.stdout

    def initialise(self) -> None:
        """Make it a new, empty bare repository."""
        self.git("init", "--quiet", "--bare", "--template=", "--", os.fspath(self.git_dir))

    def missing(self, commits: Iterable[str]) -> list[str]:
        """Say which of these commits are not here."""
        wanted = list(commits)
        answers = self.git("cat-file", "--batch-check=%(objecttype)", stdin="\n".join(wanted) + "\n")
        return [sha for sha, answer in zip(wanted, answers.decode().splitlines(), strict=True) if answer != "commit"]

    def fetch(self, remote: Remote, refspecs: Sequence[str]) -> None:
        """Bring refs or commits over, and nothing besides."""
        options = ("--quiet", "--no-tags", "--force", "--no-write-fetch-head", "--no-recurse-submodules")
        self.git("fetch", *options, "--", remote.url, *refspecs, remote=remote)

    def repack(self) -> None:
        """Roll small packs and loose objects into larger packs."""
        self.git("repack", "--quiet", "--geometric=2", "-d")

    def merge_base(self, one: str, other: str) -> str | None:
        """Find the best common ancestor; None when the histories have nothing in common."""
        try:
            return self.git("merge-base", one, other).decode().strip()
        except GitFailed as error:
            if error.failure.detail:
                raise
            return None

    def changed_files(self, before: str, after: str) -> list[str]:
        """List the files that differ. Renames are not looked for, so a moved file gives both its names."""
        listing = self.git("diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after)
        return [_path(name) for name in listing.split(b"\0") if name]

    def files(self, commit: str) -> Iterator[Entry]:
        """List all files of a commit."""
        for line in self.git("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split(b"\0"):
            facts, _, name = line.partition(b"\t")
            if not name:
                continue
            mode, _, sha, size = facts.decode().split()
            if mode != _NOT_CHECKED_OUT:
                yield Entry(path=_path(name), sha=sha, size=int(size), is_link=mode == "120000")

    def directories(self, content: str) -> dict[str, str]:
        """Name every directory of a commit or tree by its content; the whole is `.`."""
        found = {".": self.git("rev-parse", "--verify", f"{content}^{{tree}}").decode().strip()}
        for line in self.git("ls-tree", "-r", "-d", "-z", "--full-tree", content).split(b"\0"):
            facts, _, name = line.partition(b"\t")
            if name:
                found[_path(name)] = facts.decode().split()[2]
        return found

    def merged_tree(self, base: str, head: str) -> str | None:
        """Name the tree that a merge makes, without a checkout; None when there is no such merge, or Git is too old."""
        try:
            return self.git("merge-tree", "--write-tree", "--no-messages", base, head).decode().split()[0]
        except GitFailed:
            return None

    def contents(self, entries: Iterable[Entry]) -> Iterator[tuple[str, bytes]]:
        """Read files by their content's name, a bounded amount at a time."""
        sizes = {entry.sha: entry.size for entry in entries}
        for batch in _batches(sizes):
            packed = self.git("cat-file", "--batch", stdin="\n".join(batch) + "\n")
            place = 0
            for sha in batch:
                start = packed.index(b"\n", place) + 1
                if not packed.startswith(f"{sha} blob ".encode(), place):
                    raise GitFailed(Trouble.DAMAGED, command="cat-file", said=f"missing blob {sha}")
                yield sha, packed[start : start + sizes[sha]]
                place = start + sizes[sha] + 1

    def check_out(self, commit: str) -> None:
        """Make the work tree this commit, whatever it was before; other files are removed."""
        self.git("checkout", "--quiet", "--force", "--detach", commit, "--")
        self.clean()

    def tree(self, *, without: Sequence[str] = ()) -> str:
        """Name what is in the work tree now, ignored files as well, but for these directories of any place."""
        self.git("add", "--all", "--force", "--", ".", *(f":(exclude,glob)**/{name}/**" for name in without))
        return self.git("write-tree").decode().strip()

    def patch(self, before: str, after: str) -> bytes:
        """Write down the difference of two trees, whatever kind of files they hold."""
        return self.git("diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", before, after)

    def apply(self, patch: bytes) -> None:
        """Make the work tree differ from its commit as a patch says; paths that lead out of it are refused."""
        self.git("apply", "--whitespace=nowarn", "-", stdin=patch)

    def resolve(self, remote: Remote, ref: str) -> str | None:
        """Ask a server which commit a full ref names; of an annotated tag, the commit that it stands for."""
        listing = self.git("ls-remote", "--", remote.url, ref, f"{ref}^{{}}", remote=remote).decode("utf-8", "replace")
        found = {name: sha for sha, _, name in (line.partition("\t") for line in listing.splitlines())}
        return found.get(f"{ref}^{{}}") or found.get(ref)

    def clean(self) -> None:
        """Remove every file that is not of the commit, ignored ones and nested repositories as well."""
        self.git("clean", "--quiet", "-ffdx")

    def merge(self, commit: str, *, message: str) -> None:
        """Merge a commit into the one that is checked out."""
        self.git("merge", "--quiet", "--no-edit", "--no-stat", "--no-verify", "-m", message, commit)

    def conflicts(self) -> list[str]:
        """List the files that a merge left in conflict."""
        listing = self.git("diff", "--name-only", "--diff-filter=U", "-z")
        return [_path(name) for name in listing.split(b"\0") if name]

    def head(self) -> str:
        """Name the commit that is checked out; nothing where it is a branch."""
        name = (self.git_dir / "HEAD").read_text(encoding="ascii", errors="replace").strip()
        return name if _SHA.fullmatch(name) else ""

    def contains(self, commit: str) -> bool:
        """Say whether what is checked out includes this commit."""
        return self.merge_base(commit, "HEAD") == commit

    def _environment(self, own: Settings) -> dict[str, str]:
        settings = (*_SETTINGS, *own)
        base = {
            name: value
            for name, value in self.environment.items()
            if (not name.startswith("GIT_") or name in _FROM_THE_OPERATOR) and name != "SSH_ASKPASS"
        }
        if "http.sslCAInfo" in dict(own):
            base.pop("GIT_SSL_CAINFO", None)  # it would win over the setting
        ours = {
            "GIT_DIR": os.fspath(self.git_dir),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_SSH_COMMAND": base.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
            "LC_ALL": "C",
            "GIT_CONFIG_COUNT": str(len(settings)),
            **{f"GIT_CONFIG_KEY_{number}": name for number, (name, _) in enumerate(settings)},
            **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(settings)},
            **_IDENTITY,
        }
        if self.index is not None:
            ours["GIT_INDEX_FILE"] = os.fspath(self.index)
        if self.work_tree is not None:
            ours["GIT_WORK_TREE"] = os.fspath(self.work_tree)
        return process.clean_environment(base, ours)


def _path(name: bytes) -> str:
    # Paths end up in JSON, which knows no lone surrogates; a path that is not UTF-8 stays recognisable.
    return name.decode("utf-8", "replace")


def _batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for sha, size in sizes.items():
        if batch and total + size > _BLOBS_AT_ONCE:
            yield batch
            batch, total = [], 0
        batch.append(sha)
        total += size
    if batch:
        yield batch
