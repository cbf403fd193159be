"""The arguments of a `policy_check` step, as far as engines other than conftest understand them."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.policy.findings import Unjudged


@dataclass(frozen=True)
class Namespaces:
    """Which packages' rules count: conftest's `--namespace` and `--all-namespaces`."""

    names: tuple[str, ...] = ("main",)
    every: bool = False


def namespaces(arguments: Sequence[str], *, engine: str) -> Namespaces:
    """Read conftest's arguments.

    Raises:
        Unjudged: there is one that this engine does not know; to leave it out could mean to ask less.
    """
    names: list[str] = []
    every = False
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if option in {"-n", "--namespace"}:
            names += (value if equals else next(words, "")).split(",")
        elif word == "--all-namespaces":
            every = True
        else:
            raise Unjudged(
                f"`{word}` is an argument for conftest, and this worker judges with {engine}, which knows only "
                "`--namespace` and `--all-namespaces`. Install conftest on the worker, or leave the argument out"
            )
    return Namespaces(tuple(filter(None, names)) or ("main",), every)
