"""The answer to `explain`: why a project is planned, what holds for it, and what comes before its apply."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.comments.format import Markdown, amount, cell_code, cell_prose, code, enumeration, join, md, prose
from server.comments.templating import codes, fill
from server.domain.commands import CommandKind, target_of
from server.domain.explanation import CauseKind, Why
from workers.protocol.jobs import ProjectKey

ROWS_SHOWN = 200
OTHERS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One project, explained.

    `standing` says where it stands and `in_the_way` what keeps it from being applied, both in sentences; `first` are
    projects that the same apply would take before it. `remedy` is the command that helps next, if one does.
    `planned_with` is the Terraform that its plan was made with.
    """

    key: ProjectKey
    standing: str
    why: Why | None
    in_the_way: tuple[str, ...] = ()
    first: tuple[ProjectKey, ...] = ()
    remedy: CommandKind | None = None
    planned_with: str = ""


def render_explanation(one: Explanation, *, word: str) -> str:
    """Explain one project."""
    why = one.why
    return fill(
        "explanation",
        label=one.key.label,
        reasons=() if why is None else _reasons(why, word),
        settings=() if why is None else why.settings,
        planned_with=one.planned_with,
        standing=one.standing,
        in_the_way=one.in_the_way,
        first=codes(tuple(key.label for key in one.first)) if one.first else "",
        remedy=_typed(one, word),
        is_far=bool(one.in_the_way) and one.remedy is CommandKind.APPLY,
    )


def render_explanations(several: Sequence[Explanation], *, word: str) -> str:
    """Give each of several projects a row: one reason, where it stands, and what to type for more."""
    rows = tuple(_row(one, word) for one in several[:ROWS_SHOWN])
    return fill("explanations", rows=rows, left_out=len(several) - len(rows))


def render_nothing_to_explain(
    flags: str, known: Sequence[ProjectKey], others: Sequence[tuple[ProjectKey, str]], *, word: str
) -> str:
    """Say that a pull has no such project, and which it has; `others` exist and are not planned here, each with why."""
    if others:
        shown = tuple((key.label, reason, target_of(key).flags) for key, reason in others[:OTHERS_SHOWN])
        return fill("not_planned", others=shown, word=word)
    return fill("nothing_to_explain", flags=flags, known=codes(tuple(key.label for key in known)), word=word)


def _typed(one: Explanation, word: str) -> Markdown:
    return code(f"{word} {one.remedy.value} {target_of(one.key).flags}") if one.remedy else Markdown("")


def _row(one: Explanation, word: str) -> Markdown:
    reason = "planned by an older Thera" if one.why is None else one.why.cause.words
    more = cell_code(f"{word} explain {target_of(one.key).flags}")
    standing = " ".join([one.standing, *one.in_the_way[:1]])
    cells = [cell_code(one.key.label), cell_prose(reason), cell_prose(standing), more]
    return Markdown(f"| {' | '.join(cells)} |")


def _reasons(why: Why, word: str) -> tuple[Markdown, ...]:
    cause = why.cause
    said = [_given(why, word), _files(why), _way(cause.through)]
    if cause.kind is not CauseKind.CHANGED and not cause.change:
        said.append(Markdown("Nothing that this pull request changes touches it."))
    place = f"It is configured in {prose(why.listed)}." if why.listed else "No file lists it; it was found by itself."
    return tuple(Markdown(one) for one in (*said, place) if one)


def _given(why: Why, word: str) -> Markdown:
    commit = code(why.commit[:7])
    if why.trigger in {"comment", "api"}:
        return Markdown(f"{md(why.actor)} asked for {code(f'{word} {why.command}')}, at commit {commit}.")
    said = {
        "queue": "The lock that it waited for became free",
        "stale": "Another pull request's apply made its plan stale",
    }.get(why.trigger, f"{md(why.actor)} opened the pull request or pushed to it")
    return Markdown(f"{said}; planned by itself, at commit {commit}.")


def _files(why: Why) -> Markdown:
    cause = why.cause
    if not cause.files:
        return Markdown("")
    left_out = cause.files_in_all - len(cause.files)
    more = [amount(left_out, "more file")] if left_out else []
    files = enumeration([*(code(path) for path in cause.files), *more])
    if not why.pattern:
        return Markdown(f"Changed here: {files}.")
    whose = "it matches" if cause.files_in_all == 1 else "the first matches"
    return Markdown(f"Changed here: {files}; {whose} {code(why.pattern)} ({prose(why.pattern_origin)}).")


def _way(through: Sequence[str]) -> Markdown:
    """Lead from a changed file in a module to the project, call by call."""
    if not through:
        return Markdown("")
    path, module, *callers = through
    calls = join((f"which {code(caller)} uses" for caller in callers), ", ")
    return Markdown(f"Changed in a module: {code(path)} belongs to {code(module)}, {calls}.")
