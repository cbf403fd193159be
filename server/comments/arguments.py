"""The words after a command into its target, by the table of options."""

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from server.comments import mistakes
from server.comments.grammar import TERRAFORM_FLAGS, Form, Option
from server.domain.commands import Command, CommandKind, Target
from server.domain.errors import UserMistake

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass
class _Reading:
    """What has been understood so far; `left` is consumed from the front."""

    form: Form
    word: str
    left: list[str]
    values: dict[str, str] = field(default_factory=dict)
    operands: list[str] = field(default_factory=list)

    def wrong(self, complain: Callable[..., str], *facts: object) -> UserMistake:
        return UserMistake(complain(*facts, self.form, self.word))


def read(form: Form, arguments: Sequence[str], *, word: str, blocked: Sequence[str]) -> Command:
    """Understand the arguments of a command.

    Raises:
        UserMistake: they make no sense; the message is the answer.
    """
    reading = _Reading(form, word, list(arguments))
    extra: tuple[str, ...] = ()
    while reading.left:
        argument = reading.left.pop(0)
        if not form.options:
            raise reading.wrong(mistakes.takes_nothing, argument)
        if argument == "--":
            extra = _extra(form, tuple(reading.left), blocked)
            break
        if form.operands and not argument.startswith("-"):
            reading.operands.append(argument)
        else:
            _take(reading, argument)
    _check_operands(reading, blocked)
    values = reading.values
    if "project" in values and ("dir" in values or "workspace" in values):
        raise reading.wrong(mistakes.two_targets)
    target = Target(dir=values.get("dir"), workspace=values.get("workspace"), project=values.get("project"))
    if "auto-merge-method" in values and "auto-merge-disabled" in values:
        raise reading.wrong(mistakes.two_wishes)
    if "destroy" in values and target.is_empty:
        raise UserMistake(mistakes.destroy_what(word))
    return Command(
        kind=form.kind,
        target=target,
        extra_args=extra,
        verbose="verbose" in values,
        arguments=tuple(reading.operands),
        policy_set=values.get("policy-set"),
        clear_approval="clear-policy-approval" in values,
        automerge="auto-merge-disabled" not in values,
        merge_method=values.get("auto-merge-method", ""),
        destroy="destroy" in values or (form.kind is CommandKind.PLAN and any(map(_destroys, extra))),
    )


def _destroys(argument: str) -> bool:
    name, _, value = argument.partition("=")
    return name in {"-destroy", "--destroy"} and value.lower() not in {"false", "f", "0"}


def _check_operands(reading: _Reading, blocked: Sequence[str]) -> None:
    wanted, found = reading.form.operands, reading.operands
    if wanted is None:
        return
    if len(found) < wanted.least or (wanted.most is not None and len(found) > wanted.most):
        raise reading.wrong(mistakes.wrong_operands, tuple(found))
    for item in found:
        if _UNSEEN.search(item):
            raise UserMistake(mistakes.blocked_extra(item, "it contains characters that cannot be seen"))
        if any(item == entry or item.startswith(f"{entry}=") for entry in blocked):
            raise UserMistake(mistakes.blocked_extra(item, "it would change where or with what Terraform runs"))


def _take(reading: _Reading, argument: str) -> None:
    name, equals, attached = argument.partition("=")
    if name in {f"-{option.name}" for option in reading.form.options}:
        raise reading.wrong(mistakes.unknown_argument, argument)
    if name.startswith("-") and name.lstrip("-") in TERRAFORM_FLAGS:
        raise reading.wrong(mistakes.belongs_after_dashes, argument)
    option = _find(reading.form.options, argument)
    if option is None:
        raise reading.wrong(mistakes.unknown_argument, argument)
    if option.name in reading.values:
        raise reading.wrong(mistakes.given_twice, option)
    if option.value is None:
        if equals:
            raise reading.wrong(mistakes.needless_value, option)
        reading.values[option.name] = "yes"
        return
    if name not in (option.long, option.short):  # -dprod
        name, attached = argument[:2], argument[2:]
    elif not equals:
        attached = _next_value(reading)
    if not attached:
        raise reading.wrong(mistakes.missing_value, name, option)
    reading.values[option.name] = _checked(reading, option, attached)


def _find(options: Sequence[Option], argument: str) -> Option | None:
    name = argument.partition("=")[0]
    for option in options:
        if name in (option.long, option.short) or (option.short and argument[:2] == option.short):
            return option
    return None


def _next_value(reading: _Reading) -> str:
    if not reading.left or reading.left[0].startswith("-"):
        return ""
    return reading.left.pop(0)


def _checked(reading: _Reading, option: Option, value: str) -> str:
    rule = broken_by(option.name, value)
    if rule:
        raise reading.wrong(mistakes.bad_value, option, value, rule)
    return plain_dir(value) if option.name == "dir" else value


def plain_dir(value: str) -> str:
    """Spell a directory as projects are named by it."""
    return posixpath.normpath(value.lstrip("/") or ".")


def broken_by(option: str, value: str) -> str | None:
    """Say which rule for an option's value is broken, if any."""
    return _RULES[option](value)


def _broken_by_dir(value: str) -> str | None:
    if ".." in value.split("/"):
        return "it is relative to the repository's root, and `..` is not allowed"
    return "it contains characters that cannot be seen" if _UNSEEN.search(value) else None


def broken_by_workspace(value: str) -> str | None:
    """Say which rule for workspace names is broken, if any."""
    checks = (
        ("/" in value or "\\" in value, "a workspace has no slashes"),
        (".." in value or value == ".", "a workspace is not a path"),
        (value.startswith(("-", "~")), "a workspace does not start with `-` or `~`"),
        ("$" in value, "a workspace contains no `$`"),
        (bool(re.search(r"\s", value) or _UNSEEN.search(value)), "a workspace contains no white space"),
    )
    return next((rule for is_broken, rule in checks if is_broken), None)


def _broken_by_project(value: str) -> str | None:
    is_broken = re.search(r"\s", value) or _UNSEEN.search(value)
    return "a project's name contains no white space" if is_broken else None


def _broken_by_method(value: str) -> str | None:
    return None if value in _METHODS else f"it is one of {', '.join(_METHODS)}"


_METHODS = ("merge", "squash", "rebase")
_RULES: Mapping[str, Callable[[str], str | None]] = {
    "policy-set": _broken_by_project,
    "auto-merge-method": _broken_by_method,
    "dir": _broken_by_dir,
    "workspace": broken_by_workspace,
    "project": _broken_by_project,
}


def _extra(form: Form, items: tuple[str, ...], blocked: Sequence[str]) -> tuple[str, ...]:
    for item in items:
        if any(item == entry or item.startswith(f"{entry}=") for entry in blocked):
            raise UserMistake(mistakes.blocked_extra(item, "it would change where or with what Terraform runs"))
        name = "-" + item.partition("=")[0].lstrip("-")
        if item.startswith("-") and name in form.refused_extra:
            why = "what is applied is the plan that was reviewed; give it to `plan`"
            raise UserMistake(mistakes.blocked_extra(item, why))
    return items
