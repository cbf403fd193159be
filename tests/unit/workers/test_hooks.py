"""Workflow hooks: what they are given, what they may do to the code, and what is said of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.test_execute_bench import INIT_AND_PLAN, ONE, Bench, apply_of, plan_of
from workers.protocol.jobs import Discover, Hook, Hooks, Step
from workers.protocol.results import DiscoverFacts, FailureKind, HookFacts, Outcome, Report
from workers.steps.variables import DOCUMENTED

CONFIG = "version: 3\nprojects:\n- dir: made\n"
OF_THE_PULL = {
    "BASE_BRANCH_NAME": "main",
    "BASE_REPO_NAME": "infra",
    "BASE_REPO_OWNER": "acme",
    "HEAD_BRANCH_NAME": "change",
    "HEAD_COMMIT": "0" * 40,
    "HEAD_REPO_NAME": "infra",
    "HEAD_REPO_OWNER": "ann",
    "PULL_AUTHOR": "ann",
    "PULL_NUM": "7",
    "PULL_URL": "https://github.example/acme/infra/pull/7",
    "USER_NAME": "bob",
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def discovered(bench: Bench, *commands: str, files: dict[str, str] | None = None, **more: Any) -> DiscoverFacts:
    work = Discover(
        checkout=bench.pull(files or {"a/main.tf": ONE}), hooks=tuple(Hook(command=one) for one in commands)
    )
    report = bench.do(replace(work, **more))
    assert report.outcome is Outcome.SUCCEEDED, report.failure
    assert isinstance(report.facts, DiscoverFacts)
    return report.facts


def hooked(bench: Bench, *hooks: Hook, **more: Any) -> Report:
    return bench.do(replace(Hooks(checkout=bench.pull({"a": "b"}), hooks=hooks), **more))


def test_a_hook_may_write_the_configuration(bench: Bench) -> None:
    facts = discovered(bench, f"printf '{CONFIG}' > atlantis.yaml")

    assert facts.config_files == {"atlantis.yaml": CONFIG.replace("\\n", "\n")}


def test_also_where_git_ignores_it(bench: Bench) -> None:
    facts = discovered(bench, "echo ignored > atlantis.yaml", files={".gitignore": "atlantis.yaml\n"})

    assert facts.config_files == {"atlantis.yaml": "ignored\n"}


def test_what_hooks_make_is_discovered_and_counts_as_changed_when_asked(bench: Bench) -> None:
    make = 'mkdir -p made && printf \'module "m" {\\n  source = "../a"\\n}\\n\' > made/main.tf'

    plain, counted = (discovered(bench, make, include_untracked=wanted) for wanted in (False, True))

    assert plain.module_dirs == counted.module_dirs == ("a", "made")
    assert plain.module_calls == {"made": ("a",)}
    assert plain.changed_files == ("a/main.tf",)
    assert counted.changed_files == ("a/main.tf", "made/main.tf")


def test_hooks_that_make_nothing_leave_nothing_to_hand_on(bench: Bench) -> None:
    facts = discovered(bench, "true", "mkdir -p x/.terraform && echo y > x/.terraform/z", "echo z > /dev/null")

    assert facts.generated is None
    assert [one.passed for one in facts.hooks] == [True, True, True]


@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_the_jobs_of_the_run_get_what_hooks_made(bench: Bench) -> None:
    change = "sed -i s/hello/generated/ prod/main.tf; chmod +x prod/tool; rm prod/gone.tf; printf 'a\\0b' > prod/blob"
    files = {"prod/main.tf": ONE, "prod/gone.tf": "nonsense", "prod/tool": "#!/bin/sh\necho tool ran\n"}
    facts = discovered(bench, change, files=files)
    bench.worker = "two"

    look = Step(name="run", command="test -x tool && test ! -e gone.tf && test $(wc -c < blob) = 3 && echo all there")
    work = plan_of(bench.pull(files), *INIT_AND_PLAN, look, generated=facts.generated)
    planned = bench.planned(work)
    bench.applied(apply_of(work, planned, generated=facts.generated))

    assert ("input", '"generated"') in [(one.path, one.after) for one in planned.changes.resources[0].attributes]
    assert planned.text.endswith("all there")


@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_what_hooks_made_is_gone_for_the_next_job(bench: Bench) -> None:
    files = {"prod/main.tf": ONE}
    facts = discovered(bench, "echo nonsense > prod/extra.tf; echo nonsense >> prod/main.tf", files=files)

    assert bench.do(plan_of(bench.pull(files), generated=facts.generated)).outcome is Outcome.FAILED
    assert bench.planned(plan_of(bench.pull(files))).changes.counts.add == 1


def test_what_was_altered_on_its_way_is_not_used(bench: Bench) -> None:
    facts = discovered(bench, "echo x > made")
    assert facts.generated is not None
    bench.gateway.artifacts[facts.generated.id] += b"x"

    report = hooked(bench, Hook(command="true"), generated=facts.generated)

    assert report.failure is not None
    assert report.failure.kind is FailureKind.STALE


def test_what_does_not_fit_the_commit_is_not_used(bench: Bench) -> None:
    facts = discovered(bench, "echo x >> a/main.tf")

    report = hooked(bench, Hook(command="true"), generated=facts.generated)

    assert report.failure is not None
    assert "does not fit this commit" in report.failure.summary


def test_a_hook_that_fails_ends_the_list_and_the_facts_say_so(bench: Bench) -> None:
    facts = discovered(bench, "echo one", "echo two; exit 3", "echo three")

    assert [(one.label, one.passed, one.text, one.returncode) for one in facts.hooks] == [
        ("#1", True, "one", 0),
        ("#2", False, "two", 3),
    ]
    assert facts.module_dirs == ("a",)


def test_hooks_after_a_command_fail_their_own_job(bench: Bench) -> None:
    report = hooked(bench, Hook(command="echo bad; exit 1", description="notify"), Hook(command="true"))

    assert report.outcome is Outcome.FAILED
    assert report.failure is not None
    assert report.failure.kind is FailureKind.HOOK
    assert report.failure.summary == "The workflow hook notify failed"
    assert isinstance(report.facts, HookFacts)
    assert [one.passed for one in report.facts.hooks] == [False]


def environment(bench: Bench, **more: Any) -> dict[str, str]:
    report = hooked(
        bench, Hook(command="env -0 > $OUT"), environment={**OF_THE_PULL, "OUT": str(bench.folder / "env")}, **more
    )
    assert report.outcome is Outcome.SUCCEEDED, report.failure
    pairs = (pair.partition("=") for pair in (bench.folder / "env").read_text().split("\0") if pair)
    return {name: value for name, _, value in pairs}


def test_a_hook_knows_what_atlantis_tells_it_under_both_names(bench: Bench) -> None:
    found = environment(bench, command="apply", has_errors=True, extra_args=("-x", "y"))

    assert {name: found[name] for name in OF_THE_PULL} == OF_THE_PULL
    assert (found["COMMAND_NAME"], found["COMMAND_HAS_ERRORS"], found["PROJECT_NAME"]) == ("apply", "true", "")
    assert found["COMMENT_ARGS"] == r"\-\x,\y"
    names = [name for name in DOCUMENTED if name in found]
    assert len(names) == len(OF_THE_PULL) + 6
    assert {f"THERA_{name}": found[name] for name in names}.items() <= found.items()


def test_before_the_command_there_are_no_errors_to_know_of(bench: Bench) -> None:
    assert "COMMAND_HAS_ERRORS" not in environment(bench, command="plan")


def test_a_hook_works_at_the_root_of_the_checkout(bench: Bench) -> None:
    facts = discovered(bench, 'test "$DIR" = "$(pwd)" && cat a/main.tf')

    assert facts.hooks[0].passed


def test_no_setting_of_the_worker_reaches_a_hook(bench: Bench) -> None:
    bench.environment = {"THERA_WORKER_TOKEN": "w0rker-t0ken", "ATLANTIS_GH_TOKEN": "0ld-t0ken", "AWS_REGION": "eu"}

    found = environment(bench)

    assert "THERA_WORKER_TOKEN" not in found
    assert "ATLANTIS_GH_TOKEN" not in found
    assert found["AWS_REGION"] == "eu"


def test_a_hook_may_say_what_its_status_shows(bench: Bench) -> None:
    facts = discovered(bench, 'echo "  3 files made  " > $OUTPUT_STATUS_FILE', "true", "rm $OUTPUT_STATUS_FILE")

    assert [one.status for one in facts.hooks] == ["3 files made", "", ""]
    assert facts.generated is None


def test_a_shell_may_be_chosen(bench: Bench) -> None:
    report = hooked(bench, Hook(command="echo ${BASH_VERSION:+bash}", shell="bash", shell_args=("-eu", "-c")))  # noqa: S604  (a hook's field)

    assert isinstance(report.facts, HookFacts)
    assert report.facts.hooks[0].text == "bash"


def test_a_shell_that_is_not_there_is_a_hook_that_failed(bench: Bench) -> None:
    report = hooked(bench, Hook(command="true", shell="no-such-shell"))  # noqa: S604  (a hook's field)

    assert isinstance(report.facts, HookFacts)
    assert "no `no-such-shell`" in report.facts.hooks[0].text


def test_secrets_stay_out_of_what_hooks_say(bench: Bench) -> None:
    bench.environment = {"DEPLOY_TOKEN": "t0p-s3cr3t"}

    facts = discovered(bench, "echo $DEPLOY_TOKEN; echo $DEPLOY_TOKEN > $OUTPUT_STATUS_FILE")

    assert "t0p-s3cr3t" not in json.dumps([one.text + one.status for one in facts.hooks]) + bench.gateway.log("job-1")


def test_a_hook_cannot_reach_other_checkouts_through_git(bench: Bench) -> None:
    facts = discovered(bench, "git rev-parse --show-toplevel; git status --short | head -1")

    assert str(bench.settings.checkouts) in facts.hooks[0].text


def test_more_than_code_is_refused_with_advice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.steps.generated._LARGEST", 1000)
    work = Discover(checkout=bench.pull({"a": "b"}), hooks=(Hook(command="head -c 5000 /dev/urandom > big"),))

    failure = bench.do(work).failure

    assert failure is not None
    assert "Have them write elsewhere what is not code" in failure.detail


def test_without_hooks_nothing_is_checked_out(bench: Bench) -> None:
    discovered(bench)

    assert not (bench.settings.checkouts / "checkouts").exists()
