"""The rules that `test_shape.py` enforces, each a function of source text, so that a planted break can prove it."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

MODULE_LIMIT = 400
FUNCTION_LIMIT = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One module: its path from the root of the repository, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


def too_long(source: Source) -> Iterator[str]:
    """Modules of at most 400 lines, functions of at most 60."""
    lines = len(source.text.splitlines())
    if lines > MODULE_LIMIT:
        yield f"{source.path}: {lines} lines, at most {MODULE_LIMIT}"
    for node in ast.walk(source.tree):
        if isinstance(node, Function):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LIMIT:
                yield f"{source.path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LIMIT}"


def hidden_imports(source: Source) -> Iterator[str]:
    """Every import stands at the top of its module: no import inside a function, none for types only."""
    for node in ast.walk(source.tree):
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    yield f"{source.path}:{inner.lineno}: an import inside {getattr(node, 'name', 'a lambda')}"
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield f"{source.path}:{node.lineno}: an import for types only"


def unsaid_purpose(source: Source) -> Iterator[str]:
    """A module opens with one sentence: what it is for."""
    if source.tree.body and not ast.get_docstring(source.tree):
        yield f"{source.path}: no docstring says what this module is for"


def foreign_imports(source: Source, *, own: tuple[str, ...], extra: frozenset[str] = frozenset()) -> Iterator[str]:
    """Only the standard library, `own` packages and `extra` libraries are imported."""
    for line, name in imported(source):
        top = name.partition(".")[0]
        is_own = any(name == package or name.startswith(f"{package}.") for package in own)
        if not is_own and top not in sys.stdlib_module_names and top not in extra:
            yield f"{source.path}:{line}: {name} may not be imported here"


def imported(source: Source) -> Iterator[tuple[int, str]]:
    """List what a module imports, as (line, dotted name)."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def environment_readers(source: Source) -> Iterator[str]:
    """The environment is read in the settings modules, and handed to them by entry points alone."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.environb", "os.getenv"}:
            yield f"{source.path}:{node.lineno}: reads the environment"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield f"{source.path}:{node.lineno}: imports names out of os; write `os.…`, so that readers can be found"


# Spelled in pieces, because this file is checked as well.
_REGISTRIES = ("py" + "pi.org", "python" + "hosted", "npm" + "js.", "debian" + ".org", "yarn" + "pkg.com")
_LOCK_FILES = ("uv" + ".lock", "poetry" + ".lock", "package-" + "lock.json")
_MACHINE_PATH = re.compile(r"(?<![\w.})*>-])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "opt/py" + "pi"]) + r")/")


def names_a_machine(path: str, text: str) -> Iterator[str]:
    """No file names a package registry's host or a path of somebody's machine."""
    if PurePosixPath(path).name in _LOCK_FILES:
        yield f"{path}: a lock file that names registries"
    for number, line in enumerate(text.splitlines(), start=1):
        for host in _REGISTRIES:
            if host in line:
                yield f"{path}:{number}: names the host of a registry ({host})"
        if _MACHINE_PATH.search(line):
            yield f"{path}:{number}: names a path of one machine"


def unpinned_requirements(path: str, text: str) -> Iterator[str]:
    """A lock has packages with exact versions and hashes, and nothing that points at a place to get them from."""
    for number, line in enumerate(text.splitlines(), start=1):
        body = line.strip()
        if not body or body.startswith("#"):
            is_pointer = "://" in body or re.search(r"\s/\w", body)
            if is_pointer:
                yield f"{path}:{number}: a comment names a place: {body}"
            continue
        if not re.fullmatch(r"[a-z0-9._-]+==[\w.!+]+( ;[^\\]+)? \\|--hash=sha256:[0-9a-f]{64}( \\)?", body):
            yield f"{path}:{number}: neither a pinned package nor its hash: {body}"
