"""The shape of the code: what linters cannot be told. Every rule is proved on a planted break."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture import shape
from tests.architecture.shape import Source

ROOT = Path(__file__).parents[2]
PACKAGES = ("server", "workers", "sandbox")
# Entry points hand `os.environ` to the settings; nobody else looks.
MAY_READ_ENVIRONMENT = {
    "server/cli.py",
    "server/bootstrap.py",
    "server/config/settings.py",
    "workers/__main__.py",
    "workers/bootstrap.py",
    "workers/settings.py",
}


def sources(*packages: str) -> Iterator[Source]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def files() -> Iterator[tuple[str, str]]:
    """Every file that is or would be committed, if it is text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in sorted(set(listed.stdout.decode().split("\0"))):
        path = ROOT / name
        if not name or not path.is_file():
            continue
        try:
            yield name, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def module(text: str, path: str = "server/example.py") -> Source:
    return Source(path, text)


def test_modules_and_functions_are_short() -> None:
    assert [fault for source in sources(*PACKAGES) for fault in shape.too_long(source)] == []


def test_every_import_stands_at_the_top() -> None:
    assert [fault for source in sources(*PACKAGES) for fault in shape.hidden_imports(source)] == []


def test_every_module_says_what_it_is_for() -> None:
    assert [fault for source in sources(*PACKAGES) for fault in shape.unsaid_purpose(source)] == []


def test_the_domain_knows_the_standard_library_and_the_protocol_only() -> None:
    own = ("server.domain", "workers.protocol")

    assert [fault for source in sources("server/domain") for fault in shape.foreign_imports(source, own=own)] == []


def test_the_protocol_knows_the_standard_library_only_and_its_codec_pydantic() -> None:
    faults: list[str] = []
    for source in sources("workers/protocol"):
        extra = frozenset({"pydantic"}) if source.path.endswith("/codec.py") else frozenset[str]()
        faults += shape.foreign_imports(source, own=("workers.protocol",), extra=extra)

    assert faults == []


def test_the_environment_is_read_in_one_place_a_side() -> None:
    faults = [
        fault
        for source in sources("server", "workers")
        if source.path not in MAY_READ_ENVIRONMENT
        for fault in shape.environment_readers(source)
    ]

    assert faults == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    assert [fault for path, text in files() for fault in shape.names_a_machine(path, text)] == []


@pytest.mark.parametrize("name", ["build.txt", "dev.txt", "runtime.txt"])
def test_requirements_are_pinned_by_hash_and_point_nowhere(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")

    assert list(shape.unpinned_requirements(name, text)) == []
    assert text.count("==") > 1


def test_what_runs_is_what_was_tested() -> None:
    pins = {
        name: {line.split(" ")[0] for line in (ROOT / "requirements" / name).read_text().splitlines() if "==" in line}
        for name in ("build.txt", "dev.txt", "runtime.txt")
    }

    assert pins["runtime.txt"] <= pins["dev.txt"]
    assert pins["build.txt"] <= pins["dev.txt"]


LONG = "\n".join(["def long():", *(["    pass"] * 60)])


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (shape.too_long, "'''Doc.'''\n" + "x = 1\n" * 400),
        (shape.too_long, LONG),
        (shape.too_long, LONG.replace("def", "async def")),
        (shape.hidden_imports, "def f():\n    import json\n"),
        (shape.hidden_imports, "class A:\n    from json import loads\n"),
        (shape.hidden_imports, "if TYPE_CHECKING:\n    import json\n"),
        (shape.unsaid_purpose, "import json\n"),
        (shape.environment_readers, "import os\nos.environ['HOME']\n"),
        (shape.environment_readers, "import os\nos.getenv('HOME')\n"),
        (shape.environment_readers, "from os import environ\n"),
    ],
)
def test_a_planted_break_is_found(rule: Callable[[Source], Iterator[str]], broken: str) -> None:
    assert len(list(rule(module(broken)))) == 1


@pytest.mark.parametrize(
    "rule", [shape.too_long, shape.hidden_imports, shape.unsaid_purpose, shape.environment_readers]
)
def test_a_good_module_breaks_nothing(rule: Callable[[Source], Iterator[str]]) -> None:
    good = "'''Doc.'''\n\nimport os\n\n\ndef f():\n" + "    os.getpid()\n" * 59

    assert list(rule(module(good))) == []


@pytest.mark.parametrize(
    "line",
    ["import pydantic", "from sqlalchemy.orm import Session", "from server.store import tables", "from . import x"],
)
def test_a_foreign_import_in_the_domain_is_found(line: str) -> None:
    assert len(list(shape.foreign_imports(module(line), own=("server.domain", "workers.protocol")))) == 1


@pytest.mark.parametrize(
    "line", ["import json", "from server.domain.refs import RepoRef", "import workers.protocol.jobs"]
)
def test_own_and_standard_imports_are_fine(line: str) -> None:
    assert list(shape.foreign_imports(module(line), own=("server.domain", "workers.protocol"))) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.md", "get it from https://py" + "pi.org/simple"),
        ("a.md", "deb http://deb.deb" + "ian.org/debian bookworm main"),
        ("a.json", '"resolved": "https://registry.npm' + 'js.org/x"'),
        ("a.sh", "cd /wo" + "rk/main"),
        ("a.sh", "HOME=/ro" + "ot/x"),
        ("uv" + ".lock", ""),
    ],
)
def test_a_machine_or_registry_is_found(path: str, line: str) -> None:
    assert len(list(shape.names_a_machine(path, line))) == 1


@pytest.mark.parametrize("line", ["see docs/work/flow", "a temporary {root}/work/tree", "framework/root/x"])
def test_ordinary_paths_are_fine(line: str) -> None:
    assert list(shape.names_a_machine("a.md", line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "flask>=3",
        "flask==3.1.3",
        "--extra-index-url file:///somewhere",
        "--find-links /somewhere",
        "# from https://example.com/simple",
        "#   -r /somewhere/requirements.txt",
        "    --hash=md5:abc",
    ],
)
def test_a_loose_requirement_is_found(line: str) -> None:
    assert len(list(shape.unpinned_requirements("dev.txt", line))) == 1
