"""Policy checks as jobs: from the saved plan to a verdict for every set."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.test_execute_bench import ONE, Bench, plan_of
from tests.unit.workers.test_git_origin import Origin
from workers.protocol.jobs import Checkout, GitSource, Plan, PolicyCheck, PolicySet, Step
from workers.protocol.results import Failure, FailureKind, Outcome, PlanFacts, PolicyFacts

pytestmark = [pytest.mark.terraform, pytest.mark.usefixtures("terraform_binary")]

STEPS = (Step(name="show"), Step(name="policy_check"))
NO_HELLO = """\
package main

import rego.v1

deny contains msg if {
    some change in input.resource_changes
    change.change.after.input == "hello"
    msg := sprintf("%s says hello", [change.address])
}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "main.rego").write_text(NO_HELLO)
    return Bench(tmp_path)


def check_of(plan: Plan, facts: PlanFacts, *sets: PolicySet, **more: Any) -> PolicyCheck:
    work = PolicyCheck(
        checkout=plan.checkout,
        project=plan.project,
        steps=STEPS,
        plan=facts.artifact,
        plan_digest=facts.digest,
        policy_sets=sets,
        engine="embedded",
    )
    return replace(work, **more)


def checked(
    bench: Bench, *sets: PolicySet, code: str = ONE, files: dict[str, str] | None = None, **more: Any
) -> PolicyFacts:
    plan = plan_of(bench.pull({"prod/main.tf": code, **(files or {})}))
    report = bench.do(check_of(plan, bench.planned(plan), *sets, **more))
    assert report.outcome is Outcome.SUCCEEDED, report.failure
    assert isinstance(report.facts, PolicyFacts)
    return report.facts


def failed(bench: Bench, *sets: PolicySet, **more: Any) -> Failure:
    plan = plan_of(bench.pull({"prod/main.tf": ONE}))
    failure = bench.do(check_of(plan, bench.planned(plan), *sets, **more)).failure
    assert failure is not None
    return failure


def local(bench: Bench, **more: Any) -> PolicySet:
    return PolicySet(name="hello", path=str(bench.folder / "policies"), **more)


def test_each_set_has_its_verdict(bench: Bench) -> None:
    (bench.folder / "other").mkdir()
    (bench.folder / "other" / "a.rego").write_text('package main\nwarn contains "hm"\ndeny contains "x" if false\n')

    facts = checked(bench, local(bench), PolicySet(name="other", path=str(bench.folder / "other")))

    assert [(one.name, one.passed, one.failures, one.warnings) for one in facts.sets] == [
        ("hello", False, 1, 0),
        ("other", True, 0, 1),
    ]
    assert facts.sets[0].messages[0].message == "terraform_data.one says hello"
    assert facts.engine == "the embedded engine"
    assert "terraform_data.one says hello" in bench.gateway.log("job-2")


def test_a_plan_that_keeps_to_the_policy_passes(bench: Bench) -> None:
    assert checked(bench, local(bench), code=ONE.replace("hello", "goodbye")).sets[0].passed


@pytest.mark.parametrize("path", ["policies", "../policies", "."])
def test_a_branch_cannot_bring_its_own_policies(bench: Bench, path: str) -> None:
    files = {"policies/main.rego": "package main\n", "prod/policies/main.rego": "package main\n"}

    found = checked(bench, PolicySet(name="mine", path=path), files=files).sets[0]

    assert not found.passed
    assert "lies in the checkout" in found.error


def test_a_branch_cannot_bring_them_by_a_link_either(bench: Bench) -> None:
    plan = plan_of(bench.pull({"prod/main.tf": ONE, "prod/policies/main.rego": "package main\n"}))
    facts = bench.planned(plan)
    link = bench.folder / "link"
    place = next(one for one in (bench.settings.checkouts / "checkouts").glob("*/*prod*") if one.is_dir())
    link.symlink_to(place / "prod" / "policies")

    report = bench.do(check_of(plan, facts, PolicySet(name="mine", path=str(link))))

    assert isinstance(report.facts, PolicyFacts)
    assert "lies in the checkout" in report.facts.sets[0].error


def test_unless_the_servers_file_wants_it(bench: Bench) -> None:
    files = {"policies/main.rego": NO_HELLO}

    found = checked(bench, PolicySet(name="mine", path="../policies", from_checkout=True), files=files).sets[0]

    assert (found.error, found.failures) == ("", 1)


def test_policies_that_are_not_there_do_not_pass(bench: Bench) -> None:
    found = checked(bench, PolicySet(name="gone", path="/nowhere/policies")).sets[0]

    assert not found.passed
    assert "there is nothing at `/nowhere/policies`" in found.error


@pytest.fixture
def policies(bench: Bench) -> Origin:
    origin = Origin.at(bench.folder / "policy-origin")
    origin.commit({"rules/main.rego": NO_HELLO})
    return origin


def git(policies: Origin, **more: Any) -> PolicySet:
    url = f"file://{policies.path}"
    source = GitSource(host="github.example", repo="acme/policies", clone_url=url, ref="main")
    return PolicySet(name="shared", path="rules", source=replace(source, **more))


def test_policies_may_come_from_a_repository_of_their_own(bench: Bench, policies: Origin) -> None:
    found = checked(bench, git(policies)).sets[0]

    assert (found.error, found.failures) == ("", 1)
    assert found.revision == policies.git("rev-parse", "main")


def test_a_tag_or_a_commit_of_theirs_may_be_named(bench: Bench, policies: Origin) -> None:
    first = policies.git("rev-parse", "main")
    policies.git("tag", "-a", "v1", "-m", "v1")
    policies.commit({"rules/main.rego": 'package main\nwarn contains "w"\n'})

    sets = checked(bench, git(policies, ref="v1"), git(policies, commit=first), git(policies)).sets

    assert [one.revision == first for one in sets] == [True, True, False]
    assert [one.failures for one in sets] == [1, 1, 0]


@pytest.mark.parametrize(
    ("more", "said"),
    [({"ref": "nowhere"}, "neither a branch nor a tag"), ({"clone_url": "file:///nowhere"}, "not found")],
)
def test_policies_that_cannot_be_fetched_do_not_pass(
    bench: Bench, policies: Origin, more: dict[str, str], said: str
) -> None:
    found = checked(bench, git(policies, **more)).sets[0]

    assert not found.passed
    assert said in found.error


def test_a_step_before_and_after_is_shown_beside_the_verdict(bench: Bench) -> None:
    steps = (Step(name="run", command="echo early"), *STEPS, Step(name="run", command="cat $POLICYCHECKFILE"))

    facts = checked(bench, local(bench), steps=steps)

    assert facts.before == "early"
    assert '"name": "hello"' in facts.after


def test_a_stage_that_asks_nothing_passes_nothing(bench: Bench) -> None:
    facts = checked(bench, local(bench), steps=(Step(name="show"),))

    assert [one.passed for one in facts.sets] == [False]
    assert "no step" in facts.sets[0].error


def test_the_json_of_the_plan_has_to_come_first(bench: Bench) -> None:
    assert "`show` has to come before" in failed(bench, local(bench), steps=(Step(name="policy_check"),)).summary


def test_another_plan_than_the_reviewed_one_is_not_judged(bench: Bench) -> None:
    assert failed(bench, local(bench), plan_digest="other").kind is FailureKind.STALE


@pytest.mark.parametrize("argument", ["--namespace other", "--namespace=$SPACE"])
def test_the_arguments_of_the_step_are_read_as_a_shell_would(bench: Bench, argument: str) -> None:
    steps = (
        Step(name="show"),
        Step(name="env", variable="SPACE", value="other"),
        Step(name="policy_check", extra_args=(argument,)),
    )

    assert "no rule was asked" in checked(bench, local(bench), steps=steps).sets[0].error


def run(command: str, *output: str) -> Step:
    return Step(name="run", command=command, output=output)


def custom(bench: Bench, *steps: Step, names: tuple[str, ...] = ("one", "two")) -> list[tuple[str, bool, str]]:
    sets = [PolicySet(name=name, path="/unused") for name in names]
    facts = checked(bench, *sets, steps=steps, custom=True)
    return [(one.name, one.passed, one.error or one.text) for one in facts.sets]


def test_custom_checks_give_the_verdicts_in_their_order(bench: Bench) -> None:
    found = custom(
        bench, run("echo setting up", "hide"), run("echo fine"), run("echo 2 failures; exit 1"), run("echo x")
    )

    assert found == [("one", True, "fine"), ("two", False, "2 failures"), ("Custom", True, "x")]


@pytest.mark.parametrize("text", ["FAIL - no", "3 tests, 1 failure", '{"failures": [{"msg": "x"}]}'])
def test_a_custom_check_that_speaks_of_failures_has_failed(bench: Bench, text: str) -> None:
    assert custom(bench, run(f"echo '{text}'"), names=("one",)) == [("one", False, text)]


def test_a_set_without_a_custom_check_does_not_pass(bench: Bench) -> None:
    first, second = custom(bench, run("echo fine"))

    assert first == ("one", True, "fine")
    assert second[1] is False
    assert "printed a verdict" in second[2]


def test_custom_checks_and_the_built_in_one_do_not_mix(bench: Bench) -> None:
    assert "take `policy_check` out" in failed(bench, local(bench), custom=True).summary


def test_a_worker_without_the_wanted_engine_fails_the_job(bench: Bench) -> None:
    failure = failed(bench, local(bench), engine="conftest")

    assert failure.kind is FailureKind.POLICY
    assert "install it on the worker's PATH" in failure.summary


def test_a_policy_check_of_a_pull_that_was_checked_out_elsewhere_needs_no_other_step(bench: Bench) -> None:
    plan = plan_of(bench.pull({"prod/main.tf": ONE}))
    facts = bench.planned(plan)
    bench.worker = "two"

    report = bench.do(check_of(plan, facts, local(bench)))

    assert isinstance(report.facts, PolicyFacts)
    assert report.facts.sets[0].failures == 1


def test_the_credential_of_the_policies_is_in_no_report(bench: Bench, policies: Origin) -> None:
    source = git(policies, clone_url="https://127.0.0.1:1/x.git", password="p0licy-t0ken-p0licy", ref="main")

    found = checked(bench, source).sets[0]

    assert not found.passed
    assert "p0licy-t0ken" not in str(found) + bench.gateway.log("job-2") + repr(source)


def test_a_checkout_names_no_certificate(bench: Bench) -> None:
    assert "BEGIN" not in repr(replace(bench.pull({"a": "b"}), ca_certificate="-----BEGIN CERTIFICATE-----"))
    assert isinstance(bench.pull({"a": "c"}), Checkout)
