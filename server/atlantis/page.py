"""The tables of `docs/reference/atlantis-compatibility.md`, written from the code: `python -m server.atlantis.page`."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from server.atlantis.differences import DIFFERENCES
from server.atlantis.flags import FLAGS, TOPICS
from server.atlantis.outcomes import Becomes, Flag, NotNeeded, NotYet, Outcome, PartOf, Replaced
from server.config.settings import PREFIX

PAGE = Path("docs/reference/atlantis-compatibility.md")


def flag_lines() -> Iterator[str]:
    """Write a table of flags for each topic."""
    counts = Counter(type(flag.outcome) for flag in FLAGS.values())
    yield (
        f"Of {len(FLAGS)}, {counts[Becomes]} become a setting, {counts[PartOf]} a part of one or of the server file, "
        f"{counts[NotNeeded]} are not needed, {counts[Replaced]} are done in another way, "
        f"and {counts[NotYet]} are not there yet."
    )
    for topic, flags in TOPICS.items():
        yield from ("", f"### {topic}", "", "| flag | default | here | what that means |", "|---|---|---|---|")
        yield from (_row(flag) for flag in flags)


def _row(flag: Flag) -> str:
    here, words = _here(flag.outcome)
    name = f"`{flag.option}`{' 🔒' if flag.secret else ''}{' (a key of the file)' if flag.only_in_file else ''}"
    return _cells(name, _default(flag), here, words)


def _default(flag: Flag) -> str:
    if flag.default is None or flag.default == "" or flag.only_in_file:
        return ""
    return f"`{str(flag.default).lower() if isinstance(flag.default, bool) else flag.default}`"


def _here(outcome: Outcome) -> tuple[str, str]:
    match outcome:
        case Becomes(setting=setting, as_file=as_file, note=note):
            return f"`{PREFIX}{setting.upper()}{'_FILE' if as_file else ''}`", note
        case PartOf(settings=settings, key=key, variable=variable, note=note):
            names = [*(f"`{PREFIX}{one.upper()}`" for one in settings), *([f"`{variable}`"] if variable else [])]
            return ", ".join([*names, *([f"server file: `{key}`"] if key else [])]), note
        case NotNeeded(reason=reason):
            return "not needed", reason
        case Replaced(by=by, reason=reason):
            return f"otherwise: {_code(by)}", reason
        case NotYet(reason=reason, remedy=remedy):
            return "**not yet**", f"{reason} {remedy}".rstrip()


def _code(name: str) -> str:
    return f"`{name}`" if name.startswith(PREFIX) else name


def difference_lines() -> Iterator[str]:
    """Write the table of differences."""
    yield from ("| topic | Atlantis | Thera | because |", "|---|---|---|---|")
    for one in DIFFERENCES:
        yield _cells(one.topic, one.atlantis, one.thera, one.reason)


def _cells(*texts: str) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |".replace("|  |", "| |")


_TABLES: Mapping[str, Callable[[], Iterator[str]]] = {"flags": flag_lines, "differences": difference_lines}


def written(page: str) -> str:
    """Give the page with its tables as the code has them now; everything else stays.

    Raises:
        ValueError: it has no place for a table.
    """
    for name, lines in _TABLES.items():
        first, last = f"<!-- {name}: written by server/atlantis/page.py -->", f"<!-- end of {name} -->"
        before, found, rest = page.partition(first)
        _, end, after = rest.partition(last)
        if not found or not end:
            raise ValueError(f"the page has no place for a table between {first} and {last}")
        page = "\n".join([f"{before}{first}", "", *lines(), "", f"{last}{after}"])
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
