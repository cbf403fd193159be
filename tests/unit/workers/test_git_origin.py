"""A real repository that the tests of git and discovery fetch from."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.git.mirror import Mirror
from workers.protocol.jobs import Checkout


@dataclass(frozen=True)
class Origin:
    """The other side: a repository with a `main` branch and pull requests."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "Origin":
        path.mkdir(parents=True)
        origin = cls(path)
        origin.git("init", "--quiet", "--initial-branch=main")
        origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
        return origin

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        """Write files (None deletes one) and commit."""
        for name, content in files.items():
            place = self.path / name
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.commit_all()

    def commit_all(self) -> str:
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    def pull(self, number: int, files: Mapping[str, str | bytes | None]) -> Checkout:
        """Open or change a pull request that starts from `main`."""
        base = self.git("rev-parse", "main")
        self.git("checkout", "--quiet", "--detach", "main")
        head = self.commit(files)
        self.git("update-ref", f"refs/pull/{number}/head", head)
        self.git("checkout", "--quiet", "--force", "main")
        return self.checkout(head, base, number=number)

    def checkout(self, head: str, base: str, *, number: int = 7, **changes: Any) -> Checkout:
        facts: dict[str, Any] = {
            "host": "github.example",
            "repo": "acme/infra",
            "clone_url": f"file://{self.path}",
            "head_sha": head,
            "head_ref": f"refs/pull/{number}/head",
            "base_sha": base,
            "base_ref": "main",
            "pull_number": number,
        }
        return Checkout(**(facts | changes))

    def mirror(self, checkout: Checkout, cache_dir: Path) -> Mirror:
        return Mirror.of(checkout, cache_dir=cache_dir, environment=dict(os.environ))


def test_an_origin_publishes_pull_requests_under_their_refs(tmp_path: Path) -> None:
    origin = Origin.at(tmp_path / "origin")
    base = origin.commit({"main.tf": ""})

    pull = origin.pull(7, {"main.tf": "# changed"})

    assert pull.base_sha == base
    assert origin.git("rev-parse", "refs/pull/7/head") == pull.head_sha
    assert origin.git("branch", "--show-current") == "main"
