"""What adapters find when they look at a repository's set-up, said alike for every forge."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from server.domain.findings import Finding, Verdict

_SLOW, _WRONG = timedelta(seconds=60), timedelta(minutes=5)
_ALWAYS_THERE = frozenset({"plan", "apply"})  # statuses that every pull gets, whatever it changes
_UNAUTHORIZED = 401


def about_clock(date: str, *, now: datetime) -> Finding:
    """Compare this machine's clock with the `Date` of a forge's answer."""
    try:
        theirs = parsedate_to_datetime(date)
        skew = abs(now - theirs)
    except (TypeError, ValueError):
        return Finding(
            subject="clock",
            verdict=Verdict.UNKNOWN,
            found="the forge's answer carries no usable date",
            remedy="Compare this machine's clock by hand.",
        )
    seconds = int(skew.total_seconds())
    if skew < _SLOW:
        return Finding(subject="clock", verdict=Verdict.GOOD, found="agrees with the forge's")
    return Finding(
        subject="clock",
        verdict=Verdict.BAD if skew >= _WRONG else Verdict.WARNING,
        found=f"is {seconds} s away from the forge's",
        remedy="Have this machine keep time (NTP): an App's credentials and signatures depend on it.",
    )


def about_protection(required: Iterable[str], *, own: str, branch: str, hidden: str = "") -> Finding:
    """Judge what a branch requires: one of our statuses, and none that never comes. `own` is `thera/`."""
    ours = sorted(name for name in required if name.startswith(own))
    never = [name for name in ours if name.removeprefix(own) not in _ALWAYS_THERE]
    if never:
        return Finding(
            subject="branch protection",
            verdict=Verdict.WARNING,
            found=f"`{branch}` requires {_listed(never)}, which a pull request that does not touch it never gets",
            remedy=f"Require `{own}apply` (or `{own}plan`) instead: every pull request gets these two.",
        )
    if ours:
        return Finding(subject="branch protection", verdict=Verdict.GOOD, found=f"`{branch}` requires {_listed(ours)}")
    if hidden:
        return Finding(
            subject="branch protection",
            verdict=Verdict.UNKNOWN,
            found=hidden,
            remedy="Give the credential the right to read it, or look for yourself.",
        )
    return Finding(
        subject="branch protection",
        verdict=Verdict.WARNING,
        found=f"`{branch}` requires none of our statuses: a pull request can be merged before it is applied",
        remedy=f"Make `{own}apply` a required status of `{branch}`, if that is not what you want.",
    )


def about_answers(codes: Sequence[int], *, remedy: str) -> Finding | None:
    """Judge how we answered a webhook's last deliveries, the newest first; nothing where there were none."""
    if not codes:
        return None
    newest = codes[0]
    if 200 <= newest < 300:  # noqa: PLR2004  (success)
        return Finding(subject="webhook deliveries", verdict=Verdict.GOOD, found="the last one was taken")
    if newest == _UNAUTHORIZED:
        found = "the last one was answered 401: its secret is not the one configured here"
    elif newest:
        found = f"the last one was answered {newest}"
    else:
        found = "the last one got no answer"
    return Finding(subject="webhook deliveries", verdict=Verdict.BAD, found=found, remedy=remedy)


def about_hook(wrong: Sequence[str], *, remedy: str) -> Finding:
    """Say that a webhook is right, or everything that is wrong with it."""
    if not wrong:
        return Finding(subject="webhook", verdict=Verdict.GOOD, found="is there, with the right events")
    return Finding(subject="webhook", verdict=Verdict.BAD, found="; ".join(wrong), remedy=remedy)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004  (a few)
