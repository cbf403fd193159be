"""Whole jobs, from ticket to report: what people get, what stays secret, and what happens when things go wrong."""

import hashlib
import io
import re
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.support.terraform import LAB_REQUIRED_PROVIDERS
from tests.unit.workers.test_execute_bench import INIT_AND_PLAN, ONE, Bench, apply_of, plan_of
from workers.execute import execute
from workers.protocol.jobs import Assignment, Discover, Step, Version
from workers.protocol.results import Action, DiscoverFacts, FailureKind, Outcome, VersionFacts

pytestmark = [pytest.mark.terraform, pytest.mark.usefixtures("terraform_binary")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def run(command: str, *output: str) -> Step:
    return Step(name="run", command=command, output=output)


def files_below(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def living(words: str) -> list[int]:
    return [one.pid for one in psutil.process_iter(["cmdline"]) if words in " ".join(one.info["cmdline"] or ())]


def within(seconds: float, fact: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_plan_reports_what_people_review(bench: Bench) -> None:
    facts = bench.planned(plan_of(bench.pull({"prod/main.tf": ONE})))

    assert [(one.address, one.action) for one in facts.changes.resources] == [("terraform_data.one", Action.CREATE)]
    assert facts.changes.counts.outputs == 1
    assert "Plan: 1 to add" in facts.text
    assert re.fullmatch(r"\d+\.\d+\.\d+", facts.terraform_version)
    assert "\x1b[" in bench.gateway.log("job-1")


def test_each_step_is_timed(bench: Bench) -> None:
    report = bench.do(plan_of(bench.pull({"prod/main.tf": ONE})))

    assert [name for name, _ in report.seconds] == ["checkout", "init", "plan", "show"]


def test_after_a_job_no_plan_lies_on_the_disk(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))
    bench.applied(apply_of(work, bench.planned(work)))

    left = [file.name for file in files_below(bench.settings.checkouts)]

    assert [name for name in left if "plan" in name or name == "terraform.tfstate"] == []


def test_a_second_plan_runs_at_the_same_place(bench: Bench) -> None:
    for head in ("one", "two"):
        bench.planned(plan_of(bench.pull({"prod/main.tf": ONE, "x": head}), *INIT_AND_PLAN, run("echo in $(pwd)")))

    places = re.findall(r"^in (.+)$", bench.gateway.log("job-1") + bench.gateway.log("job-2"), re.MULTILINE)

    assert len(places) == 2
    assert len(set(places)) == 1


def test_a_plan_is_applied_by_another_worker(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))
    facts = bench.planned(work)
    bench.worker = "two"

    assert bench.applied(apply_of(work, facts)).summary == "1 added, 0 changed, 0 destroyed"


def test_a_plan_of_another_workspace_is_applied_there(bench: Bench, tmp_path: Path) -> None:
    backend = f'terraform {{\n  backend "local" {{\n    workspace_dir = "{tmp_path / "spaces"}"\n  }}\n}}\n'
    work = plan_of(bench.pull({"prod/main.tf": ONE, "prod/backend.tf": backend}), workspace="staging")

    facts = bench.planned(work)
    bench.worker = "two"
    bench.applied(apply_of(work, facts))

    assert "hello" in (tmp_path / "spaces" / "staging" / "terraform.tfstate").read_text()


def test_an_apply_workflow_without_init_is_given_one(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))

    done = bench.applied(apply_of(work, bench.planned(work), Step(name="apply")))

    assert done.completed == ("terraform_data.one",)


def test_a_tampered_artifact_is_not_applied(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))
    facts = bench.planned(work)
    content = bytearray(bench.gateway.artifacts[facts.artifact.id])
    content[len(content) // 2] ^= 1
    bench.gateway.artifacts[facts.artifact.id] = bytes(content)

    report = bench.do(apply_of(work, facts))

    assert report.failure is not None
    assert report.failure.kind is FailureKind.STALE
    assert "altered" in report.failure.summary


def test_another_plan_than_the_reviewed_one_is_not_applied(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))
    reviewed = bench.planned(work)
    other = bench.planned(plan_of(bench.pull({"prod/main.tf": ONE.replace("hello", "evil")})))

    report = bench.do(apply_of(work, replace(reviewed, artifact=other.artifact)))

    assert report.failure is not None
    assert report.failure.kind is FailureKind.STALE
    assert "Apply complete" not in bench.gateway.log("job-3")


def test_a_step_that_swaps_the_plan_is_caught(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))
    facts = bench.planned(work)
    swap = run('echo \'resource "terraform_data" "evil" {}\' > evil.tf && terraform plan -out=$PLANFILE')

    report = bench.do(apply_of(work, facts, Step(name="init"), swap, Step(name="apply")))

    assert report.failure is not None
    assert report.failure.kind is FailureKind.STALE


def test_an_artifact_cannot_write_outside_of_its_places(bench: Bench, tmp_path: Path) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))
    facts = bench.planned(work)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("../../evil", str(tmp_path / "evil")):
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"evil"))
    planted = buffer.getvalue()
    bench.gateway.artifacts["planted"] = planted
    ref = replace(facts.artifact, id="planted", sha256=hashlib.sha256(planted).hexdigest())

    report = bench.do(apply_of(work, replace(facts, artifact=ref)))

    assert report.failure is not None
    assert report.failure.kind is FailureKind.STALE
    assert not list(tmp_path.rglob("evil"))


def test_a_target_belongs_to_the_plan(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))
    facts = bench.planned(work)

    report = bench.do(apply_of(work, facts, extra_args=("-target=terraform_data.one",)))

    assert report.failure is not None
    assert "-target" in report.failure.summary


def test_an_error_says_what_and_where(bench: Bench) -> None:
    report = bench.do(plan_of(bench.pull({"prod/main.tf": 'output "x" {\n  value = local.nothing\n}\n'})))

    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    first = report.failure.diagnostics[0]
    assert report.failure.summary == first.summary == "Reference to undeclared local value"
    assert (first.file, first.line) == ("main.tf", 2)


def test_secrets_of_the_environment_are_masked_wherever_they_appear(bench: Bench) -> None:
    secret = "wahrlich-geheim-17"
    bench.environment = {"DB_PASSWORD": secret}
    code = f"""\
        resource "terraform_data" "one" {{
          input = "{secret}"
          provisioner "local-exec" {{
            command = "echo leaking $DB_PASSWORD"
          }}
        }}
        output "leak" {{
          value = terraform_data.one.input
        }}
        """
    work = plan_of(bench.pull({"prod/main.tf": code}), *INIT_AND_PLAN, run("echo $DB_PASSWORD"))

    done = bench.applied(apply_of(work, bench.planned(work)))

    told = f"{bench.gateway.reports}{bench.gateway.pieces}{done}"
    assert secret not in told
    assert "leaking ***" in bench.gateway.log("job-2")


def test_sensitive_values_of_the_plan_are_masked_in_what_local_exec_prints(bench: Bench) -> None:
    code = """\
        variable "token" {
          sensitive = true
          default   = "streng-vertraulich"
        }
        resource "terraform_data" "one" {
          input = var.token
          provisioner "local-exec" {
            command = "echo leaking streng-vertraulich; echo $HIDDEN"
            environment = { HIDDEN = nonsensitive(var.token) }
          }
        }
        """
    work = plan_of(bench.pull({"prod/main.tf": code}))

    bench.applied(apply_of(work, bench.planned(work)))

    assert "streng-vertraulich" not in f"{bench.gateway.reports}{bench.gateway.pieces}"
    assert "leaking ***" in bench.gateway.log("job-2")


def test_the_worker_s_own_settings_reach_no_command(bench: Bench) -> None:
    bench.environment = {"THERA_WORKER_TOKEN": "very-secret-token"}

    bench.planned(plan_of(bench.pull({"prod/main.tf": ONE}), *INIT_AND_PLAN, run("env | sort")))

    assert "THERA_WORKER_TOKEN" not in bench.gateway.log("job-1")
    assert "ATLANTIS_TERRAFORM_VERSION=" in bench.gateway.log("job-1")


def test_the_worker_s_workspace_and_data_folder_are_not_the_project_s(bench: Bench, tmp_path: Path) -> None:
    bench.environment = {"TF_WORKSPACE": "mine", "TF_DATA_DIR": str(tmp_path / "mine")}

    bench.planned(plan_of(bench.pull({"prod/main.tf": ONE})))

    assert not (tmp_path / "mine").exists()


def test_a_cancel_stops_the_job_and_everything_it_started(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}), run("echo begun; (sleep 31.0625; true) | sleep 31.0625"))
    ticket, thread = bench.in_background(work)
    bench.gateway.wait_for_log(ticket.job_id, "begun")

    bench.gateway.cancelled.add(ticket.job_id)
    thread.join(10)

    assert bench.gateway.reports[ticket.job_id].outcome is Outcome.CANCELLED
    assert within(2, lambda: living("sleep 31.0625") == [])


def test_a_cancel_reaches_a_terraform_that_applies(bench: Bench) -> None:
    code = """\
        resource "terraform_data" "slow" {
          provisioner "local-exec" {
            command = "echo begun; exec sleep 31.125"
          }
        }
        """
    work = plan_of(bench.pull({"prod/main.tf": code}))
    facts = bench.planned(work)
    ticket, thread = bench.in_background(apply_of(work, facts))
    bench.gateway.wait_for_log(ticket.job_id, "begun")

    bench.gateway.cancelled.add(ticket.job_id)
    thread.join(20)

    assert bench.gateway.reports[ticket.job_id].outcome is Outcome.CANCELLED
    assert within(2, lambda: living("sleep 31.125") == [])


def test_a_fenced_job_stops_and_says_no_more(bench: Bench) -> None:
    ticket, thread = bench.in_background(plan_of(bench.pull({"prod/main.tf": ONE}), run("echo begun; sleep 31.25")))
    bench.gateway.wait_for_log(ticket.job_id, "begun")

    bench.gateway.fenced.add(ticket.job_id)
    thread.join(10)

    assert bench.gateway.reports == {}
    assert within(2, lambda: living("sleep 31.25") == [])


def test_a_worker_that_has_to_go_interrupts_its_job(bench: Bench) -> None:
    ticket, thread = bench.in_background(plan_of(bench.pull({"prod/main.tf": ONE}), run("echo begun; sleep 31.5")))
    bench.gateway.wait_for_log(ticket.job_id, "begun")

    bench.stopping.set()
    thread.join(10)

    failure = bench.gateway.reports[ticket.job_id].failure
    assert failure is not None
    assert failure.summary == "The worker was stopped"


def test_a_silent_step_stays_alive_by_its_heartbeats(bench: Bench) -> None:
    bench.planned(plan_of(bench.pull({"prod/main.tf": ONE}), *INIT_AND_PLAN, run("sleep 1")))

    assert bench.gateway.beats["job-1"] >= 5


def test_a_job_that_takes_too_long_is_stopped(bench: Bench) -> None:
    report = bench.do(plan_of(bench.pull({"prod/main.tf": ONE}), run("sleep 31.75")), seconds=1)

    assert report.failure is not None
    assert report.failure.kind is FailureKind.TIMEOUT
    assert living("sleep 31.75") == []


@pytest.mark.parametrize("call", ["claim", "append_log", "put_artifact", "report"])
def test_a_server_that_is_away_for_a_moment_is_waited_for(bench: Bench, call: str) -> None:
    bench.gateway.silent_for = {call: 3}

    bench.planned(plan_of(bench.pull({"prod/main.tf": ONE})))

    assert "Plan: 1 to add" in re.sub(r"\x1b\[\d*m", "", bench.gateway.log("job-1"))


def test_the_heart_beats_while_the_report_is_tried(bench: Bench) -> None:
    ticket, thread = bench.in_background(Version())
    thread.join(30)
    before = bench.gateway.beats.get(ticket.job_id, 0)
    bench.gateway.silent_for = {"report": 4}

    bench.do(Version())

    assert before <= 3
    assert bench.gateway.beats["job-2"] >= 2


def test_a_job_that_another_worker_has_is_left_alone(bench: Bench) -> None:
    work = plan_of(bench.pull({"prod/main.tf": ONE}))
    ticket = bench.ticket(work)
    bench.gateway.claims[ticket.job_id] = bench.gateway.claims.get(ticket.job_id)  # type: ignore[assignment]

    execute(ticket, bench.gateway, bench.settings)

    assert bench.gateway.reports == {}


def test_a_defect_is_reported_with_a_number_and_no_traceback(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret inner life")

    monkeypatch.setattr("workers.execute.project.plan", broken)

    report = bench.do(plan_of(bench.pull({"prod/main.tf": ONE})))

    assert report.failure is not None
    assert report.failure.kind is FailureKind.INTERNAL
    assert re.search(r"incident [0-9a-f]{12}", report.failure.summary)
    assert "inner life" not in str(report)


def test_a_discovery_is_done_through_the_same_door(bench: Bench) -> None:
    report = bench.do(Discover(checkout=bench.pull({"prod/main.tf": ONE, "atlantis.yaml": "version: 3\n"})))

    assert isinstance(report.facts, DiscoverFacts)
    assert report.facts.module_dirs == ("prod",)
    assert report.facts.config_files == {"atlantis.yaml": "version: 3\n"}


def test_a_worker_says_which_terraform_it_has(bench: Bench) -> None:
    facts = bench.do(Version()).facts

    assert isinstance(facts, VersionFacts)
    assert facts.distribution == "terraform"


def test_a_missing_terraform_is_one_clear_line(bench: Bench, tmp_path: Path) -> None:
    work = replace(plan_of(bench.pull({"prod/main.tf": ONE, "prod/.terraform-version": "0.0.1\n"})))

    report = bench.do(work)

    assert report.failure is not None
    assert report.failure.kind is FailureKind.BINARY
    assert "terraform 0.0.1" in report.failure.summary
    assert "THERA_TERRAFORM_DOWNLOAD_URL" in report.failure.summary
    assert "\n" not in report.failure.summary.replace(str(tmp_path), "")


def test_a_project_outside_of_the_repository_is_refused(bench: Bench) -> None:
    report = bench.do(plan_of(bench.pull({"prod/main.tf": ONE}), directory="../../etc"))

    assert report.failure is not None
    assert report.failure.kind is FailureKind.SOURCE


def test_jobs_share_a_provider_cache_without_harm(bench: Bench, lab_cli_config: Path) -> None:
    bench.environment = {"TF_CLI_CONFIG_FILE": str(lab_cli_config)}
    code = LAB_REQUIRED_PROVIDERS + 'resource "lab_thing" "x" {\n  path = "x"\n}\n'
    checkout = bench.pull({f"p{number}/main.tf": code for number in range(6)})

    jobs = [bench.in_background(plan_of(checkout, directory=f"p{number}")) for number in range(6)]
    for _, thread in jobs:
        thread.join(120)

    outcomes = {ticket.job_id: bench.gateway.reports[ticket.job_id] for ticket, _ in jobs}
    assert [report.failure for report in outcomes.values()] == [None] * 6
    assert list((bench.settings.cache_dir / "plugins").rglob("linux_*"))


def test_an_assignment_of_another_attempt_is_not_taken(bench: Bench) -> None:
    ticket = bench.gateway.add(Assignment(job_id="job-9", attempt=2, run_id="run-1", work=Version()))

    execute(replace(ticket, attempt=1), bench.gateway, bench.settings)

    assert bench.gateway.reports == {}
    assert threading.active_count() < 10
