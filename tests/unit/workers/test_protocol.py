"""The contract between server and workers: its values survive the way, and a neighbouring version understands them."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from workers.protocol.codec import Malformed, decode, encode, from_data, to_data
from workers.protocol.jobs import (
    Apply,
    ArtifactRef,
    Assignment,
    Checkout,
    Discover,
    GitSource,
    Hook,
    Hooks,
    Import,
    Phase,
    Plan,
    PolicyCheck,
    PolicySet,
    ProjectKey,
    StateRm,
    Step,
    TerraformChoice,
    Version,
    Work,
    WorkerInfo,
)
from workers.protocol.results import (
    ApplyFacts,
    DiscoverFacts,
    Facts,
    HookFacts,
    HookResult,
    ImportFacts,
    Outcome,
    PlanFacts,
    PolicyFacts,
    PolicyMessage,
    PolicySetResult,
    Report,
    StateRmFacts,
    VersionFacts,
)

CHECKOUT = Checkout(
    host="github.example",
    repo="acme/infra",
    clone_url="https://github.example/acme/infra.git",
    head_sha="1" * 40,
    head_ref="refs/pull/7/head",
    base_sha="2" * 40,
    base_ref="main",
    pull_number=7,
    password="s3cr3t",
    ca_certificate="-----BEGIN CERTIFICATE-----",
)
KEY = ProjectKey(dir="prod", name="prod")
STEPS = (Step(name="init"), Step(name="run", command="x", shell_args=("-c",)))
REF = ArtifactRef(id="a", sha256="0" * 64, size=1)
PROJECT: dict[str, Any] = {
    "checkout": CHECKOUT,
    "project": KEY,
    "steps": STEPS,
    "generated": REF,
    "at_commit": "3" * 40,
}
SOURCE = GitSource(host="h", repo="r", clone_url="u", ref="main", password="s3cr3t")
WORK: tuple[Work, ...] = (
    Discover(checkout=CHECKOUT, hooks=(Hook(command="x"),), command="plan", extra_args=("-a",)),
    Plan(**PROJECT, destroy=True, terraform=TerraformChoice(version="1.5.7")),
    PolicyCheck(**PROJECT, plan=REF, plan_digest="d", policy_sets=(PolicySet(name="n", path="p", source=SOURCE),)),
    Apply(**PROJECT, plan=REF, plan_digest="d", environment={"A": "b"}),
    Import(**PROJECT, address="a.b", id="i"),
    StateRm(**PROJECT, addresses=("a.b", "c.d")),
    Hooks(checkout=CHECKOUT, hooks=(Hook(command="x", shell_args=("-c",)),), command="apply", has_errors=False),
    Version(),
)
SET = PolicySetResult(name="n", passed=False, messages=(PolicyMessage(severity="failure", message="m"),))
FACTS: tuple[Facts, ...] = (
    DiscoverFacts(head_sha="1", base_sha="2", hooks=(HookResult(label="l", passed=True),), generated=REF),
    PlanFacts(
        changes=from_data(
            PlanFacts, {"changes": {}, "digest": "", "artifact": to_data(REF), "terraform_version": ""}
        ).changes,
        digest="d",
        artifact=REF,
        terraform_version="1",
        remote=True,
        run_url="https://x",
    ),
    PolicyFacts(sets=(SET,), before="b"),
    ApplyFacts(completed=("a.b",)),
    ImportFacts(address="a.b", id="i"),
    StateRmFacts(addresses=("a.b",)),
    HookFacts(hooks=(HookResult(label="l", passed=False, status="s"),)),
    VersionFacts(terraform_version="1", distribution="opentofu"),
)


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.phase.value)
def test_every_kind_of_work_arrives_as_it_was_sent(work: Work) -> None:
    sent = Assignment(job_id="j", attempt=1, run_id="r", work=work)

    assert decode(Assignment, encode(sent)) == sent
    assert from_data(type(work), to_data(work)) == work


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts.kind)
def test_every_kind_of_facts_arrives_as_it_was_sent(facts: Facts) -> None:
    sent = Report(job_id="j", attempt=1, outcome=Outcome.FAILED, facts=facts)

    assert decode(Report, encode(sent)) == sent


def test_every_phase_has_its_work() -> None:
    assert {work.phase for work in WORK} == set(Phase)


def test_only_what_changes_the_world_is_never_repeated_by_a_machine() -> None:
    assert {phase for phase in Phase if phase.changes_the_world} == {Phase.APPLY, Phase.IMPORT, Phase.STATE_RM}


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.phase.value)
def test_no_secret_is_in_what_is_logged_of_work(work: Work) -> None:
    assert "s3cr3t" not in repr(work)
    assert "CERTIFICATE" not in repr(work)


def with_unknown(data: Any) -> Any:
    """Add to every object a field that nobody knows, as a later version would."""
    if isinstance(data, list):
        return [with_unknown(one) for one in data]
    if isinstance(data, dict):
        known = {
            key: value if key in {"environment", "module_calls"} else with_unknown(value) for key, value in data.items()
        }
        return {**known, "of_a_later_version": {"x": 1}}
    return data


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.phase.value)
def test_fields_of_a_later_version_are_passed_over(work: Work) -> None:
    sent = Assignment(job_id="j", attempt=1, run_id="r", work=work)

    assert decode(Assignment, json.dumps(with_unknown(to_data(sent)))) == sent


# What version 1 sent, before there were hooks, policies, imports and certificates.
OLD_CHECKOUT = {name: value for name, value in to_data(CHECKOUT).items() if name != "ca_certificate"}
OLD_WORK = (
    {"checkout": OLD_CHECKOUT, "config_files": ["thera.yaml"], "phase": "discover"},
    {"checkout": OLD_CHECKOUT, "project": to_data(KEY), "steps": [], "phase": "plan"},
    {
        "checkout": OLD_CHECKOUT,
        "project": to_data(KEY),
        "steps": [],
        "plan": to_data(REF),
        "plan_digest": "d",
        "phase": "apply",
    },
    {"terraform": {"version": None}, "phase": "version"},
)


@pytest.mark.parametrize("work", OLD_WORK, ids=lambda work: str(work["phase"]))
def test_work_of_the_version_before_is_understood(work: dict[str, Any]) -> None:
    text = json.dumps({"job_id": "j", "attempt": 1, "run_id": "r", "work": work, "protocol": 1})

    assert decode(Assignment, text).work.phase.value == work["phase"]


def test_a_worker_of_the_version_before_says_nothing_of_its_protocol() -> None:
    assert decode(WorkerInfo, '{"name": "w", "pool": "p", "version": "0.1"}').protocol == 1


def test_work_of_no_known_kind_is_refused() -> None:
    work = {"checkout": OLD_CHECKOUT, "phase": "dance"}

    with pytest.raises(Malformed):
        decode(Assignment, json.dumps({"job_id": "j", "attempt": 1, "run_id": "r", "work": work}))


def test_the_union_is_told_apart_by_its_phase_alone() -> None:
    adapter: TypeAdapter[Work] = TypeAdapter(Work)

    for work in WORK:
        assert type(adapter.validate_python(to_data(work))) is type(work)
