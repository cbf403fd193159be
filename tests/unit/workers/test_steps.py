"""Custom steps: what they are given, what people see of them, and how they fail."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.test_execute_bench import INIT_AND_PLAN, ONE, Bench, plan_of
from workers.protocol.codec import encode
from workers.protocol.jobs import Assignment, Step, Version
from workers.protocol.results import Failure, FailureKind
from workers.steps.variables import DOCUMENTED

pytestmark = [pytest.mark.terraform, pytest.mark.usefixtures("terraform_binary")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def text_of(bench: Bench, *steps: Step, **more: Any) -> str:
    return bench.planned(plan_of(bench.pull({"prod/main.tf": ONE}), *INIT_AND_PLAN, *steps, **more)).text


def failure_of(bench: Bench, *steps: Step) -> Failure:
    failure = bench.do(plan_of(bench.pull({"prod/main.tf": ONE}), *steps)).failure
    assert failure is not None
    return failure


def run(command: str, *output: str, **more: Any) -> Step:
    return Step(name="run", command=command, output=output, **more)


def test_a_command_knows_its_project(bench: Bench) -> None:
    facts = "echo $WORKSPACE $REPO_REL_DIR $PULL_NUM; printenv COMMENT_ARGS"
    command = f"{facts}; test $DIR = $(pwd) && test -f $PLANFILE && echo ok"

    text = text_of(bench, run(command), environment={"PULL_NUM": "7"}, extra_args=("-lock=false",))

    assert "default prod 7\n" r"\-\l\o\c\k\=\f\a\l\s\e" in text
    assert text.endswith("ok")


def test_the_chosen_terraform_has_a_name_with_its_version(bench: Bench) -> None:
    assert "Terraform v" in text_of(bench, run("terraform$ATLANTIS_TERRAFORM_VERSION version"))


def test_every_documented_fact_has_both_names(bench: Bench) -> None:
    given = {
        name: f"<{name}>" for name in DOCUMENTED if name.startswith(("BASE", "HEAD", "PULL", "USER", "ATLANTIS_PR"))
    }
    command = "env -0 | tr '\\0' '\\n' | sort"

    lines = text_of(bench, run(command), environment=given).splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)

    for name in set(DOCUMENTED) - {"COMMAND_NAME", "COMMAND_HAS_ERRORS", "OUTPUT_STATUS_FILE"}:  # those of hooks
        assert found[f"THERA_{name.removeprefix('ATLANTIS_')}"] == found[name]
    assert {name: found[name] for name in given} == given
    assert found["THERA_DESTROY"] == found["DESTROY"] == "false"
    assert found["PATH"].endswith(str(bench.settings.data_dir / "bin"))


def test_a_setting_of_the_worker_is_no_fact(bench: Bench) -> None:
    bench.environment = {
        "THERA_WORKER_TOKEN": "w0rker-t0ken",
        "THERA_SECRET_KEY": "k3y-k3y-k3y",
        "ATLANTIS_TOKEN": "x-y-z-1",
    }

    text = text_of(bench, run("env | grep -E '^(THERA|ATLANTIS)_' | cut -d= -f1 | sort"))

    assert "THERA_WORKSPACE" in text
    for name in bench.environment:
        assert name not in text


def test_a_later_step_of_the_stage_sees_what_env_steps_set_above_all_facts(bench: Bench) -> None:
    steps = (
        Step(name="env", variable="WORKSPACE", value="mine"),
        Step(name="env", variable="SUM", command="printf '%s\\n\\n' $WORKSPACE"),
        Step(name="multienv", command="echo 'A=one,B=\"two, three\"'", output=("show",)),
    )

    text = text_of(bench, *steps, run("echo [$WORKSPACE] [$A] [$B]; printf '%s' \"$SUM\" | wc -l"))

    assert "Set: A, B" in text
    assert text.endswith("[mine] [one] [two, three]\n1")


def test_a_shell_may_be_chosen(bench: Bench) -> None:
    step = run("echo ${BASH_VERSION:+bash}", shell="bash", shell_args=("-eu", "-c"))  # noqa: S604  (a step's field)

    assert text_of(bench, step).endswith("bash")


def test_a_shell_that_is_not_there_is_said_to_be_missing(bench: Bench) -> None:
    failure = failure_of(bench, run("echo", shell="no-such-shell"))  # noqa: S604  (a step's field)

    assert failure.kind is FailureKind.STEP
    assert "no `no-such-shell` on this worker" in failure.summary


def test_a_failing_command_says_its_exit_status_and_shows_its_output(bench: Bench) -> None:
    failure = failure_of(bench, run("echo out; echo err >&2; exit 3", "hide"))

    assert failure.kind is FailureKind.STEP
    assert "exit status 3" in failure.summary
    assert failure.detail == "out\nerr"


def test_hidden_output_is_in_the_log_alone(bench: Bench) -> None:
    assert "quiet" not in text_of(bench, run("echo quiet", "hide"))
    assert "quiet" in bench.gateway.log("job-1")


@pytest.mark.parametrize("end", ["true", "exit 1"])
def test_what_a_filter_takes_out_stays_out_whether_or_not_it_fails(bench: Bench, end: str) -> None:
    step = run(f"echo key=abc123 end; {end}", "filter_regex:(key=)\\w+( end)")

    report = bench.do(plan_of(bench.pull({"prod/main.tf": ONE}), *INIT_AND_PLAN, step))

    assert "abc123" not in str(report.facts or report.failure).replace(step.command or "", "")
    assert "key=<redacted> end" in str(report.facts or report.failure)


def test_a_filter_that_cannot_be_read_lets_nothing_run(bench: Bench) -> None:
    failure = failure_of(bench, run("echo ran", "filter_regex:("))

    assert "not a regular expression" in failure.summary
    assert "ran" not in bench.gateway.log("job-1").replace("ranges", "")


def test_variables_reach_later_steps(bench: Bench) -> None:
    steps = (
        Step(name="env", variable="ONE", value="1"),
        Step(name="env", variable="TWO", command="echo two"),
        Step(name="multienv", command="echo 'THREE=3,FOUR=\"4,5\"'"),
        run("echo $ONE-$TWO-$THREE-$FOUR"),
    )

    assert text_of(bench, *steps).endswith("1-two-3-4,5")


def test_a_secret_that_a_command_prints_into_a_variable_is_masked(bench: Bench) -> None:
    steps = (Step(name="env", variable="DB_PASSWORD", command="echo hush-hush-hush"), run("echo $DB_PASSWORD"))

    assert text_of(bench, *steps).endswith("***")
    assert "hush-hush-hush" not in bench.gateway.log("job-1").replace("echo hush-hush-hush", "")


@pytest.mark.parametrize("printed", ["nonsense", "A=1,nonsense", 'A=\\"open', "1BAD=x"])
def test_what_is_no_list_of_variables_is_refused(bench: Bench, printed: str) -> None:
    assert failure_of(bench, Step(name="multienv", command=f'echo "{printed}"')).kind is FailureKind.STEP


def test_an_unknown_step_is_refused(bench: Bench) -> None:
    assert "does not know the step `fly`" in failure_of(bench, Step(name="fly")).summary


def test_a_workflow_that_saves_no_plan_fails(bench: Bench) -> None:
    assert "$PLANFILE" in failure_of(bench, run("true")).summary


def test_the_plan_s_json_is_there_for_later_steps(bench: Bench) -> None:
    assert text_of(bench, Step(name="show"), run("grep -c resource_changes $SHOWFILE")).endswith("1")


def test_a_lock_file_that_is_not_the_project_s_does_not_decide(bench: Bench) -> None:
    stray = 'provider "registry.example/none/none" {\n  version = "1.0.0"\n}\n'
    step = run(f"cat > .terraform.lock.hcl <<'X'\n{stray}X")

    facts = bench.planned(plan_of(bench.pull({"prod/main.tf": ONE}), step, *INIT_AND_PLAN))

    assert facts.changes.counts.add == 1


def test_a_project_may_change_its_backend_between_two_plans(bench: Bench, tmp_path: Path) -> None:
    for name in ("one", "two"):
        backend = f'terraform {{\n  backend "local" {{\n    path = "{tmp_path / name}.tfstate"\n  }}\n}}\n'
        bench.planned(plan_of(bench.pull({"prod/main.tf": ONE, "prod/backend.tf": backend})))


def test_one_assignment_can_be_done_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "assignment.json"
    file.write_text(encode(Assignment(job_id="j", attempt=1, run_id="r", work=Version())))

    done = subprocess.run(
        [sys.executable, "-m", "workers", "once", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )

    report = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, report["outcome"], report["facts"]["kind"]) == (0, "succeeded", "version")
