import json
import os
import signal
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.processes import Process, eventually
from tests.support.terraform import LAB_REQUIRED_PROVIDERS, Outcome, Terraform, module

pytestmark = pytest.mark.terraform
CHANGES = 2


@dataclass(frozen=True)
class Lab:
    """One `lab_thing.it` on disk, and Terraform beside it."""

    terraform: Terraform
    path: Path

    def configure(self, arguments: str) -> None:
        body = f'resource "lab_thing" "it" {{\n  path = "{self.path}"\n  {arguments}\n}}\n'
        module(self.terraform.folder, {"main.tf": LAB_REQUIRED_PROVIDERS + body})

    def apply(self, arguments: str) -> Outcome:
        self.configure(arguments)
        return self.terraform.succeed("apply", "-auto-approve", "-no-color")

    def plan(self) -> dict[str, Any]:
        self.terraform.succeed("plan", "-out=it.tfplan", "-detailed-exitcode", codes=(0, CHANGES))
        shown: dict[str, Any] = json.loads(self.terraform.succeed("show", "-json", "it.tfplan").stdout)
        return shown

    def actions(self) -> list[str]:
        (change,) = self.plan()["resource_changes"]
        actions: list[str] = change["change"]["actions"]
        return actions

    def world(self) -> dict[str, Any]:
        world: dict[str, Any] = json.loads(self.path.read_text())
        return world

    def operations(self) -> list[str]:
        log = Path(f"{self.path}.log")
        return log.read_text().split() if log.exists() else []


@pytest.fixture
def lab(terraform_binary: Path, lab_cli_config: Path, tmp_path: Path) -> Lab:
    folder = tmp_path / "module"
    module(folder, {"main.tf": LAB_REQUIRED_PROVIDERS})
    terraform = Terraform(terraform_binary, folder, lab_cli_config)
    terraform.succeed("init")
    return Lab(terraform=terraform, path=tmp_path / "world" / "it.json")


def test_a_thing_is_planned_then_created_then_left_alone(lab: Lab) -> None:
    lab.configure('content = "one"')
    assert lab.actions() == ["create"]
    assert not lab.path.exists()

    lab.terraform.succeed("apply", "it.tfplan")

    assert lab.world() == {"content": "one", "secret": None, "kind": None, "serial": 1}
    assert lab.actions() == ["no-op"]


def test_every_operation_is_logged_exactly_once(lab: Lab) -> None:
    lab.apply('content = "one"')
    lab.plan()
    lab.apply('content = "one"')
    lab.apply('content = "two"')
    lab.terraform.succeed("destroy", "-auto-approve")

    assert lab.operations() == ["create", "update", "delete"]
    assert not lab.path.exists()


def test_nothing_but_what_terraform_says_is_printed(lab: Lab) -> None:
    outcome = lab.apply('content = "one"')

    assert "Warning" not in outcome.text
    assert outcome.stderr == ""


def test_a_hand_edited_file_is_drift(lab: Lab) -> None:
    lab.apply('content = "one"')
    lab.path.write_text(json.dumps({**lab.world(), "content": "by hand"}))

    plan = lab.plan()

    (drift,) = plan["resource_drift"]
    assert drift["address"] == "lab_thing.it"
    assert drift["change"]["after"]["content"] == "by hand"
    assert plan["resource_changes"][0]["change"]["actions"] == ["update"]


def test_a_file_that_is_no_json_any_more_is_drift_too(lab: Lab) -> None:
    lab.apply('content = "one"')
    lab.path.write_text("scribbles")

    (drift,) = lab.plan()["resource_drift"]

    assert drift["change"]["after"]["content"] == "scribbles"


def test_a_deleted_file_is_created_again(lab: Lab) -> None:
    lab.apply('content = "one"')
    lab.path.unlink()

    assert lab.actions() == ["create"]
    lab.apply('content = "one"')

    assert lab.world()["serial"] == 2


def test_another_kind_is_another_thing(lab: Lab) -> None:
    lab.apply('kind = "box"')
    lab.configure('kind = "bag"')

    assert lab.actions() == ["delete", "create"]
    lab.apply('kind = "bag"')

    assert lab.operations() == ["create", "delete", "create"]


def test_a_secret_is_marked_in_plans_and_states_and_hidden_from_people(lab: Lab) -> None:
    lab.configure('secret = "hunter2"')
    outcome = lab.terraform.succeed("plan")
    plan = lab.plan()
    lab.apply('secret = "hunter2"')
    state = json.loads(lab.terraform.succeed("show", "-json").stdout)

    assert "hunter2" not in outcome.text
    assert plan["resource_changes"][0]["change"]["after_sensitive"] == {"secret": True}
    (resource,) = state["values"]["root_module"]["resources"]
    assert resource["sensitive_values"] == {"secret": True}


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_an_ordered_failure_names_the_address_and_changes_nothing(lab: Lab, operation: str) -> None:
    if operation != "create":
        lab.apply(f'content = "one"\n  fail_on = "{operation}"')
    before = lab.path.read_text() if lab.path.exists() else None
    lab.configure(f'content = "two"\n  fail_on = "{operation}"')

    outcome = lab.terraform.run("apply", "-auto-approve", "-no-color", *(["-destroy"] if operation == "delete" else []))

    assert outcome.code == 1
    assert "The lab fails as ordered" in outcome.stderr
    assert f"fail_on is {operation} for {lab.path}" in " ".join(outcome.stderr.split())
    # A thing that leaves has no configuration left: Terraform itself then says no address.
    assert ("with lab_thing.it" in outcome.stderr) == (operation != "delete")
    assert lab.operations()[-1] == operation
    assert (lab.path.read_text() if lab.path.exists() else None) == before


@pytest.mark.parametrize("existing", [False, True])
def test_planning_can_be_ordered_to_fail(lab: Lab, *, existing: bool) -> None:
    if existing:
        lab.apply("")
    lab.configure('fail_on = "plan"')

    outcome = lab.terraform.run("plan", "-no-color")

    assert outcome.code == 1
    assert "with lab_thing.it" in outcome.stderr


def test_an_unknown_order_is_refused_by_validation(lab: Lab) -> None:
    lab.configure('fail_on = "monday"')

    outcome = lab.terraform.run("validate", "-no-color")

    assert outcome.code == 1
    assert "cannot fail on 'monday'" in outcome.stderr


def test_a_sleeping_thing_takes_its_time_to_apply(lab: Lab) -> None:
    started = time.monotonic()
    lab.apply("sleep = 1.5")

    assert time.monotonic() - started > 1.5
    assert lab.operations() == ["create"]


def test_planning_can_take_its_time(lab: Lab) -> None:
    lab.configure("plan_sleep = 1.5")

    started = time.monotonic()
    lab.terraform.succeed("plan")

    assert time.monotonic() - started > 1.5


def test_an_interrupted_apply_ends_in_good_order_and_says_so(lab: Lab, tmp_path: Path) -> None:
    lab.configure("sleep = 60")
    with _apply(lab, tmp_path) as process:
        process.signal(signal.SIGINT)

        assert process.wait(timeout=timedelta(seconds=20)) == 1

    assert "The lab was stopped" in process.output()
    assert lab.operations() == ["create"]
    assert lab.terraform.succeed("state", "list").stdout == ""


def test_the_provider_does_not_survive_a_killed_terraform(lab: Lab, tmp_path: Path) -> None:
    lab.configure("sleep = 60")
    with _apply(lab, tmp_path) as process:
        (provider,) = (
            child for child in psutil.Process(process.pid).children() if "lab_provider" in str(child.cmdline())
        )

        os.kill(process.pid, signal.SIGKILL)

        eventually(
            lambda: not provider.is_running() or provider.status() == psutil.STATUS_ZOMBIE,
            message="waiting for the provider to notice",
        )


def test_many_things_are_made_at_the_same_time(lab: Lab, tmp_path: Path) -> None:
    things = f"""
        resource "lab_thing" "many" {{
          count = 8
          path  = "{tmp_path}/many/${{count.index}}.json"
          sleep = 1
        }}
    """
    module(lab.terraform.folder, {"many.tf": things})

    started = time.monotonic()
    lab.terraform.succeed("apply", "-auto-approve")

    assert time.monotonic() - started < 8
    assert len(list((tmp_path / "many").glob("*.json"))) == 8


def test_the_data_source_reads_what_another_module_made(lab: Lab) -> None:
    lab.apply('content = "one"\n  secret = "hunter2"')
    reading = """
        data "lab_read" "it" {
          path = lab_thing.it.path
        }
        output "found" {
          value = data.lab_read.it.content
        }
    """
    module(lab.terraform.folder, {"read.tf": reading})

    lab.terraform.succeed("apply", "-auto-approve")

    assert json.loads(lab.terraform.succeed("output", "-json").stdout)["found"]["value"] == "one"


def test_the_data_source_misses_what_is_not_there(lab: Lab, tmp_path: Path) -> None:
    module(
        lab.terraform.folder,
        {"read.tf": f'data "lab_read" "it" {{\n  path = "{tmp_path}/nothing.json"\n}}\n'},
    )

    outcome = lab.terraform.run("plan", "-no-color")

    assert outcome.code == 1
    assert "with data.lab_read.it" in outcome.stderr


def test_an_existing_file_can_be_imported(lab: Lab) -> None:
    lab.path.parent.mkdir()
    lab.path.write_text(json.dumps({"content": "older than Terraform", "serial": 7}))
    lab.configure('content = "older than Terraform"')

    lab.terraform.succeed("import", "lab_thing.it", str(lab.path))

    assert lab.actions() == ["no-op"]


def _apply(lab: Lab, tmp_path: Path) -> Process:
    """Start an apply and return once the provider is busy with it."""
    process = Process.start(
        [lab.terraform.binary, "apply", "-auto-approve", "-no-color"],
        cwd=lab.terraform.folder,
        env={"TF_CLI_CONFIG_FILE": str(lab.terraform.cli_config)},
        log_file=tmp_path / "apply.log",
    )
    try:
        eventually(lab.operations, message="waiting for the create to begin", processes=[process])
    except BaseException:
        process.close()
        raise
    return process
