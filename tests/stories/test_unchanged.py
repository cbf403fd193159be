"""A push plans what it changes; plans that it leaves as they were are kept, and it is said how that is known."""

from collections.abc import Mapping
from typing import Any

import pytest

from server.config.server_file import RepoEntry, ServerFile
from server.domain.requirements import Requirement
from tests.support.scripted_worker import BROKEN
from tests.support.story import Story
from workers.protocol.results import CodeInputs, PolicySetResult

MODULE = "modules/net"


class Code:
    """What lies in the repository, by directory; every change gives it another name."""

    def __init__(self, story: Story, *dirs: str, users: tuple[str, ...] = ()) -> None:
        self._tree = story.tree
        self._contents = dict.fromkeys(("README.md", MODULE, *dirs), 0)
        self._tree.dirs = {MODULE, *dirs}
        self._tree.calls = dict.fromkeys(users, (MODULE,))
        self.change()

    def change(self, *places: str, reads: Mapping[str, tuple[str, ...]] | None = None) -> None:
        for place in places:
            self._contents[place] += 1
        objects = {place: f"{place} {number}" for place, number in self._contents.items()}
        whole = {".": " ".join(objects.values())}
        self._tree.inputs = CodeInputs(objects=objects | whole, calls=dict(self._tree.calls), reads=reads or {})


def policy(**entry: Any) -> ServerFile:
    return ServerFile(repos=[RepoEntry(id="/.*/", **entry)])


def planned(story: Story) -> list[str]:
    """Say what was planned since last asked."""
    labels = sorted(key.label for key in story.worker.planned)
    story.worker.planned.clear()
    return labels


def files(*dirs: str) -> tuple[str, ...]:
    return tuple(f"{directory}/main.tf" for directory in dirs)


def test_one_of_a_hundred_projects_is_planned_and_99_keep_their_plans(story: Story) -> None:
    dirs = [f"p{number:03}" for number in range(100)]
    code = Code(story, *dirs)
    pull = story.open_pull(*files(*dirs))
    story.settle()
    assert planned(story) == dirs

    code.change("p042")
    pull = story.push(pull, *files(*dirs))
    story.settle()

    assert planned(story) == ["p042"]
    assert set(story.standing(pull).values()) == {"planned"}
    assert len(story.standing(pull)) == 100
    assert "99 of 100 projects keep their plans" in story.last(pull)
    assert story.statuses(pull)["thera/plan"] == "success"


def test_what_is_kept_is_applied_at_the_new_commit(story: Story) -> None:
    code = Code(story, "prod", "dev")
    first = story.open_pull(*files("prod", "dev"))
    story.settle()
    code.change("dev")
    pull = story.push(first, *files("prod", "dev"))
    story.settle()
    assert f"(plan of `{first.head_sha[:7]}`)" in story.last(pull)

    story.comment(pull, "thera apply")
    story.settle()

    assert story.standing(pull) == {"prod": "applied", "dev": "applied"}
    assert set(story.worker.fetched) == {
        f"plan of prod at {first.head_sha}".encode(),
        f"plan of dev at {pull.head_sha}".encode(),
    }


def test_a_shared_module_plans_exactly_those_that_use_it(story: Story) -> None:
    code = Code(story, "prod", "dev", "test", users=("prod", "test"))
    pull = story.open_pull(*files("prod", "dev", "test"))
    story.settle()
    planned(story)

    code.change(MODULE)
    story.push(pull, *files("prod", "dev", "test", MODULE))
    story.settle()

    assert planned(story) == ["prod", "test"]


def test_a_plan_is_kept_over_many_pushes_and_says_of_which_commit_it_is(story: Story) -> None:
    code = Code(story, "prod", "dev")
    first = story.open_pull(*files("prod", "dev"))
    story.settle()
    planned(story)
    pull = first
    for _ in range(3):
        code.change("dev")
        pull = story.push(pull, *files("prod", "dev"))
        story.settle()

    assert planned(story) == ["dev", "dev", "dev"]
    assert f"(plan of `{first.head_sha[:7]}`)" in story.last(pull)


def test_when_nothing_is_left_to_plan_the_push_is_green_all_the_same(story: Story) -> None:
    code = Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    planned(story)

    code.change("README.md")
    pull = story.push(pull, "prod/main.tf", "README.md")
    story.settle()

    assert planned(story) == []
    assert story.statuses(pull)["thera/plan"] == "success"
    assert "`prod` keeps its plan" in story.last(pull)
    assert len(story.says(pull)) == 1


def test_a_plan_that_is_asked_for_is_made(story: Story) -> None:
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    planned(story)

    story.comment(pull, "thera plan")
    story.settle()

    assert planned(story) == ["prod"]


def test_a_plan_with_arguments_of_its_own_is_not_what_a_push_would_plan(story: Story) -> None:
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    story.comment(pull, "thera plan -d prod -- -target=terraform_data.a")
    story.settle()
    planned(story)

    story.push(pull, *files("prod"))
    story.settle()

    assert planned(story) == ["prod"]


def test_operators_can_have_everything_planned_again(database_url: str) -> None:
    story = Story(database_url, carry_plans=False)
    Code(story, "prod", "dev")
    pull = story.open_pull(*files("prod", "dev"))
    story.settle()
    planned(story)

    story.push(pull, *files("prod", "dev"))
    story.settle()

    assert planned(story) == ["dev", "prod"]


def test_a_plan_that_failed_is_made_again(story: Story) -> None:
    story.worker.plans["prod"] = BROKEN
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    del story.worker.plans["prod"]
    planned(story)

    story.push(pull, *files("prod"))
    story.settle()

    assert planned(story) == ["prod"]


def test_a_plan_that_was_discarded_is_made_again(story: Story) -> None:
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    story.comment(pull, "thera unlock")
    story.settle()
    planned(story)

    story.push(pull, *files("prod"))
    story.settle()

    assert planned(story) == ["prod"]
    assert story.standing(pull) == {"prod": "planned"}


def test_code_that_may_read_anything_is_planned_after_every_change(story: Story) -> None:
    code = Code(story, "prod", "dev")
    reads = {"prod": ("*",)}
    code.change(reads=reads)
    pull = story.open_pull(*files("prod", "dev"))
    story.settle()
    planned(story)

    code.change("README.md", reads=reads)
    story.push(pull, *files("prod", "dev"))
    story.settle()

    assert planned(story) == ["prod"]


def test_another_configuration_plans_again(story: Story) -> None:
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    planned(story)

    story.tree.files["thera.yaml"] = "version: 3\nprojects:\n  - dir: prod\n    terraform_version: 1.11.4\n"
    story.push(pull, *files("prod"))
    story.settle()

    assert planned(story) == ["prod"]


def test_a_workflow_with_commands_of_its_own_is_not_vouched_for(database_url: str) -> None:
    workflows = {"default": {"plan": {"steps": ["init", {"run": "make plan"}]}}}
    story = Story(database_url, server_file=ServerFile.model_validate({"repos": [], "workflows": workflows}))
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    planned(story)

    story.push(pull, *files("prod"))
    story.settle()

    assert planned(story) == ["prod"]


def test_what_is_applied_stays_applied_while_its_lock_is_held(story: Story) -> None:
    code = Code(story, "prod", "dev")
    pull = story.open_pull(*files("prod", "dev"))
    story.settle()
    story.comment(pull, "thera apply -d prod")
    story.settle()
    planned(story)

    code.change("dev")
    pull = story.push(pull, *files("prod", "dev"))
    story.settle()

    assert planned(story) == ["dev"]
    assert story.standing(pull) == {"prod": "applied", "dev": "planned"}


def test_what_is_applied_without_a_lock_is_looked_at_again(database_url: str) -> None:
    story = Story(database_url, server_file=policy(release_locks="apply"))
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    story.comment(pull, "thera apply")
    story.settle()
    planned(story)

    story.push(pull, *files("prod"))
    story.settle()

    assert planned(story) == ["prod"]


def test_a_stricter_operator_is_heard_at_the_next_push(story: Story) -> None:
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    planned(story)

    story.restart(policy(apply_requirements=[Requirement.APPROVED]))
    pull = story.push(pull, *files("prod"))
    story.settle()
    story.comment(pull, "thera apply")
    story.settle()

    assert planned(story) == []
    assert "`approved` is required" in story.last(pull)


@pytest.mark.parametrize("passed", [True, False])
def test_what_policies_said_of_a_plan_goes_with_it(database_url: str, *, passed: bool) -> None:
    file = ServerFile.model_validate(
        {
            "repos": [{"id": "/.*/", "policy_check": True}],
            "policies": {
                "owners": {"users": ["ann"]},
                "policy_sets": [{"name": "safe", "path": "/policies", "source": "local"}],
            },
        }
    )
    story = Story(database_url, server_file=file)
    story.worker.verdicts["prod"] = (PolicySetResult(name="safe", passed=passed, failures=0 if passed else 1),)
    Code(story, "prod")
    pull = story.open_pull(*files("prod"))
    story.settle()
    before = story.standing(pull)
    planned(story)

    pull = story.push(pull, *files("prod"))
    story.settle()

    assert planned(story) == []
    assert story.standing(pull) == before == {"prod": "planned" if passed else "policy_check_errored"}
    story.comment(pull, "thera apply")
    story.settle()
    assert bool(story.worker.applied) is passed
