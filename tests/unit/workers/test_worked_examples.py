"""The examples of the how-to pages, run as they stand there; small programs play `terragrunt` and `terramate`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.unit.workers.test_execute_bench import ONE, Bench, apply_of, plan_of
from workers.policy.vetting import ALLOWED
from workers.protocol.jobs import Discover, Hook, PolicyCheck, PolicySet, Step
from workers.protocol.results import Action, DiscoverFacts, Outcome, PolicyFacts

DOCS = Path(__file__).parents[3] / "docs" / "how-to"
# Runs Terraform where Terragrunt does: in a copy of the module, below .terragrunt-cache.
TERRAGRUNT = """\
#!/bin/sh
set -eu
source=$(sed -n 's/.*source *= *"\\(.*\\)".*/\\1/p' terragrunt.hcl)
mkdir -p .terragrunt-cache/x
cp "$source"/*.tf .terragrunt-cache/x/
cd .terragrunt-cache/x
test -d .terraform || "$TG_TF_PATH" init -input=false >&2
exec "$TG_TF_PATH" "$@"
"""
# Writes a stack's code, as `terramate generate` does, or runs a command in it.
TERRAMATE = """\
#!/bin/sh
set -eu
case "$1" in
generate)
  changed=0
  for stack in */stack.tm.hcl; do
    file="$(dirname "$stack")/_generated.tf"
    text='resource "terraform_data" "generated" { input = "by terramate" }'
    test -f "$file" && test "$(cat "$file")" = "$text" || { echo "$text" > "$file"; changed=2; }
  done
  test "${2-}" != --detailed-exit-code || exit $changed
  ;;
run)
  while test "$1" != --; do shift; done
  shift
  exec "$@"
  ;;
esac
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("terragrunt", TERRAGRUNT), ("terramate", TERRAMATE)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return Bench(tmp_path, environment={"PATH": f"{folder}:{os.environ['PATH']}"})


def examples(page: str) -> list[dict[str, Any]]:
    """Read the YAML of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [YAML(typ="safe").load(block) for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)]


def steps_of(stage: Mapping[str, Any]) -> tuple[Step, ...]:
    """Write a stage's steps as the server hands them to workers."""
    found = []
    for entry in stage["steps"]:
        ((name, body),) = entry.items() if isinstance(entry, dict) else ((entry, {}),)
        fields = {"command": body} if isinstance(body, str) else dict(body)
        found.append(
            Step(
                name=name,
                command=fields.get("command"),
                output=(fields["output"],) if "output" in fields else (),
                variable=fields.get("name"),
                value=fields.get("value"),
                extra_args=tuple(fields.get("extra_args", ())),
            )
        )
    return tuple(found)


def hooks_of(example: Mapping[str, Any]) -> tuple[Hook, ...]:
    return tuple(
        Hook(command=hook["run"], description=hook["description"]) for hook in example["repos"][0]["pre_workflow_hooks"]
    )


LIVE = {
    "modules/one/main.tf": ONE,
    "live/prod/terragrunt.hcl": 'terraform {\n  source = "../../modules/one"\n}\n',
}


@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_terragrunt_plans_is_checked_and_applies(bench: Bench) -> None:
    workflow = examples("terragrunt.md")[0]["workflows"]["terragrunt"]
    policies = bench.folder / "policies"
    policies.mkdir()
    rules = "warn contains change.address if { some change in input.resource_changes }\ndeny contains 1 if false"
    (policies / "main.rego").write_text(f"package main\n{rules}\n")
    work = plan_of(bench.pull(LIVE), *steps_of(workflow["plan"]), directory="live/prod")

    facts = bench.planned(work)
    bench.worker = "two"
    check = PolicyCheck(
        checkout=work.checkout,
        project=work.project,
        steps=steps_of(workflow["policy_check"]),
        plan=facts.artifact,
        plan_digest=facts.digest,
        policy_sets=(PolicySet(name="all", path=str(policies)),),
        engine="embedded",
    )
    report = bench.do(check)
    done = bench.applied(apply_of(work, facts, *steps_of(workflow["apply"])))

    assert [(one.address, one.action) for one in facts.changes.resources] == [("terraform_data.one", Action.CREATE)]
    assert "Plan: 1 to add" in facts.text
    assert isinstance(report.facts, PolicyFacts), report.failure
    assert [(one.passed, one.messages[0].message) for one in report.facts.sets] == [(True, "terraform_data.one")]
    assert done.summary == "1 added, 0 changed, 0 destroyed"
    assert done.completed == ("terraform_data.one",)


@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_terragrunt_destroys_as_the_page_says(bench: Bench) -> None:
    workflow = examples("terragrunt.md")[0]["workflows"]["terragrunt"]
    shell = re.findall(r"```sh\n(.*?)\n```", (DOCS / "terragrunt.md").read_text(encoding="utf-8"), flags=re.DOTALL)[0]
    steps = [
        Step(name="run", command=shell) if step.command and step.command.startswith("terragrunt plan") else step
        for step in steps_of(workflow["plan"])
    ]

    facts = bench.planned(plan_of(bench.pull(LIVE), *steps, directory="live/prod", destroy=True))

    assert facts.changes.counts.is_empty  # there was nothing, and nothing is made


@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_a_branch_cannot_show_another_plan_than_the_built_in_step_made(bench: Bench) -> None:
    lie = Step(name="run", command='echo \'{"format_version": "1", "resource_changes": []}\' > $SHOWFILE')
    steps = (Step(name="init"), Step(name="plan"), lie)

    assert bench.planned(plan_of(bench.pull({"prod/main.tf": ONE}), *steps)).changes.counts.add == 1


STACKS = {"stack/stack.tm.hcl": "stack {}\n"}


@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_terramate_generates_before_the_discovery(bench: Bench) -> None:
    generating, workflows = examples("terramate.md")[1:]
    workflow = workflows["workflows"]["terramate"]
    found = bench.do(Discover(checkout=bench.pull(STACKS), hooks=hooks_of(generating), include_untracked=True))
    assert isinstance(found.facts, DiscoverFacts), found.failure
    bench.worker = "two"

    work = plan_of(bench.pull(STACKS), *steps_of(workflow["plan"]), directory="stack", generated=found.facts.generated)
    facts = bench.planned(work)
    done = bench.applied(apply_of(work, facts, *steps_of(workflow["apply"]), generated=found.facts.generated))

    assert found.facts.module_dirs == ("stack",)
    assert "stack/_generated.tf" in found.facts.changed_files
    assert facts.changes.resources[0].address == "terraform_data.generated"
    assert done.completed == ("terraform_data.generated",)


def test_terramate_says_when_generated_code_is_out_of_date(bench: Bench) -> None:
    hooks = hooks_of(examples("terramate.md")[0])

    report = bench.do(Discover(checkout=bench.pull(STACKS), hooks=hooks))

    assert report.outcome is Outcome.SUCCEEDED
    assert isinstance(report.facts, DiscoverFacts)
    assert [(one.label, one.passed) for one in report.facts.hooks] == [("generated code is up to date", False)]


def test_the_page_lists_the_built_ins_that_the_embedded_engine_may_use() -> None:
    page = (DOCS / "policy-checks.md").read_text(encoding="utf-8")
    row = re.search(r"^\| built-in functions \| (.*) \|$", page, flags=re.MULTILINE)

    assert row
    assert set(re.findall(r"`([^`]+)`", row[1])) == ALLOWED
