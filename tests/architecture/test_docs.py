"""The documentation says what the code does: generated pages are fresh, tables are complete, links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from server.comments.grammar import FORMS
from server.config import reference
from server.config.repo_file import Autodiscover, Autoplan, Project, RepoFile, load_repo_file
from server.config.server_file import RepoEntry, ServerFile, load_server_file
from server.config.settings import PREFIX, Settings
from server.domain.commands import BLOCKED_EXTRA_ARGS
from server.domain.project import ProjectStatus
from server.domain.run import RunOutcome

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / ".github/CONTRIBUTING.md"]


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def links(page: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_settings_page_is_fresh() -> None:
    assert read("reference/settings.md") == reference.render(), "run `make docs`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    row = re.search(rf"^\| `{PREFIX}{name.upper()}`.*\| (.+) \|$", read("reference/settings.md"), flags=re.MULTILINE)

    assert row
    assert row[1].strip()


def test_every_group_of_settings_begins_with_a_setting() -> None:
    assert set(reference.GROUPS) <= set(Settings.model_fields)
    assert next(iter(reference.GROUPS)) == next(iter(Settings.model_fields))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_on_the_map() -> None:
    named = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "README.md")}

    assert {page for page in DOCS.rglob("*.md") if page.name != "README.md"} <= named


@pytest.mark.parametrize("name", FORMS)
def test_every_command_is_described_as_it_is_typed(name: str) -> None:
    page = read("reference/comment-commands.md")

    assert f"`{FORMS[name].usage('thera')}`" in page
    for option in FORMS[name].options:
        assert option.long in page


@pytest.mark.parametrize("argument", [*BLOCKED_EXTRA_ARGS, *FORMS["apply"].refused_extra])
def test_every_refused_argument_is_named(argument: str) -> None:
    assert f"`-{argument.lstrip('-')}`" in read("reference/comment-commands.md")


@pytest.mark.parametrize(
    ("page", "model"),
    [
        ("reference/repo-file.md", RepoFile),
        ("reference/repo-file.md", Project),
        ("reference/repo-file.md", Autoplan),
        ("reference/repo-file.md", Autodiscover),
        ("reference/server-file.md", ServerFile),
        ("reference/server-file.md", RepoEntry),
    ],
)
def test_every_key_of_a_file_is_described(page: str, model: type[BaseModel]) -> None:
    text = read(page)

    assert [key for key in model.model_fields if f"`{key}`" not in text] == []


def yaml_examples(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", read(page), flags=re.DOTALL)


def test_the_examples_of_repository_files_can_be_read() -> None:
    first, workflows = yaml_examples("reference/repo-file.md")

    assert len(load_repo_file(first, file="thera.yaml", base_branch="main").projects) == 2
    assert "checked" in load_repo_file(f"version: 3\n{workflows}", file="thera.yaml", base_branch="main").workflows


@pytest.mark.parametrize(
    "page", ["reference/server-file.md", "how-to/connect-github.md", "how-to/run-on-many-machines.md"]
)
def test_the_examples_of_server_files_can_be_read(page: str, tmp_path: Path) -> None:
    for text in yaml_examples(page):
        (tmp_path / "repos.yaml").write_text(text, encoding="utf-8")

        assert load_server_file(tmp_path / "repos.yaml").repos


def test_the_examples_of_webhooks_can_be_read(tmp_path: Path) -> None:
    examples = yaml_examples("how-to/notify-others.md")

    assert len(examples) == 2
    for text in examples:
        (tmp_path / "repos.yaml").write_text(text, encoding="utf-8")
        assert load_server_file(tmp_path / "repos.yaml").webhooks


@pytest.mark.parametrize("value", [*ProjectStatus, *RunOutcome])
def test_every_status_and_outcome_is_described(value: str) -> None:
    assert f"| `{value}` |" in read("reference/api.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_setting_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"THERA_([A-Z][A-Z_]*[A-Z])", page.read_text(encoding="utf-8")))

    assert {name for name in named if name.lower().removesuffix("_file") not in Settings.model_fields} == set()


def test_decisions_say_context_decision_and_cost() -> None:
    for page in sorted((DOCS / "adr").glob("*.md")):
        headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert headings == ["Context", "Decision", "Cost"], page.name
