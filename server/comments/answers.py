"""The short comments: help, mistakes, what was released, why not."""

from collections.abc import Collection, Sequence
from types import SimpleNamespace

from server.comments.format import Markdown
from server.comments.grammar import FORMS
from server.comments.templating import fill
from server.comments.words import BUILT_IN, Words
from server.domain.commands import ALWAYS_ALLOWED, Mistake
from server.domain.requirements import Unmet


def render_help(
    word: str, topic: str | None = None, *, allowed: Collection[str] = tuple(FORMS), words: Words = BUILT_IN
) -> str:
    """Explain all commands that are switched on, or one; `allowed` are their first words."""
    if topic is not None and topic in FORMS:
        return fill("help_topic", form=FORMS[topic], word=word)
    forms = tuple(form for verb, form in FORMS.items() if verb in {*allowed, *ALWAYS_ALLOWED})
    commands = [SimpleNamespace(usage=form.usage(word), help=form.help) for form in forms]
    built_in = fill("help", forms=forms, word=word)
    return words.say("help", built_in, lambda: {"word": word, "commands": commands})


def render_mistake(mistake: Mistake, *, words: Words = BUILT_IN) -> str:
    """Answer what could not be understood."""
    answer = Markdown(mistake.answer)
    return words.say("mistake", Markdown(f"🤔 {answer}"), lambda: {"answer": answer})


def render_closed(
    released: Sequence[str],
    *,
    was_merged: bool,
    discarded: Sequence[str] = (),
    still_applying: bool = False,
    words: Words = BUILT_IN,
) -> str:
    """Say which locks and plans, by their labels, went when a pull was merged or closed."""
    facts = {
        "released": tuple(released),
        "discarded": tuple(discarded),
        "was_merged": was_merged,
        "still_applying": still_applying,
    }
    return words.say("closed", fill("closed", **facts), lambda: facts)


def render_unlocked(released: Sequence[str], *, word: str, actor: str, words: Words = BUILT_IN) -> str:
    """Answer `unlock`; `released` are the labels of the locks that were held."""
    facts = {"released": tuple(released), "word": word, "actor": actor}
    return words.say("unlocked", fill("unlocked", **facts), lambda: facts)


def render_refused(
    what: str, reason: str, *, remedy: str = "", unmet: Sequence[Unmet] = (), words: Words = BUILT_IN
) -> str:
    """Say that a rule forbids it, which one, and the way forward; `what` is a headline (`plan` was not run)."""
    facts = {"what": what, "reason": reason, "remedy": remedy}
    return words.say("refused", fill("refused", **facts, unmet=tuple(unmet)), lambda: facts)


def render_lock_freed(label: str, *, holder: str, holder_url: str, word: str, plans_by_itself: bool = True) -> str:
    """Tell a pull that waited that its turn has come; `holder` is the pull that let go (`#12`)."""
    return fill(
        "lock_freed",
        label=label,
        holder=holder,
        holder_url=holder_url,
        word=word,
        plans_by_itself=plans_by_itself,
    )


def render_version(versions: Sequence[str]) -> str:
    """Answer `version`."""
    return fill("version", versions=tuple(versions))
