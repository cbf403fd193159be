"""Counts of changes in words, with the signs that people know from Terraform."""

from collections.abc import Mapping

from server.comments.format import Markdown, amount
from workers.protocol.results import Action, Counts

MINUS = "\N{MINUS SIGN}"
SIGNS: Mapping[str, tuple[str, str, str]] = {
    "destroy": (MINUS, "to destroy", "destroyed"),
    "replace": ("±", "to replace", "replaced"),
    "change": ("~", "to change", "changed"),
    "add": ("+", "to add", "added"),
    "imported": ("←", "to import", "imported"),
    "moved": ("→", "to move", "moved"),
    "forgotten": ("⊘", "to forget", "forgotten"),
}
_AS_TERRAFORM_SAYS = ("add", "change", "replace", "destroy", "imported", "moved", "forgotten")

# How a project's changes are grouped, the dangerous ones first.
GROUPS: Mapping[Action, tuple[str, str]] = {
    Action.DELETE: (MINUS, "to destroy"),
    Action.REPLACE: ("±", "to replace"),
    Action.FORGET: ("⊘", "to forget: no longer managed, but not destroyed"),
    Action.UPDATE: ("~", "to change"),
    Action.CREATE: ("+", "to add"),
    Action.IMPORT: ("←", "to import"),
    Action.MOVE: ("→", "to move"),
}


def would(counts: Counts) -> Markdown:
    """Say what applying would do: `+ 2 to add, ~ 1 to change`."""
    return _say(counts, done=False)


def did(counts: Counts) -> Markdown:
    """Say what was done: `+ 2 added, ~ 1 changed`."""
    return _say(counts, done=True)


def _say(counts: Counts, *, done: bool) -> Markdown:
    parts = [
        f"{SIGNS[name][0]} {getattr(counts, name)} {SIGNS[name][2 if done else 1]}"
        for name in _AS_TERRAFORM_SAYS
        if getattr(counts, name)
    ]
    if counts.outputs:
        parts.append(amount(counts.outputs, "output") + (" changed" if done else " to change"))
    return Markdown(", ".join(parts))
