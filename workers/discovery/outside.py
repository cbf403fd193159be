"""What a file reads beyond its own directory, besides the modules it calls: found by being suspicious.

A plan may be kept over a push only if nothing that it read has changed, so whatever is not understood here counts as
reading everything. What leads Terraform to a file by way of data (a path in a YAML file) is not seen.
"""

import re
from collections.abc import Iterable

ANYTHING = "*"
# Files that are no code, and that can lead out of a directory all the same: templates may call file().
TELLING = (".tfvars", ".tfvars.json", ".tftpl", ".tpl", ".tmpl")

_COMMENT = re.compile(r"^[ \t]*(?:#|//).*$", re.MULTILINE)
_OF_THE_MODULE = re.compile(r'"\$\{path\.module\}/([\w./@+ -]*)"')
_UPWARDS = re.compile(r"(?<![.\w])\.\.(?=[/\"\\'\s)\]},]|$)", re.MULTILINE)
_PARENT = re.compile(r"\bdirname\(|\\u002e", re.IGNORECASE)
_WHOLE_PATH = re.compile(r"\babspath\(|\bpath\.cwd\b")
_CUT = re.compile(r"\b(?:regex|regexall|split|replace|trimsuffix|substr)\(")
_PROGRAM = re.compile(r'"external"')  # a data source that runs what it likes


def outside(text: str, sources: Iterable[str]) -> tuple[str, ...]:
    """List the paths, relative to the file's directory, that a text reads elsewhere; `*` stands for anything.

    `sources` are the local module sources that are known already.
    """
    bare = _COMMENT.sub("", text)
    for source in sources:
        bare = bare.replace(f'"{source}"', '""')
    found: set[str] = set()

    def note(match: re.Match[str]) -> str:
        if ".." in match.group(1).split("/"):
            found.add(match.group(1))
        return '""'

    bare = _OF_THE_MODULE.sub(note, bare)
    is_cut = _WHOLE_PATH.search(bare) is not None and _CUT.search(bare) is not None
    if is_cut or any(pattern.search(bare) for pattern in (_UPWARDS, _PARENT, _PROGRAM)):
        return (ANYTHING,)
    return tuple(sorted(found))
