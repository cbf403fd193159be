"""What was carried over, in words: the file of variables, and the tables beside it. Secrets are in the file alone."""

import re
from collections.abc import Iterator, Mapping, Sequence

from server.atlantis.carry import Carried, Note, Variable

_PLAIN = re.compile(r"[\w./:@,!*+=%~^{}-]+", re.ASCII)
_HEAD = "# Settings of Thera, made from those of an Atlantis server by `thera import-atlantis`."
_LONGEST = 60


def env_lines(carried: Carried, *, files: Mapping[str, str] | None) -> Iterator[str]:
    """Write the variables as NAME=value, as Compose, systemd and a shell read them.

    `files` are the paths of the files that are written beside, by the variable that names each. Without them this
    goes to a terminal: secrets and whole files are left out.
    """
    yield _HEAD
    for variable in carried.variables:
        yield ""
        for origin in variable.origins:
            yield f"# {origin}"
        if variable.file:
            if files is None:
                yield "# It has to stand in a file: `--output FILE` writes both."
            yield f"{variable.name}={_quoted(files[variable.name]) if files is not None else ''}"
        elif variable.secret and files is None:
            yield "# A secret: `--output FILE` writes it."
            yield f"{variable.name}="
        else:
            yield f"{variable.name}={_quoted(variable.value)}"


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value and "\\" not in value:
        return f"'{value}'"  # where nothing has a meaning
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


def report_lines(carried: Carried, needed: Sequence[str]) -> Iterator[str]:
    """Tell a person what became of it all."""
    rows = [(one.name, _shown(one), ", ".join(one.origins)) for one in carried.variables]
    yield f"Carried over ({len(rows)}):"
    yield from _aligned(rows)
    yield from _notes("Cannot be carried over, since Thera does not do it today", carried.lost)
    yield from _notes("Done in another way here", carried.elsewhere)
    yield from _notes("Needs nothing here", carried.needless)
    yield from _listed("Still needed, or Thera does not start or has nothing to do", needed)
    yield from _listed("To do and to look at", carried.to_do)


def _shown(variable: Variable) -> str:
    if variable.secret:
        return "****"
    if variable.file:
        return "(a file)"
    return variable.value if len(variable.value) <= _LONGEST else variable.value[: _LONGEST - 1] + "…"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _notes(title: str, notes: Sequence[Note]) -> Iterator[str]:
    if notes:
        yield ""
        yield f"{title} ({len(notes)}):"
        places = [f"{note.flag} ({note.place})" for note in notes]
        width = max(map(len, places))
        for place, note in zip(places, notes, strict=True):
            yield f"  {place.ljust(width)}  {note.why} {note.remedy}".rstrip()


def _listed(title: str, sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield ""
        yield f"{title} ({len(sentences)}):"
        yield from (f"  - {sentence}" for sentence in sentences)
