"""A bench for whole jobs: a real repository, a gateway in memory, real Terraform."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.support.gateway import MemoryGateway
from tests.unit.workers.test_git_origin import Origin
from workers.execute import execute
from workers.protocol.jobs import Apply, Assignment, Checkout, Plan, ProjectKey, Step, Ticket, Work
from workers.protocol.results import ApplyFacts, Outcome, PlanFacts, Report
from workers.settings import WorkerSettings

INIT_AND_PLAN = (Step(name="init"), Step(name="plan"))
INIT_AND_APPLY = (Step(name="init"), Step(name="apply"))
ONE = """\
    resource "terraform_data" "one" {
      input = "hello"
    }
    output "greeting" {
      value = terraform_data.one.output
    }
    """


@dataclass
class Bench:
    """Everything that one worker needs, and short words for what tests do with it."""

    folder: Path
    gateway: MemoryGateway = field(default_factory=MemoryGateway)
    environment: Mapping[str, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    worker: str = "one"
    numbers: int = 0
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.origin = Origin.at(self.folder / "origin")
        self.origin.commit({"README.md": "hello"})

    @property
    def settings(self) -> WorkerSettings:
        usual = WorkerSettings(
            data_dir=self.folder / "data",
            checkout_dir=self.folder / f"checkouts-{self.worker}",
            name=self.worker,
            heartbeat=timedelta(seconds=0.1),
            environment={**os.environ, **self.environment},
        )
        return replace(usual, **self.changes)

    def pull(self, files: Mapping[str, str], number: int = 7) -> Checkout:
        return self.origin.pull(number, {name: dedent(text) for name, text in files.items()})

    def ticket(self, work: Work, *, seconds: int = 120) -> Ticket:
        self.numbers += 1
        job = f"job-{self.numbers}"
        return self.gateway.add(Assignment(job_id=job, attempt=1, run_id="run-1", work=work, timeout_seconds=seconds))

    def do(self, work: Work, *, seconds: int = 120) -> Report:
        ticket = self.ticket(work, seconds=seconds)
        execute(ticket, self.gateway, self.settings, stopping=self.stopping)
        return self.gateway.reports[ticket.job_id]

    def planned(self, work: Plan) -> PlanFacts:
        report = self.do(work)
        assert report.outcome is Outcome.SUCCEEDED, report.failure
        assert isinstance(report.facts, PlanFacts)
        return report.facts

    def applied(self, work: Apply) -> ApplyFacts:
        report = self.do(work)
        assert report.outcome is Outcome.SUCCEEDED, report.failure
        assert isinstance(report.facts, ApplyFacts)
        return report.facts

    def in_background(self, work: Work) -> tuple[Ticket, threading.Thread]:
        ticket = self.ticket(work)
        arguments = {"stopping": self.stopping}
        thread = threading.Thread(target=execute, args=(ticket, self.gateway, self.settings), kwargs=arguments)
        thread.start()
        return ticket, thread


def plan_of(checkout: Checkout, *steps: Step, directory: str = "prod", workspace: str = "default", **more: Any) -> Plan:
    key = ProjectKey(dir=directory, workspace=workspace)
    return Plan(checkout=checkout, project=key, steps=steps or INIT_AND_PLAN, **more)


def apply_of(plan: Plan, facts: PlanFacts, *steps: Step, **more: Any) -> Apply:
    work = Apply(
        checkout=plan.checkout,
        project=plan.project,
        steps=steps or INIT_AND_APPLY,
        plan=facts.artifact,
        plan_digest=facts.digest,
        environment=plan.environment,
    )
    return replace(work, **more)


@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_a_bench_plans_and_applies(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    work = plan_of(bench.pull({"prod/main.tf": ONE}))

    facts = bench.planned(work)
    done = bench.applied(apply_of(work, facts))

    assert facts.changes.counts.add == 1
    assert done.summary == "1 added, 0 changed, 0 destroyed"
    assert done.outputs == {"greeting": '"hello"'}
    assert done.completed == ("terraform_data.one",)
