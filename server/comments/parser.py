"""A comment's text into a command, a mistake, or nothing of ours. Never raises, on any text."""

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from server.comments import mistakes
from server.comments.arguments import read
from server.comments.grammar import BARE, FORMS, HELP_WORDS, TOOLS, Form
from server.domain.commands import (
    ALWAYS_ALLOWED,
    BLOCKED_EXTRA_ARGS,
    DESTROY,
    Command,
    CommandKind,
    Mistake,
    NotForUs,
    Utterance,
)
from server.domain.errors import UserMistake

_INVISIBLE = str.maketrans("", "", "\u200b\u2060\ufeff")
_INLINE_CODE = re.compile(r"(`+)(?!`)(.*[^`])\1")
_SHORTEST_WORD_WORTH_GUESSING = 4


@dataclass(frozen=True, kw_only=True)
class _Ear:
    """What is listened for: our own words, the commands that are switched on, and what Terraform may not be given."""

    words: tuple[str, ...]
    allowed: Collection[str]
    blocked: Sequence[str]


def parse(
    body: str,
    *,
    words: Sequence[str],
    login: str,
    allowed: Collection[str] = (*FORMS, DESTROY),
    blocked_extra_args: Sequence[str] = BLOCKED_EXTRA_ARGS,
) -> Utterance:
    """Understand a comment; `allowed` are the first words of the commands that are switched on.

    A command is the comment's only line. It starts with one of `words`, with `@login`, or with a slash
    (`/plan`), or is one bare word (`plan`). Everything else, quotes and fences included, is conversation.
    """
    ear = _Ear(words=tuple(word.lower() for word in words) or ("thera",), allowed=allowed, blocked=blocked_extra_args)
    line = _only_line(body)
    if not line:
        return _first_of_several(body, ear, login=login)
    typed, rest = (*line.split(maxsplit=1), "")[:2]
    word = typed.lower()
    if word in ear.words or (login and word == f"@{login.lower()}"):
        return _addressed(rest, ear, word=word if word in ear.words else ear.words[0])
    if word.removeprefix("/") in BARE:
        return _bare(word, rest, ear)
    if _is_meant_for_us(word, rest, ear.words):
        near = min(ear.words, key=lambda name: edit_distance(word, name))
        return Mistake(mistakes.other_word(line, typed, near))
    return NotForUs()


def _only_line(body: str) -> str | None:
    """Give the comment's single line, freed of inline code marks; None if there are more or it is a fence."""
    lines = body.translate(_INVISIBLE).strip().splitlines()
    if len(lines) != 1:
        return None
    line = re.sub(r"\s", " ", lines[0])
    if line.startswith("`"):
        inline = _INLINE_CODE.fullmatch(line)
        return inline[2].strip() if inline else None
    return line


def _first_of_several(body: str, ear: _Ear, *, login: str) -> Utterance:
    """Answer a comment of several lines if its first is surely a command: whoever wrote it waits for us."""
    lines = body.translate(_INVISIBLE).strip().splitlines()
    words = lines[0].lower().split() if len(lines) > 1 else []
    addressed = bool(words) and (words[0] in ear.words or (bool(login) and words[0] == f"@{login.lower()}"))
    if addressed and len(words) > 1 and words[1] in FORMS:
        return Mistake(mistakes.several_lines(lines[0].strip()))
    return NotForUs()


def _bare(word: str, rest: str, ear: _Ear) -> Utterance:
    verb, name = word.removeprefix("/"), ear.words[0]
    said = _addressed(f"{verb} {rest}", ear, word=name)
    if word.startswith("/") or not rest:
        return said
    if isinstance(said, Command) and rest.startswith("-"):
        return Mistake(mistakes.bare_with_arguments(f"{verb} {rest}", name))
    return NotForUs()


def _addressed(rest: str, ear: _Ear, *, word: str) -> Utterance:
    try:
        tokens = shlex.split(rest)
    except ValueError as error:
        return Mistake(mistakes.unreadable(rest, str(error)))
    if not tokens:
        return Command(kind=CommandKind.HELP)
    verb, arguments = tokens[0].lower(), tokens[1:]
    if verb in HELP_WORDS:
        return _help(arguments, word=word)
    if verb not in FORMS:
        return Mistake(mistakes.unknown_command(verb, word))
    return _with_arguments(FORMS[verb], arguments, ear, word=word)


def _with_arguments(form: Form, arguments: Sequence[str], ear: _Ear, *, word: str) -> Utterance:
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "-h" in ours or "--help" in ours:
        return Command(kind=CommandKind.HELP, topic=form.kind.verb)
    if form.kind.verb not in {*ear.allowed, *ALWAYS_ALLOWED}:
        return Mistake(mistakes.not_switched_on(form))
    try:
        command = read(form, _without_second_word(form, arguments, word=word), word=word, blocked=ear.blocked)
    except UserMistake as mistake:
        return Mistake(str(mistake))
    if command.destroy and DESTROY not in ear.allowed:
        return Mistake(mistakes.destroying_not_switched_on())
    return command


def _without_second_word(form: Form, arguments: Sequence[str], *, word: str) -> Sequence[str]:
    """Take the `rm` out of `state rm`; flags may stand before it.

    Raises:
        UserMistake: something else stands there.
    """
    wanted = form.kind.value.partition(" ")[2]
    if not wanted:
        return arguments
    if wanted not in arguments:
        found = next((one for one in arguments if not one.startswith("-")), "")
        raise UserMistake(mistakes.wrong_subcommand(found, form, word))
    at = list(arguments).index(wanted)
    return [*arguments[:at], *arguments[at + 1 :]]


def _help(arguments: Sequence[str], *, word: str) -> Utterance:
    topic = arguments[0].lower() if arguments else None
    if topic is None or topic in FORMS:
        return Command(kind=CommandKind.HELP, topic=topic)
    return Mistake(mistakes.unknown_command(topic, word))


def _is_meant_for_us(word: str, rest: str, names: Sequence[str]) -> bool:
    """Tell `terraform plan` and `teher plan -d x` from conversation (`terraform plan takes long`)."""
    verb, _, more = rest.partition(" ")
    if verb.lower() not in FORMS or (more and not more.lstrip().startswith("-")):
        return False
    return word in TOOLS or any(_is_near(word, name) for name in names)


def _is_near(word: str, name: str) -> bool:
    if len(name) < _SHORTEST_WORD_WORTH_GUESSING or abs(len(word) - len(name)) > 1:
        return False  # "the plan" is English
    return edit_distance(word, name) <= 2  # noqa: PLR2004  (two slips of the finger)


def edit_distance(one: str, other: str) -> int:
    """Count insertions, deletions, replacements and swaps of neighbours between two words."""
    rows = [list(range(len(other) + 1))]
    for i, left in enumerate(one, start=1):
        above, row = rows[-1], [i]
        for j, right in enumerate(other, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
