"""What rules gave, read as conftest reads it: `deny` and `violation` must not be, `warn` should not."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from workers.policy.findings import Findings, Unjudged
from workers.protocol.results import PolicyMessage

# https://www.conftest.dev: rules may carry a suffix (`deny_public_buckets`).
_FAILS = re.compile(r"(?:deny|violation)(?:_[A-Za-z0-9]+)*")
_WARNS = re.compile(r"warn(?:_[A-Za-z0-9]+)*")


def is_verdict(rule: str) -> bool:
    """Say whether a rule of this name is asked."""
    return _FAILS.fullmatch(rule) is not None or _WARNS.fullmatch(rule) is not None


def findings(packages: Mapping[str, Any], *, expected: Mapping[str, Collection[str]]) -> Findings:
    """Read the values of packages. `expected` names the rules that their sources have.

    Raises:
        Unjudged: a rule has no value, or none that a verdict can be read from.
    """
    messages: list[PolicyMessage] = []
    passes = 0
    for package, names in expected.items():
        rules = packages.get(package)
        for rule in sorted(filter(is_verdict, names)):
            if not isinstance(rules, dict) or rule not in rules:
                raise Unjudged(
                    f"the rule `{package}.{rule}` has no value, so nobody can tell what it would say. "
                    f"Write it as `{rule} contains message if {{ … }}`"
                )
            found = _messages(f"{package}.{rule}", rules[rule])
            messages += found
            passes += not found
    if not messages and not passes:
        raise Unjudged(
            "no rule was asked: the namespace (`main` unless the step's `extra_args` name another) has no rule called "
            "deny, violation or warn. Add `--namespace terraform`, or `--all-namespaces`, to the `extra_args`"
        )
    return Findings(messages=tuple(messages), passes=passes)


def _messages(rule: str, value: Any) -> list[PolicyMessage]:
    if not isinstance(value, list):
        raise Unjudged(f"the rule `{rule}` is not a set of messages. Write it as `… contains message if {{ … }}`")
    severity: Literal["failure", "warning"] = "warning" if _WARNS.fullmatch(rule.rpartition(".")[2]) else "failure"
    found = [PolicyMessage(severity=severity, message=_text(rule, one), rule=rule) for one in value]
    return sorted(found, key=lambda one: one.message)


def _text(rule: str, value: Any) -> str:
    text = value.get("msg") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise Unjudged(f"the rule `{rule}` gave something other than a text or an object with `msg`")
    return text
