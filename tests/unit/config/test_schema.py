"""The JSON schemas are those of the code, and judge files as Thera does."""

import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it comes without stubs
from pydantic import BaseModel

from server.config import elsewhere, hooks, policies, repo_file, schema, server_file, workflows
from server.config.document import parse_yaml, plain
from server.config.loading import ConfigMistaken, keys_of, load

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs/reference"
PAGES = {"repo": REFERENCE / "repo-file.md", "server": REFERENCE / "server-file.md"}
FILES = {"repo": "thera.schema.json", "server": "repos.schema.json"}
EXAMPLES = [
    ("repo", "version: 3"),
    ("repo", "version: 3\nprojects:\nworkflows: {a: , b: {plan: {steps: }}}"),
    ("repo", "version: 3\nprojects: [{dir: a, autoplan: {when_modified: [x]}, repo_locks: {}, branch: /a/}]"),
    ("repo", "version: 3\nprojects: [{dir: a, terraform_version: v1.2.3, apply_requirements: [policies_passed]}]"),
    ("repo", "version: 3\npolicies: {a: {b: 1}}\nautodiscover: {mode: disabled, ignore_paths: [a]}"),
    ("repo", "version: 3\nworkflows: {w: {import: {steps: [init, {import: {extra_args: [a]}}, {run: x}]}}}"),
    ("repo", "version: 3\nworkflows: {w: {plan: {steps: [{env: {name: a, command: x, shell: b, shellArgs: [-c]}}]}}}"),
    ("repo", "version: 3\nworkflows: {w: {plan: {steps: [{multienv: {command: x, output: show}}]}}}"),
    ("repo", "version: 3\nworkflows: {w: {plan: {steps: [{run: {command: x, output: [hide, {filter_regex: a}]}}]}}}"),
    ("server", "repos: []"),
    ("server", "repos: [{id: /.*/, pre_workflow_hooks: [{run: x, shellArgs: -c, commands: plan}], lock_scope: repo}]"),
    (
        "server",
        "metrics: {statsd: {host: a, port: 1}}\nexternal_stores: {plan_store: {type: s3, s3: {bucket: b, region: r}}}",
    ),
    ("server", "policies: {policy_sets: [{name: a, path: /a, owners: {users: [x]}, approve_count: 2}]}"),
    ("server", "workflows: {default: {state_rm: {steps: [state_rm]}}}"),
]
BROKEN = [
    ("repo", "version: 2"),
    ("repo", "projects: []"),
    ("repo", "version: 3\nprojcts: []"),
    ("repo", "version: 3\nprojects: [{name: a}]"),
    ("repo", "version: 3\nprojects: [{dir: a, branch: main}]"),
    ("repo", "version: 3\nprojects: [{dir: a, plan_requirements: [policies_passed]}]"),
    ("repo", "version: 3\nprojects: [{dir: a, import_requirements: [x]}]"),
    ("repo", "version: 3\nautodiscover: {mode: never}"),
    ("repo", "version: 3\nautomerge: 3"),
    ("repo", "version: 3\nworkflows: {w: {import_: {steps: []}}}"),
    ("repo", "version: 3\nworkflows: {w: {plan: {steps: [plam]}}}"),
    ("repo", "version: 3\nworkflows: {w: {plan: {steps: [{init: {a: 1}}]}}}"),
    ("repo", "version: 3\nworkflows: {w: {plan: {steps: [{run: {output: show}}]}}}"),
    ("repo", "version: 3\nworkflows: {w: {plan: {steps: [{run: x, env: {name: a, value: b}}]}}}"),
    ("repo", "version: 3\nworkflows: {w: {plan: {steps: [{multienv: {command: x, output: strip_refreshing}}]}}}"),
    ("server", "repos: [{branch: /a/}]"),
    ("server", "repos: [{id: /a/, allowed_overrides: [workflows]}]"),
    ("server", "repos: [{id: /a/, pre_workflow_hooks: [{description: a}]}]"),
    ("server", "repos: [{id: /a/, pre_workflow_hooks: [{run: a, shell_args: -c}]}]"),
    ("server", "policies: {policy_sets: [{name: a}]}"),
    ("server", "metrics: {statsd: {host: a}}"),
]


def written(which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REFERENCE / "schemas" / FILES[which]).read_text(encoding="utf-8"))
    return found


def is_valid(which: str, text: str) -> bool:
    return bool(Draft202012Validator(written(which)).is_valid(plain(parse_yaml(text, file="f"), file="f")))


def examples_of(which: str) -> list[tuple[str, str]]:
    found = re.findall(r"```yaml\n(.*?)```", PAGES[which].read_text(encoding="utf-8"), flags=re.DOTALL)
    return [(which, text if which == "server" or "version: 3" in text else f"version: 3\n{text}") for text in found]


@pytest.mark.parametrize("which", FILES)
def test_a_schema_is_fresh(which: str) -> None:
    command = f"python -m server.config.schema {which} > docs/reference/schemas/{FILES[which]}"

    assert (REFERENCE / "schemas" / FILES[which]).read_text(encoding="utf-8") == schema.render(which), (
        f"run `{command}`"
    )


@pytest.mark.parametrize("which", FILES)
def test_a_schema_is_one(which: str) -> None:
    Draft202012Validator.check_schema(written(which))


@pytest.mark.parametrize(("which", "text"), [*EXAMPLES, *examples_of("repo"), *examples_of("server")])
def test_what_thera_reads_is_valid(which: str, text: str) -> None:
    load(schema.FILES[which][0], text, file="f")

    assert is_valid(which, text)


@pytest.mark.parametrize(("which", "text"), BROKEN)
def test_what_thera_refuses_is_not(which: str, text: str) -> None:
    with pytest.raises(ConfigMistaken):
        load(schema.FILES[which][0], text, file="f")

    assert not is_valid(which, text)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Callable[[], object]:
    monkeypatch.setattr("sys.argv", ["schema", *arguments])
    return lambda: runpy.run_path(str(ROOT / "server/config/schema.py"), run_name="__main__")


def test_a_schema_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "repo")()

    assert capsys.readouterr().out == schema.render("repo")


@pytest.mark.parametrize("arguments", [(), ("neither",)])
def test_another_word_is_answered_with_the_usage(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match=r"usage: python -m server.config.schema repo\|server"):
        run(monkeypatch, *arguments)()


@pytest.mark.parametrize(
    ("which", "model"),
    [
        ("repo", repo_file.RepoFile),
        ("repo", repo_file.Project),
        ("repo", repo_file.Autoplan),
        ("repo", repo_file.Autodiscover),
        ("repo", workflows.Workflow),
        ("server", server_file.ServerFile),
        ("server", server_file.RepoEntry),
        ("server", hooks.HookEntry),
        ("server", policies.PoliciesEntry),
        ("server", policies.PolicySetEntry),
        ("server", policies.Owners),
    ],
)
def test_every_key_has_a_place_on_its_page_and_a_word_in_the_schema(which: str, model: type[BaseModel]) -> None:
    page = PAGES[which].read_text(encoding="utf-8")

    assert [key for key in keys_of(model) if f"`{key}`" not in page] == []
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_what_is_without_effect_says_so() -> None:
    for model in (elsewhere.Statsd, elsewhere.Prometheus, elsewhere.S3):
        assert all("Without effect" in (field.description or "") for field in model.model_fields.values())
