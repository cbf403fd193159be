"""Whatever is only true of one forge stays in its adapter and its parser: nobody else knows a forge's name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = re.compile(r"github|gitlab|gitea|forgejo|bitbucket|azure_?devops", re.IGNORECASE)
# Who may say a name, and why. (`server/atlantis` reads another program's settings, which have forges in their names.)
MAY = {
    "server/config/settings.py": "the settings that people type",
    "server/config/pull_settings.py": "examples in the words of these settings",
    "server/config/forges.py": "which of these settings describe a forge",
    "server/config/reference.py": "the headings of the settings' page",
    "server/observability.py": "the loggers of the SDKs",
}


def code_of(folder: str) -> Iterator[Path]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith(("server/forges/", "server/webhooks/", "server/atlantis/")) and place not in MAY:
            yield path


def names_in(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        for words in words_of(node):
            if id(node) not in prose and NAMES.search(words):
                yield f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)}: {words[:60]!r}"


def words_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(name=name):
            yield name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ImportFrom(module=str(name)):
            yield name
        case _:
            return


def test_nobody_outside_of_forges_and_webhooks_knows_a_forge() -> None:
    assert [found for folder in ("server", "workers") for path in code_of(folder) for found in names_in(path)] == []


def test_templates_and_scripts_know_none_either() -> None:
    files = [path for path in (ROOT / "server").rglob("*") if path.suffix in {".j2", ".html", ".js", ".css"}]
    assert files
    assert [path.name for path in files if NAMES.search(path.read_text(encoding="utf-8"))] == []


def test_every_exception_is_still_one() -> None:
    assert [place for place in MAY if not any(names_in(ROOT / place))] == []


def test_a_name_would_be_noticed() -> None:
    planted = ROOT / "server/forges/github.py"
    assert any("github" in found.lower() for found in names_in(planted))
