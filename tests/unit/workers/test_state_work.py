"""Import, state rm, and the destruction of a directory that a pull request deletes."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.test_execute_bench import ONE, Bench, apply_of, plan_of
from workers.protocol.jobs import Import, ProjectKey, StateRm, Step, Work
from workers.protocol.results import Action, ApplyFacts, FailureKind, ImportFacts, Outcome, Report, StateRmFacts

pytestmark = [pytest.mark.terraform, pytest.mark.usefixtures("terraform_binary")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def backend(tmp_path: Path) -> str:
    """Keep the state outside of the checkout, as a real backend does."""
    return f'terraform {{\n  backend "local" {{\n    path = "{tmp_path / "state"}"\n  }}\n}}\n'


def import_of(bench: Bench, backend: str, **more: Any) -> Import:
    work = Import(
        checkout=bench.pull({"prod/main.tf": ONE, "prod/backend.tf": backend}),
        project=ProjectKey(dir="prod"),
        steps=(Step(name="init"), Step(name="import")),
        address="terraform_data.one",
        id="some-id",
    )
    return replace(work, **more)


def remove(bench: Bench, backend: str, *addresses: str, **more: Any) -> StateRm:
    work = StateRm(
        checkout=bench.pull({"prod/main.tf": ONE, "prod/backend.tf": backend}),
        project=ProjectKey(dir="prod"),
        steps=(Step(name="init"), Step(name="state_rm")),
        addresses=addresses,
    )
    return replace(work, **more)


def done(bench: Bench, work: Work) -> Report:
    report = bench.do(work)
    assert report.outcome is Outcome.SUCCEEDED, report.failure
    return report


def in_state(tmp_path: Path) -> str:
    listed = subprocess.run(
        ["terraform", "state", "list", f"-state={tmp_path / 'state'}"], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()


def test_a_resource_is_imported_and_forgotten(bench: Bench, backend: str, tmp_path: Path) -> None:
    facts = done(bench, import_of(bench, backend)).facts

    assert isinstance(facts, ImportFacts)
    assert (facts.address, facts.id) == ("terraform_data.one", "some-id")
    assert "Import successful!" in facts.text
    assert in_state(tmp_path) == "terraform_data.one"

    removed = done(bench, remove(bench, backend, "terraform_data.one")).facts

    assert isinstance(removed, StateRmFacts)
    assert removed.addresses == ("terraform_data.one",)
    assert "Successfully removed 1 resource" in removed.text
    assert in_state(tmp_path) == ""


@pytest.mark.parametrize("id_", ["-help", "-var=x=1", "a b", "arn:aws:x/y"])
def test_an_id_is_an_id_whatever_it_looks_like(bench: Bench, backend: str, tmp_path: Path, id_: str) -> None:
    done(bench, import_of(bench, backend, id=id_))

    assert id_ in (tmp_path / "state").read_text()


@pytest.mark.parametrize("word", ["-v", "-version", "--version"])
def test_a_word_that_terraform_finds_everywhere_is_not_mistaken_for_an_import(
    bench: Bench, backend: str, word: str
) -> None:
    for more in ({"id": word}, {"extra_args": (word,)}):
        failure = bench.do(import_of(bench, backend, **more)).failure
        assert failure is not None
        assert "would print something about itself" in failure.summary


@pytest.mark.parametrize(
    "address",
    [
        "-help",
        "--version",
        "-target=x",
        "",
        "one",
        "terraform_data.one; rm -rf /",
        "a.b\n",
        "a.b[x]",
        'a.b["x]',
        "a.b c.d",
    ],
)
def test_what_is_no_address_never_becomes_an_argument(bench: Bench, backend: str, address: str) -> None:
    for work in (import_of(bench, backend, address=address), remove(bench, backend, address)):
        failure = bench.do(work).failure
        assert failure is not None
        assert "is not the address of a resource" in failure.summary


@pytest.mark.parametrize(
    "address",
    [
        "aws_x.y",
        "data.aws_x.y",
        "aws_x.y[0]",
        'aws_x.y["a b/c.d"]',
        'aws_x.y["with \\"quotes\\""]',
        "module.a.aws_x.y",
        'module.a["k"].module.b[1].aws_x.y-z_1[2]',
    ],
)
def test_every_form_of_address_gets_as_far_as_terraform(bench: Bench, backend: str, address: str) -> None:
    failure = bench.do(remove(bench, backend, address)).failure

    assert failure is not None
    assert failure.kind is FailureKind.TERRAFORM


def test_a_whole_module_may_be_forgotten(bench: Bench, backend: str) -> None:
    failure = bench.do(remove(bench, backend, "module.a")).failure

    assert failure is not None
    assert failure.kind is FailureKind.TERRAFORM


def test_an_import_has_the_variables_of_its_workspace_and_of_the_comment(bench: Bench, backend: str) -> None:
    code = 'variable "a" {}\nvariable "b" {}\n' + ONE
    files = {"prod/main.tf": code, "prod/backend.tf": backend, "prod/env/default.tfvars": 'a = "1"\n'}

    done(bench, import_of(bench, backend, checkout=bench.pull(files), extra_args=("-var", "b=2")))


@pytest.mark.parametrize("name", ["import", "state_rm"])
def test_outside_of_its_stage_a_step_has_nothing_to_work_on(bench: Bench, name: str) -> None:
    failure = bench.do(plan_of(bench.pull({"prod/main.tf": ONE}), Step(name=name))).failure

    assert failure is not None
    assert f"The step `{name}` belongs to the `{name}` stage" in failure.summary


def test_a_deleted_directory_is_destroyed_from_its_last_commit(bench: Bench, backend: str, tmp_path: Path) -> None:
    applied = bench.origin.commit({"prod/main.tf": ONE, "prod/backend.tf": backend})
    first = plan_of(bench.pull({"README.md": "x"}))
    bench.applied(apply_of(first, bench.planned(first)))
    pull = bench.origin.pull(8, {"prod/main.tf": None, "prod/backend.tf": None})

    work = plan_of(pull, destroy=True, at_commit=applied)
    facts = bench.planned(work)

    assert [(one.address, one.action) for one in facts.changes.resources] == [("terraform_data.one", Action.DELETE)]
    bench.applied(apply_of(work, facts, at_commit=applied))
    assert in_state(tmp_path) == ""


def test_without_that_commit_there_is_no_such_directory(bench: Bench) -> None:
    bench.origin.commit({"prod/main.tf": ONE})

    failure = bench.do(plan_of(bench.origin.pull(8, {"prod/main.tf": None}), destroy=True)).failure

    assert failure is not None
    assert "There is no directory `prod` at this commit" in failure.summary


def test_custom_steps_that_do_not_destroy_are_caught(bench: Bench) -> None:
    steps = (Step(name="init"), Step(name="run", command="terraform plan -out=$PLANFILE"))
    checkout = bench.pull({"prod/main.tf": ONE})

    failure = bench.do(plan_of(checkout, *steps, destroy=True)).failure

    assert failure is not None
    assert "were to plan destruction, and planned to create terraform_data.one" in failure.summary
    wise = 'terraform plan -out=$PLANFILE $(test "$THERA_DESTROY" = true && echo -destroy)'
    assert (
        bench.planned(plan_of(checkout, steps[0], Step(name="run", command=wise), destroy=True)).changes.counts.add == 0
    )


HALF = """\
    resource "terraform_data" "good" {}
    resource "terraform_data" "bad" {
      depends_on = [terraform_data.good]
      provisioner "local-exec" {
        command = "exit 1"
      }
    }
    """


def test_an_apply_that_fails_says_what_it_had_done(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": HALF}))

    report = bench.do(apply_of(work, bench.planned(work)))

    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    assert isinstance(report.facts, ApplyFacts)
    assert report.facts.completed == ("terraform_data.good",)


def test_an_apply_that_is_stopped_says_what_it_had_done(bench: Bench) -> None:
    slow = HALF.replace("exit 1", "sleep 60")
    work = plan_of(bench.pull({"prod/main.tf": slow}))
    ticket, thread = bench.in_background(apply_of(work, bench.planned(work)))
    bench.gateway.wait_for_log(ticket.job_id, "terraform_data.good: Creation complete")
    bench.gateway.cancelled.add(ticket.job_id)
    thread.join(60)

    report = bench.gateway.reports[ticket.job_id]

    assert report.outcome is Outcome.CANCELLED
    assert isinstance(report.facts, ApplyFacts)
    assert report.facts.completed == ("terraform_data.good",)


@pytest.mark.parametrize("word", ["-version", "-help"])
def test_an_apply_that_would_only_talk_is_none(bench: Bench, word: str) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))

    report = bench.do(apply_of(work, bench.planned(work), extra_args=(word,)))

    assert report.failure is not None
    assert "would print something about itself" in report.failure.summary


def test_an_apply_that_never_began_had_done_nothing(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))

    report = bench.do(apply_of(work, bench.planned(work), plan_digest="other"))

    assert report.facts is None


def test_a_failed_init_is_headed_by_what_is_wrong(bench: Bench) -> None:
    failure = bench.do(plan_of(bench.pull({"prod/main.tf": 'resource "terraform_data" "a" {\n  input =\n}\n'}))).failure

    assert failure is not None
    assert failure.summary == "Invalid expression"
    assert (failure.diagnostics[0].file, failure.diagnostics[0].line) == ("main.tf", 2)
    assert not any("encountered problems during" in one.summary for one in failure.diagnostics)


def test_the_same_without_colours(bench: Bench) -> None:
    code = 'resource "terraform_data" "a" {\n  input = local.nothing\n}\n'
    steps = (Step(name="init"), Step(name="run", command="terraform plan -no-color"))

    failure = bench.do(plan_of(bench.pull({"prod/main.tf": code}), *steps)).failure

    assert failure is not None
    assert failure.summary == "Reference to undeclared local value"
    assert (failure.diagnostics[0].file, failure.diagnostics[0].line) == ("main.tf", 2)


@pytest.mark.parametrize("written", ["-var=a=$WORKSPACE-${PULL_NUM}", "-var=a=${WORKSPACE}-$PULL_NUM$NOTHING"])
def test_variables_in_configured_arguments_are_filled_in(bench: Bench, written: str) -> None:
    code = 'variable "a" {}\noutput "a" {\n  value = var.a\n}\n'
    steps = (Step(name="init"), Step(name="plan", extra_args=(written,)))

    facts = bench.planned(plan_of(bench.pull({"prod/main.tf": code}), *steps, environment={"PULL_NUM": "7"}))

    assert facts.changes.outputs[0].after == '"default-7"'


def test_variables_in_a_comment_are_not(bench: Bench) -> None:
    code = 'variable "a" {}\noutput "a" {\n  value = var.a\n}\n'

    facts = bench.planned(plan_of(bench.pull({"prod/main.tf": code}), extra_args=("-var=a=$WORKSPACE",)))

    assert facts.changes.outputs[0].after == '"$WORKSPACE"'
