"""Bare repositories on disk, one function for each question to git."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Sandbox",
    "GIT_AUTHOR_EMAIL": "sandbox@forge.invalid",
    "GIT_COMMITTER_NAME": "Sandbox",
    "GIT_COMMITTER_EMAIL": "sandbox@forge.invalid",
}


class GitError(Exception):
    """Git said no."""


@dataclass(frozen=True)
class ChangedFile:
    """One file of a comparison; `previous` is the old name of a renamed one."""

    status: str
    path: str
    previous: str | None = None


@dataclass(frozen=True)
class GitRepo:
    """A bare repository."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> "GitRepo":
        """Make an empty one that serves any commit."""
        path.parent.mkdir(parents=True, exist_ok=True)
        repo = cls(path)
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True, env=environment()
        )
        for name, value in (("http.receivepack", "true"), ("uploadpack.allowAnySHA1InWant", "true"), ("gc.auto", "0")):
            repo.git("config", name, value)
        return repo

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run git here and give what it prints."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment(), input=stdin, capture_output=True, check=False
        )
        if done.returncode:
            raise GitError(f"git {arguments[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
        return done.stdout.decode("utf-8", "replace").strip()

    def sha(self, ref: str) -> str | None:
        """Resolve a ref or commit."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        except GitError:
            return None

    def commit(
        self,
        branch: str,
        files: Mapping[str, str],
        *,
        message: str,
        base: str | None = None,
        delete: Iterable[str] = (),
    ) -> str:
        """Put a commit on a branch; a new branch starts at `base`."""
        ref = f"refs/heads/{branch}"
        parent = self.sha(ref) or (self.sha(base) if base else None)
        lines = [f"commit {ref}\n".encode(), b"committer Sandbox <sandbox@forge.invalid> now\n"]
        text = message.encode()
        lines.append(b"data %d\n%s\n" % (len(text), text))
        if parent:
            lines.append(f"from {parent}\n".encode())
        lines += [f"D {path}\n".encode() for path in delete]
        for path, content in files.items():
            data = content.encode()
            lines.append(f"M 100644 inline {path}\n".encode() + b"data %d\n%s\n" % (len(data), data))
        self.git("fast-import", "--quiet", "--date-format=now", "--force", stdin=b"".join(lines))
        return self.git("rev-parse", ref)

    def changes(self, base: str, head: str) -> list[ChangedFile]:
        """List what a pull changes: head against the merge base."""
        raw = self.git("diff", "--name-status", "-z", "-M", f"{base}...{head}").split("\0")
        found, words = [], iter([part for part in raw if part])
        for status in words:
            if status.startswith("R"):
                previous = next(words)
                found.append(ChangedFile("renamed", next(words), previous))
            else:
                kind = {"A": "added", "D": "removed"}.get(status[0], "modified")
                found.append(ChangedFile(kind, next(words)))
        return found

    def ahead_behind(self, base: str, head: str) -> tuple[int, int]:
        """Count commits that only the head, and only the base, has."""
        behind, ahead = self.git("rev-list", "--left-right", "--count", f"{base}...{head}").split()
        return int(ahead), int(behind)

    def conflicts(self, base: str, head: str) -> bool:
        """Say whether the two cannot be merged by themselves."""
        try:
            self.git("merge-tree", "--write-tree", base, head)
        except GitError:
            return True
        return False

    def merge(self, base_branch: str, head: str, *, message: str) -> str:
        """Merge a commit into a branch."""
        base = self.git("rev-parse", f"refs/heads/{base_branch}")
        tree = self.git("merge-tree", "--write-tree", base, head).splitlines()[0]
        merged = self.git("commit-tree", tree, "-p", base, "-p", head, "-m", message)
        self.git("update-ref", f"refs/heads/{base_branch}", merged, base)
        return merged

    def read(self, ref: str, path: str) -> bytes | None:
        """Read a file at a commit."""
        done = subprocess.run(
            ["git", "cat-file", "blob", f"{ref}:{path}"],
            cwd=self.path,
            env=environment(),
            capture_output=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def copy_from(self, other: "GitRepo", ref: str, to: str) -> None:
        """Take a ref over from another repository."""
        self.git("fetch", "--quiet", str(other.path), f"+{ref}:{to}")


def environment() -> dict[str, str]:
    """Give git an environment in which no machine or person has a say."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **_ENVIRONMENT}
