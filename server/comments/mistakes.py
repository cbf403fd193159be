"""What to say when a comment is meant for us and cannot be understood: found, meant, and how it is typed."""

import difflib
import re
import shlex
from collections.abc import Iterable

from server.comments.format import code, enumeration
from server.comments.grammar import ELSEWHERE, FORMS, TOOLS, Form, Option

_DASHES = ("\u2014", "\u2013")  # what telephones make of two hyphens


def closest(found: str, known: Iterable[str]) -> str | None:
    """Find what was probably meant."""
    close = difflib.get_close_matches(found.lower(), list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def _say(*sentences: str, usage: str = "") -> str:
    said = " ".join(sentence for sentence in sentences if sentence)
    return f"{said}\n\nUsage: {code(usage)}" if usage else said


def unreadable(rest: str, reason: str) -> str:
    """Answer a line that the lexer gave up on."""
    hint = "A quote is opened and never closed." if "quotation" in reason else "It ends in a backslash."
    return _say(f"I cannot read {code(rest)}. {hint}")


def unknown_command(found: str, word: str) -> str:
    """Answer a verb that is not ours."""
    known = enumeration(code(form.kind) for form in FORMS.values())
    if found in ELSEWHERE:
        return _say(f"There is no command {code(found)} here. {ELSEWHERE[found]}", f"I know {known}.")
    meant = closest(found, FORMS)
    if meant:
        return _say(
            f"There is no command {code(found)}. Did you mean {code(f'{word} {meant}')}?",
            usage=FORMS[meant].usage(word),
        )
    return _say(f"There is no command {code(found)}. I know {known}; {code(f'{word} help')} explains them.")


def unknown_argument(found: str, form: Form, word: str) -> str:
    """Answer a flag or a word that the command does not take."""
    start = f"{code(form.kind)} does not know {code(found)}."
    if found.startswith(("-", *_DASHES)):
        typed = re.sub("|".join(_DASHES), "--", found).partition("=")[0]
        spellings = [s for option in form.options for s in (option.long, option.short) if s]
        if typed == "--" and form.takes_extra:
            return _say(start, f"Did you mean {code('--')} (two plain hyphens)?", usage=form.usage(word))
        meant = closest("--" + typed.lstrip("-"), spellings)
        return _say(start, f"Did you mean {code(meant)}?" if meant else "", usage=form.usage(word))
    return _say(
        start,
        f"For a directory, type {code(_typed(word, form, '-d', found))};"
        f" for a project's name, {code(_typed(word, form, '-p', found))}.",
        usage=form.usage(word),
    )


def _typed(word: str, form: Form, *arguments: str) -> str:
    return " ".join([word, form.kind.value, *(shlex.quote(argument) for argument in arguments)])


def takes_nothing(found: str, form: Form, word: str) -> str:
    """Answer arguments to a command that has none."""
    return _say(
        f"{code(form.kind)} takes no arguments, but I found {code(found)}: {form.whole}.", usage=form.usage(word)
    )


def belongs_after_dashes(found: str, form: Form, word: str) -> str:
    """Answer one of Terraform's flags among ours."""
    return _say(
        f"{code(found)} is Terraform's. Its arguments come last, after {code('--')}:",
        f"{code(f'{word} {form.kind} -- {found}')}",
        usage=form.usage(word),
    )


def missing_value(spelt: str, option: Option, form: Form, word: str) -> str:
    """Answer a flag without its value."""
    return _say(f"{code(spelt)} needs a value: {code(option.usage)}.", usage=form.usage(word))


def needless_value(option: Option, form: Form, word: str) -> str:
    """Answer a switch with a value."""
    return _say(f"{code(option.long)} takes no value.", usage=form.usage(word))


def given_twice(option: Option, form: Form, word: str) -> str:
    """Answer a flag that occurs more than once."""
    return _say(
        f"{code(option.long)} is given twice; a command is about one target, or about all.", usage=form.usage(word)
    )


def two_targets(form: Form, word: str) -> str:
    """Answer a project's name beside a directory or workspace."""
    return _say(
        f"{code('-p')} already says directory and workspace, so {code('-d')} and {code('-w')} cannot stand beside it.",
        usage=form.usage(word),
    )


def two_wishes(form: Form, word: str) -> str:
    """Answer a way to merge beside the wish not to."""
    return _say("`--auto-merge-disabled` says not to merge, and `--auto-merge-method` how to.", usage=form.usage(word))


def wrong_operands(found: tuple[str, ...], form: Form, word: str) -> str:
    """Answer too few or too many words beside the flags."""
    said = f"found {enumeration(code(one) for one in found)}" if found else "found nothing"
    names = form.operands.names if form.operands else "nothing"
    return _say(f"{code(form.kind)} wants {code(names)}, and I {said}.", usage=form.usage(word))


def not_switched_on(form: Form) -> str:
    """Answer a command that the operator has not allowed."""
    return _say(
        f"{code(form.kind)} is not switched on here; the operator can, with `THERA_ALLOW_COMMANDS`.", form.instead
    )


def several_lines(first: str) -> str:
    """Answer a command that has company."""
    return _say(
        f"A command is a comment of its own, and this one has more lines, so nothing was done. Comment {code(first)} "
        "alone; for several commands, write several comments."
    )


def destroy_what(word: str) -> str:
    """Answer `plan --destroy` without a target."""
    typed = code(f"{word} plan --destroy -d DIR")
    return _say(f"Destroying has to say what: {typed}, or {code('-p')} with the name of a project.")


def destroying_not_switched_on() -> str:
    """Answer `plan --destroy` where the operator has not allowed it."""
    return _say(
        "Planning to destroy is not switched on here; the operator can, by adding `destroy` to `THERA_ALLOW_COMMANDS`.",
        "Resources that you remove from the code are planned to be destroyed as ever.",
    )


def wrong_subcommand(found: str, form: Form, word: str) -> str:
    """Answer `state` with something else than `rm`."""
    said = f"not {code(found)}" if found else "and nothing follows it"
    return _say(f"{code(form.kind.verb)} knows one thing, {code(form.kind)}, {said}.", usage=form.usage(word))


def bad_value(option: Option, value: str, rule: str, form: Form, word: str) -> str:
    """Answer a value that breaks a rule."""
    return _say(f"{code(option.shortest)} cannot be {code(value)}: {rule}.", usage=form.usage(word))


def blocked_extra(found: str, why: str) -> str:
    """Answer an argument for Terraform that may not be given in a comment."""
    return _say(f"{code(found)} may not be given to Terraform in a comment: {why}.")


def bare_with_arguments(line: str, word: str) -> str:
    """Answer `plan -d x` without the word in front."""
    return _say(
        f"Did you mean {code(f'{word} {line}')} or {code(f'/{line}')}?",
        "Only the word alone is understood without either.",
    )


def other_word(line: str, typed: str, word: str) -> str:
    """Answer `terraform plan`, or our own word misspelt."""
    rest = line[len(typed) :].strip()
    if typed.lower() in TOOLS:
        verb, _, arguments = rest.partition(" ")
        meant = f"{word} {verb.lower()} -- {arguments}" if arguments else f"{word} {verb.lower()}"
        return _say(f"Did you mean {code(meant)}? I answer to {code(word)}, not to {code(typed)}.")
    return _say(f"Did you mean {code(f'{word} {rest}')}? I answer to {code(word)}, not to {code(typed)}.")
