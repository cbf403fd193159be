"""Plans that Terraform Cloud or Enterprise keeps, played by a small program that speaks as Terraform does there."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.unit.workers.test_execute_bench import INIT_AND_APPLY, Bench, apply_of, plan_of
from workers.protocol.jobs import PolicyCheck, Step
from workers.protocol.results import Action, ApplyFacts, FailureKind, Outcome, PolicyFacts
from workers.terraform.remote_plan import cannot_save, planned, summary

PLANNED = """\
Terraform used the selected providers to generate the following execution
plan. Resource actions are indicated with the following symbols:
  + create
  ~ update in-place

Terraform will perform the following actions:

  # null_resource.a will be created
  + resource "null_resource" "a" {
      + id = (known after apply)
    }

  # module.m["k"].aws_x.b will be updated in-place
  ~ resource "aws_x" "b" {
        name = "b"
    }

  # aws_y.c[0] must be replaced
-/+ resource "aws_y" "c" {
    }

Plan: 2 to add, 1 to change, 1 to destroy.

Changes to Outputs:
  + one = "x"
"""
BEFORE = """\
Running {verb} in Terraform Cloud. Output will stream here. Pressing Ctrl-C
will stop streaming the logs, but will not stop the {verb} running remotely.

Preparing the remote {verb}...

To view this run in a browser, visit:
https://app.terraform.io/app/acme/infra/runs/run-{number}

Waiting for the {verb} to start...

Terraform v1.5.7
on linux_amd64
null_resource.z: Refreshing state... [id={number}]

"""
PROGRAM = """\
#!{python}
import json, os, sys, pathlib
here = pathlib.Path({here!r})
verb, words = sys.argv[1], sys.argv[2:]
count = len((here / "calls").read_text().splitlines()) if (here / "calls").exists() else 0
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
before = {before!r}.format(verb=verb, number=count)
text = (here / f"{{verb}}.txt").read_text() if (here / f"{{verb}}.txt").exists() else ""
if verb == "version":
    print('{{"terraform_version": "1.5.7"}}')
elif verb == "plan":
    if any(word.startswith("-out") for word in words):
        sys.exit("Error: Saving a generated plan is currently not supported\\n\\nThe \\"remote\\" backend does not "
                 "support saving the generated execution plan\\nlocally at this time.")
    print(before + text, flush=True)
elif verb == "apply":
    print(before + text)
    if "Plan:" in text:
        print('Do you want to perform these actions in workspace "infra"?')
        print("  Terraform will perform the actions described above.\\n  Only 'yes' will be accepted to approve.\\n")
        print("  Enter a value: ", end="", flush=True)
        if sys.stdin.readline() != "yes\\n":
            sys.exit("\\nError: Apply discarded.")
    print("\\n\\nnull_resource.a: Creation complete after 0s\\n")
    print("Apply complete! Resources: 2 added, 1 changed, 1 destroyed.")
elif verb == "output":
    print("{{}}")
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "cloud"
    folder.mkdir()
    program = folder / "terraform"
    program.write_text(PROGRAM.format(python=sys.executable, here=str(folder), before=BEFORE))
    program.chmod(0o755)
    bench = Bench(tmp_path, environment={"PATH": f"{folder}:{os.environ['PATH']}"})
    says(bench, plan=PLANNED, apply=PLANNED)
    return bench


def says(bench: Bench, **texts: str) -> None:
    for verb, text in texts.items():
        (bench.folder / "cloud" / f"{verb}.txt").write_text(text)


def calls(bench: Bench, verb: str) -> list[list[str]]:
    lines = (bench.folder / "cloud" / "calls").read_text().splitlines()
    return [words[1:] for line in lines if (words := json.loads(line))[0] == verb]


def test_a_plan_that_cannot_be_saved_is_kept_as_its_text(bench: Bench) -> None:
    facts = bench.planned(plan_of(bench.pull({"prod/main.tf": ""}), extra_args=("-var=a=b",)))

    assert facts.remote
    assert facts.run_url == "https://app.terraform.io/app/acme/infra/runs/run-3"
    assert facts.text.startswith("Terraform used the selected providers")
    assert "Refreshing state" not in facts.text
    assert [(one.address, one.type, one.action) for one in facts.changes.resources] == [
        ("null_resource.a", "null_resource", Action.CREATE),
        ('module.m["k"].aws_x.b', "aws_x", Action.UPDATE),
        ("aws_y.c[0]", "aws_y", Action.REPLACE),
    ]
    counts = facts.changes.counts
    assert (counts.add, counts.change, counts.replace, counts.destroy, counts.outputs) == (1, 1, 1, 0, 1)
    saving, plain = calls(bench, "plan")
    assert [word for word in saving if word.startswith("-out")]
    assert plain == ["-input=false", "-refresh=true", "-var=a=b", "-no-color"]


def test_it_is_applied_if_it_is_still_the_same(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ""}))
    facts = bench.planned(work)

    done = bench.applied(apply_of(work, facts))

    assert done.summary == "2 added, 1 changed, 1 destroyed"
    assert done.completed == ("null_resource.a",)
    assert done.text.startswith("null_resource.a: Creation complete")
    assert done.run_url == facts.run_url
    assert calls(bench, "apply") == [["-input=false", "-no-color"]]


def test_it_is_not_applied_if_it_is_another_by_now(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ""}))
    facts = bench.planned(work)
    says(bench, apply=PLANNED.replace("null_resource.a", "null_resource.other"))

    report = bench.do(apply_of(work, facts))

    assert report.failure is not None
    assert report.failure.kind is FailureKind.STALE
    assert "null_resource.a " in report.failure.detail
    assert "null_resource.other" in report.failure.detail
    assert "Apply complete" not in bench.gateway.log("job-2")


def test_nobody_may_skip_the_comparison(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ""}))

    report = bench.do(apply_of(work, bench.planned(work), extra_args=("-auto-approve",)))

    assert report.failure is not None
    assert "nobody would compare" in report.failure.summary
    assert calls(bench, "apply") == []


def test_a_text_that_was_swapped_is_not_applied(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ""}))
    report = bench.do(apply_of(work, bench.planned(work), plan_digest="other"))

    assert report.failure is not None
    assert report.failure.kind is FailureKind.STALE
    assert calls(bench, "apply") == []


def test_a_plan_without_changes_asks_nothing(bench: Bench) -> None:
    says(bench, plan="No changes. Your infrastructure matches the configuration.\n", apply="No changes. Nothing.\n")
    work = plan_of(bench.pull({"prod/main.tf": ""}))
    facts = bench.planned(work)

    assert facts.changes.counts.is_empty
    report = bench.do(apply_of(work, facts))
    assert report.outcome is Outcome.SUCCEEDED
    assert isinstance(report.facts, ApplyFacts)


def test_an_output_without_a_plan_is_an_error(bench: Bench) -> None:
    says(bench, plan="something else entirely")

    report = bench.do(plan_of(bench.pull({"prod/main.tf": ""})))

    assert report.failure is not None
    assert "cannot be found in its output" in report.failure.summary


def test_a_destruction_is_planned_and_applied_as_one(bench: Bench) -> None:
    actions = "Terraform will perform the following actions:\n\n  # aws_x.a will be destroyed\n\n"
    text = f"{actions}Plan: 0 to add, 0 to change, 1 to destroy.\n"
    says(bench, plan=text, apply=text)
    work = plan_of(bench.pull({"prod/main.tf": ""}), destroy=True)

    bench.applied(apply_of(work, bench.planned(work)))

    assert all("-destroy" in words for words in (*calls(bench, "plan"), *calls(bench, "apply")))


def test_policies_are_not_asked_about_it_and_the_facts_say_so(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ""}))
    facts = bench.planned(work)

    report = bench.do(
        PolicyCheck(
            checkout=work.checkout,
            project=work.project,
            steps=(Step(name="show"), Step(name="policy_check")),
            plan=facts.artifact,
            plan_digest=facts.digest,
        )
    )

    assert isinstance(report.facts, PolicyFacts)
    assert "keeps this plan" in report.facts.skipped
    assert report.facts.sets == ()


def test_a_custom_step_may_show_it(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ""}))
    steps = (INIT_AND_APPLY[0], Step(name="show"), Step(name="apply"))

    bench.applied(apply_of(work, bench.planned(work), *steps))

    assert "There is no JSON of a plan" in bench.gateway.log("job-2")


@pytest.mark.parametrize(
    "words",
    [
        "Error: Saving a generated plan is currently not supported\n\nThe remote backend ...",
        "Error: Saving a generated plan is currently not supported!\n",
        "│ Error: Saving a generated plan is currently not\n supported",
    ],
)
def test_the_refusal_is_known_in_its_wordings(words: str) -> None:
    assert cannot_save(words.replace("│", ""))


def test_what_differs_from_run_to_run_is_left_out() -> None:
    one, two = (BEFORE.format(verb="plan", number=number) + PLANNED + "\n\nReleasing state lock" for number in (1, 2))

    assert planned(one) == planned(two)
    assert planned(one).endswith('+ one = "x"')


def test_a_text_without_totals_counts_nothing() -> None:
    assert summary("Changes to Outputs:\n  + a = 1").counts.outputs == 1
    assert summary("").counts.is_empty
