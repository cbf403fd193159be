"""The body of `/api/plan` and `/api/apply`, in Atlantis's form, into a wish; every mistake at once."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from server.comments.arguments import broken_by, plain_dir
from server.domain.commands import Command, CommandKind, Target
from server.domain.errors import UserMistake
from server.orchestration.ask import Wish
from server.web.api import LARGEST_NUMBER

_MOST_TARGETS = 500
_KEYS = {name.lower(): name for name in ("Repository", "Ref", "Type", "base_branch", "PR", "Projects", "Paths")}
_PATH_KEYS = {name.lower(): name for name in ("Directory", "Workspace", "project_name")}
_DRIFT = "there is no drift detection yet"


class Unreadable(UserMistake):
    """The body cannot be used; `mistakes` lists everything wrong with it."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(mistakes))


def read_wish(body: bytes, kind: CommandKind) -> Wish:
    """Read what a program asks for.

    Raises:
        Unreadable: with every mistake.
    """
    mistakes: list[str] = []
    values = _object(_json(body), _KEYS, "", mistakes)
    repo, forge = (_text(values, name, mistakes, is_required=True) for name in ("Repository", "Type"))
    ref, base = (_text(values, name, mistakes) for name in ("Ref", "base_branch"))
    if repo and "/" not in repo.strip("/"):
        mistakes.append("`Repository`: expected a full name, such as acme/infra")
    number = _number(values, mistakes)
    targets = [*_projects(values, mistakes), *_paths(values, mistakes)]
    if len(targets) > _MOST_TARGETS:
        mistakes.append(f"`Projects` and `Paths` name {len(targets)} projects; the most is {_MOST_TARGETS}")
    if mistakes:
        raise Unreadable(mistakes)
    first, *more = targets or [Target()]
    command = Command(kind=kind, target=first, more=tuple(more))
    return Wish(forge=forge, repo=repo.strip("/"), number=number, command=command, ref=ref, base_ref=base)


def _json(body: bytes) -> list[tuple[str, Any]]:
    """Read an object as its pairs: a key may be there twice, in another case."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise Unreadable([f"the body is not JSON: {error}"[:300]]) from error
    if not isinstance(value, _Pairs):
        raise Unreadable([f"the body is JSON, but {_found(value)}; expected an object"])
    return value


class _Pairs(list[tuple[str, Any]]):
    """A JSON object, as it was written."""


def _object(pairs: list[tuple[str, Any]], known: Mapping[str, str], place: str, mistakes: list[str]) -> dict[str, Any]:
    """Give the values by the names they are known under; null is as good as not given."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = known.get(key.lower())
        if name is None:
            close = difflib.get_close_matches(key.lower(), known, n=1)
            hint = f"did you mean `{known[close[0]]}`?" if close else f"there are {', '.join(known.values())}"
            mistakes.append(f"`{place}{_seen(key)}`: there is no such key; {hint}")
        elif name in found:
            mistakes.append(f"`{place}{name}`: is there a second time")
        else:
            found[name] = value
    return {name: value for name, value in found.items() if value is not None}


def _text(
    values: Mapping[str, Any], name: str, mistakes: list[str], *, place: str = "", is_required: bool = False
) -> str:
    value: object = values.get(name, "")
    if not isinstance(value, str):
        mistakes.append(f"`{place}{name}`: expected text; found {_found(value)}")
        return ""
    if not value.isprintable():
        mistakes.append(f"`{place}{name}`: it contains characters that cannot be seen")
        return ""
    if is_required and not value:
        mistakes.append(f"`{place}{name}`: required")
    return value


def _number(values: Mapping[str, Any], mistakes: list[str]) -> int:
    value: object = values.get("PR", 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_NUMBER:
        mistakes.append(f"`PR`: expected the number of a pull request; found {_found(value)}")
        return 0
    if value == 0:
        mistakes.append(
            "`PR`: required: what is planned is reviewed on a pull request, and what is applied was. "
            f"Open one, and give its number ({_DRIFT})"
        )
    return value


def _listed(values: Mapping[str, Any], name: str, mistakes: list[str]) -> list[Any]:
    value = values.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or isinstance(value, _Pairs):
        mistakes.append(f"`{name}`: expected a list; found {_found(value)}")
        return []
    if not value:  # a script that found nothing to name did not mean everything
        mistakes.append(f"`{name}`: is empty; leave it out to mean everything that the pull request changes")
    return value


def _projects(values: Mapping[str, Any], mistakes: list[str]) -> Iterator[Target]:
    for index, value in enumerate(_listed(values, "Projects", mistakes)):
        place = f"Projects[{index}]"
        if not isinstance(value, str) or not value or not value.isprintable():
            mistakes.append(f"`{place}`: expected a project's name; found {_found(value)}")
        elif _is_fine("project", value, place, mistakes):
            yield Target(project=value)


def _paths(values: Mapping[str, Any], mistakes: list[str]) -> Iterator[Target]:
    for index, value in enumerate(_listed(values, "Paths", mistakes)):
        place = f"Paths[{index}]"
        if not isinstance(value, _Pairs):
            mistakes.append(f"`{place}`: expected an object with a `Directory`; found {_found(value)}")
            continue
        given = _object(value, _PATH_KEYS, f"{place}.", mistakes)
        names = ("Directory", "Workspace", "project_name")
        directory, workspace, project = (_text(given, name, mistakes, place=f"{place}.") for name in names)
        if not directory and not project:
            mistakes.append(f"`{place}.Directory`: required")
            continue
        rules = (("dir", directory, names[0]), ("workspace", workspace, names[1]), ("project", project, names[2]))
        broken = [name for rule, text, name in rules if text and not _is_fine(rule, text, f"{place}.{name}", mistakes)]
        if not broken:
            yield Target(
                dir=plain_dir(directory) if directory else None,
                workspace=workspace or None,
                project=project or None,
            )


def _is_fine(rule: str, text: str, place: str, mistakes: list[str]) -> bool:
    broken = broken_by(rule, text)
    if broken:
        mistakes.append(f"`{place}`: {broken}")
    return not broken


def _found(value: object) -> str:
    if value is None:
        return "nothing"
    kinds: tuple[tuple[type, str], ...] = ((bool, "true or false"), (_Pairs, "an object"), (list, "a list"))
    kind = next((words for kind, words in kinds if isinstance(value, kind)), None)
    if kind is None and isinstance(value, str):
        return f"the text {_seen(value)}" if value else "empty text"
    return kind or _seen(str(value))


def _seen(text: str) -> str:
    return text[:60].encode("unicode_escape").decode() if not text[:60].isprintable() else text[:60]
