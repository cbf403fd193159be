"""The short comments: help, mistakes, what was released, why not."""

from collections.abc import Collection, Sequence

from server.comments.grammar import FORMS
from server.comments.templating import fill
from server.domain.commands import ALWAYS_ALLOWED, Mistake
from server.domain.requirements import Unmet


def render_help(word: str, topic: str | None = None, *, allowed: Collection[str] = tuple(FORMS)) -> str:
    """Explain all commands that are switched on, or one; `allowed` are their first words."""
    if topic is not None and topic in FORMS:
        return fill("help_topic", form=FORMS[topic], word=word)
    forms = tuple(form for verb, form in FORMS.items() if verb in {*allowed, *ALWAYS_ALLOWED})
    return fill("help", forms=forms, word=word)


def render_mistake(mistake: Mistake) -> str:
    """Answer what could not be understood."""
    return f"🤔 {mistake.answer}"


def render_closed(
    released: Sequence[str], *, was_merged: bool, discarded: Sequence[str] = (), still_applying: bool = False
) -> str:
    """Say which locks and plans, by their labels, went when a pull was merged or closed."""
    return fill(
        "closed",
        released=tuple(released),
        discarded=tuple(discarded),
        was_merged=was_merged,
        still_applying=still_applying,
    )


def render_unlocked(released: Sequence[str], *, word: str, actor: str) -> str:
    """Answer `unlock`; `released` are the labels of the locks that were held."""
    return fill("unlocked", released=tuple(released), word=word, actor=actor)


def render_refused(what: str, reason: str, *, remedy: str = "", unmet: Sequence[Unmet] = ()) -> str:
    """Say that a rule forbids it, which one, and the way forward; `what` is a headline (`plan` was not run)."""
    return fill("refused", what=what, reason=reason, remedy=remedy, unmet=tuple(unmet))


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
