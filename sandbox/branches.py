"""Which branches have moved, seen by comparing with where they were."""

from sandbox.model import Repo

NOTHING = "0" * 40


class Branches:
    """Remembers where every branch of every repository was."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, str]] = {}

    def moved(self, repo: Repo) -> list[tuple[str, str, str]]:
        """List branches that moved since we last looked: ref, before, after; a missing end is forty zeros."""
        lines = repo.git.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads").splitlines()
        now = dict(line.split(" ", 1) for line in lines)
        then = self._seen.get(repo.full_name, {})
        self._seen[repo.full_name] = now
        return [
            (ref, then.get(ref, NOTHING), now.get(ref, NOTHING))
            for ref in sorted(then.keys() | now.keys())
            if then.get(ref) != now.get(ref)
        ]
