"""Which files a comment may name with `-var-file`: those of the repository, and those that the operator lists.

What Terraform says of a file that is no tfvars file quotes it, and a comment shows what Terraform says.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from workers.errors import JobFailed
from workers.protocol.results import FailureKind

_OPTIONS = ("-var-file", "--var-file")


def insist_on_known(arguments: Sequence[str], *, folder: Path, root: Path, allowed: Sequence[Path]) -> None:
    """Refuse arguments of a comment that name a file elsewhere; links are followed before it is judged.

    `folder` is the project's, where a relative path begins, in the checkout `root`.

    Raises:
        JobFailed: a file lies neither in the checkout nor in one of the `allowed` folders.
    """
    homes = [place.resolve() for place in (root, *allowed)]
    for name in _named(arguments):
        found = (folder / Path(name).expanduser()).resolve()
        if not any(found.is_relative_to(home) for home in homes):
            words = f"`-var-file={name}` is not a file of this repository, and may not be named in a comment"
            advice = "Whoever runs the workers can allow its folder with THERA_VAR_FILE_ALLOWLIST."
            raise JobFailed(FailureKind.STEP, words, advice)


def _named(arguments: Sequence[str]) -> Iterator[str]:
    left = iter(arguments)
    for argument in left:
        option, equals, value = argument.partition("=")
        if option in _OPTIONS:
            yield value if equals else next(left, "")
