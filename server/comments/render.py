"""A run's comment, in any state of the run and never longer than its forge allows."""

import functools
from collections.abc import Callable, Sequence

from server.comments.alike import alike
from server.comments.answers import (
    render_closed,
    render_help,
    render_lock_freed,
    render_mistake,
    render_refused,
    render_unlocked,
    render_version,
)
from server.comments.facts import run_facts
from server.comments.fit import SEPARATOR, choose_details, fits, how_many_fit
from server.comments.format import Markdown, amount, code, join, link, paragraphs
from server.comments.headline import headline
from server.comments.marker import find_marker, marker_for, parse_marker, run_marker, stamped
from server.comments.next_steps import render_next_steps
from server.comments.section import Detail, diagnostic_line, render_failure, render_section
from server.comments.table import quiet, ranked, render_table, rows
from server.comments.templating import fill, fold
from server.comments.view import ProjectView, RunView
from server.comments.words import BUILT_IN, Words
from server.domain.commands import CommandKind
from server.domain.run import RunState

__all__ = [
    "find_marker",
    "marker_for",
    "parse_marker",
    "render_closed",
    "render_help",
    "render_lock_freed",
    "render_mistake",
    "render_refused",
    "render_run",
    "render_unlocked",
    "render_version",
    "stamped",
]

SMALLEST_LIMIT = 1000
PROBLEMS_SHOWN = 20
QUIET_SHOWN = 300


def render_run(view: RunView, *, limit: int, can_fold: bool = True, key: str = "", words: Words = BUILT_IN) -> str:
    """Write the comment; `key` is what `marker_for` makes its short mark of, if it is to have one.

    What has to go first when room is short: Terraform's text, attributes, reasons, lists of resources
    (of the biggest project first), then the quiet projects, the table's end, and what machines read.
    An operator's own words count as far as they fit.
    """
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"a comment needs room for {SMALLEST_LIMIT} characters, not {limit}")
    said = _written(view, words, limit=limit, can_fold=can_fold, key=key)
    return said if len(said) <= limit else _written(view, BUILT_IN, limit=limit, can_fold=can_fold, key=key)


def _written(view: RunView, words: Words, *, limit: int, can_fold: bool, key: str) -> str:
    mark = marker_for(key) if key else ""
    machine = run_marker(view, limit=limit // 4)
    marks = f"{machine}\n{mark}".rstrip()
    head = _Head(view, words, can_fold=can_fold)
    steps = render_next_steps(view, can_fold=can_fold, words=words)
    lines = rows(view)

    arrange = functools.partial(_arranged, view, words, head, steps=steps, can_fold=can_fold)
    table = render_table(view, lines, 0)
    room = limit - len(arrange(table)) - _length([marks]) + len(table)
    if room - len(table) < limit // 4:  # too little for what changes, which says more than a row for each
        lines = rows(view, gathered=True)
        table = render_table(view, lines, 0)
    if room < len(table) + SEPARATOR:
        return _without_sections(view, head, lines, [steps, marks], mark, limit=limit)
    sections = _sections(view, words, room=room - len(table) - SEPARATOR, can_fold=can_fold)
    return _together([arrange(table, sections), marks])


def _arranged(
    view: RunView,
    words: Words,
    head: "_Head",
    table: str,
    sections: Sequence[str] = (),
    *,
    steps: Markdown,
    can_fold: bool,
) -> str:
    """Put the parts of a comment one below the other, or as the operator wants them; the marks come after."""
    built_in = Markdown(_together([*head.blocks(table), *sections, steps]))
    return words.say(
        "comment",
        built_in,
        lambda: {
            **run_facts(view),
            **head.parts,
            "can_fold": can_fold,
            "table": Markdown(table),
            "sections": [Markdown(section) for section in sections if section],
            "footer": steps,
        },
    )


class _Head:
    """What stands above the projects, and can be cut short."""

    def __init__(self, view: RunView, words: Words, *, can_fold: bool) -> None:
        self.title = words.say("headline", headline(view), lambda: {**run_facts(view), "can_fold": can_fold})
        self._note = join([part for part in (paragraphs(view.note), paragraphs(view.queue_note)) if part], "\n\n")
        is_version = view.command.kind is CommandKind.VERSION
        self._versions = Markdown(render_version(view.versions) if is_version else "")
        self._failure = render_failure(view.failure, can_fold=can_fold) if view.failure else Markdown("")
        self._problems = _problems(view)
        self._quiet = _quiet(view, can_fold=can_fold)
        self.quiet_in_short = _quiet_in_short(view)

    @property
    def parts(self) -> dict[str, Markdown]:
        """Name the blocks, but for the table."""
        return {
            "headline": self.title,
            "note": self._note,
            "versions": self._versions,
            "problems": self._problems,
            "failure": self._failure,
            "quiet": self._quiet,
        }

    def blocks(self, table: str = "") -> list[str]:
        return [self.title, self._note, self._versions, self._problems, self._failure, table, self._quiet]


def _problems(view: RunView) -> Markdown:
    if not view.problems:
        return Markdown("")
    shown = tuple(diagnostic_line(problem) for problem in view.problems[:PROBLEMS_SHOWN])
    return fill("problems", lines=shown, left_out=len(view.problems) - len(shown))


def _quiet(view: RunView, *, can_fold: bool) -> Markdown:
    calm = quiet(view)
    if not calm:
        return Markdown("")
    summary = _quiet_in_short(view)
    names = [code(project.key.label) for project in calm[:QUIET_SHOWN]]
    if len(calm) > QUIET_SHOWN:
        names.append(Markdown(f"… {len(calm) - QUIET_SHOWN} more"))
    return fold(summary, join(names), can_fold=can_fold) if can_fold else summary


def _quiet_in_short(view: RunView) -> Markdown:
    calm = quiet(view)
    return Markdown(f"{amount(len(calm), 'project')} without changes" if calm else "")


def _sections(view: RunView, words: Words, *, room: int, can_fold: bool) -> list[str]:
    if view.state is not RunState.DONE:
        return []
    shortened = Markdown(f"_Shortened to fit; everything is on {link('the page of this run', view.url)}._")
    groups = alike(ranked(view.projects))
    writers = [_writer(group, view, words, can_fold=can_fold) for group in groups]
    sizes = [_measured(write, group[0], room) for write, group in zip(writers, groups, strict=True)]
    if fits(sizes, room=room):
        return [write(Detail.FULL) for write in writers]
    if room < _length([shortened]):
        return []
    chosen = choose_details(sizes, room=room - len(shortened) - SEPARATOR)
    return [*(write(detail) for write, detail in zip(writers, chosen, strict=True)), shortened]


def _writer(group: Sequence[ProjectView], view: RunView, words: Words, *, can_fold: bool) -> Callable[[Detail], str]:
    others = tuple(project.key.label for project in group[1:])
    write = functools.partial(render_section, group[0], view, can_fold=can_fold, alike=others, words=words)
    return functools.cache(write)


def _measured(write: Callable[[Detail], str], project: ProjectView, room: int) -> Callable[[Detail], int]:
    def size(detail: Detail) -> int:
        is_hopeless = detail is Detail.FULL and len(project.text) > room  # megabytes need no rendering
        return len(project.text) if is_hopeless else len(write(detail))

    return size


def _without_sections(
    view: RunView, head: _Head, lines: Sequence[Markdown], tail: Sequence[str], mark: str, *, limit: int
) -> str:
    """Keep the first line, as much of the table as fits, what to type next, and the marks."""
    more = Markdown(f"There is more on {link('the page of this run', view.url)}." if view.url else "")
    rest = [head.quiet_in_short, more, *tail]
    frame = render_table(view, (), len(lines))
    for blocks in ([*head.blocks()[:-2], *rest], [head.title, *rest], [head.title, *rest[:-1], mark]):
        room = limit - _length([*blocks, frame])
        shown = how_many_fit(lines, room=room)
        if room >= 0 and (shown or not lines):
            table = render_table(view, lines[:shown], len(lines) - shown)
            return _together([*blocks[:1], *blocks[1:-2], table, *blocks[-2:]])
    without_table = [head.title, more, tail[0], mark]
    return _together(without_table if _length(without_table) <= limit else [head.title, mark])


def _length(blocks: Sequence[str]) -> int:
    return sum(len(block) + SEPARATOR for block in blocks if block)


def _together(blocks: Sequence[str]) -> str:
    return "\n\n".join(block for block in blocks if block)
