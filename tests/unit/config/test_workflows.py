"""Every form that a workflow's stage and step may have, and what is said of those that they may not."""

import pytest
from pydantic import ValidationError

from server.config.workflows import BUILT_IN, DEFAULT_STEPS, StageName, Workflow
from workers.protocol.jobs import Step
from workers.steps.registry import STEPS


def in_bash(name: str, *arguments: str, variable: str | None = None) -> Step:
    return Step(name=name, command="x", shell="bash", shell_args=arguments, variable=variable)  # noqa: S604  (no call)


def steps(*given: object, stage: StageName = "plan") -> tuple[Step, ...]:
    return Workflow.model_validate({stage: {"steps": list(given)}}).steps(stage)


@pytest.mark.parametrize(
    ("stage", "names"),
    [
        ("plan", ["init", "plan"]),
        ("policy_check", ["show", "policy_check"]),
        ("apply", ["init", "apply"]),
        ("import", ["init", "import"]),
        ("state_rm", ["init", "state_rm"]),
    ],
)
@pytest.mark.parametrize("body", [None, {}, {"plan": None}, {"STAGE": {}}, {"STAGE": {"steps": None}}])
def test_a_stage_that_says_nothing_has_its_default_steps(stage: StageName, names: list[str], body: object) -> None:
    given = {stage if key == "STAGE" else key: value for key, value in body.items()} if isinstance(body, dict) else body

    assert [step.name for step in Workflow.model_validate(given).steps(stage)] == names


@pytest.mark.parametrize("stage", DEFAULT_STEPS)
def test_an_empty_list_of_steps_does_nothing(stage: StageName) -> None:
    assert steps(stage=stage) == ()


def test_a_stage_leaves_the_others_alone() -> None:
    workflow = Workflow.model_validate({"plan": {"steps": ["show"]}})

    assert workflow.steps("plan") == (Step(name="show"),)
    assert workflow.steps("apply") == DEFAULT_STEPS["apply"]


@pytest.mark.parametrize("stage", DEFAULT_STEPS)
@pytest.mark.parametrize("name", BUILT_IN)
def test_any_step_may_be_in_any_stage(name: str, stage: StageName) -> None:
    assert steps(name, stage=stage) == (Step(name=name),)


def test_workers_know_every_step() -> None:
    assert {*BUILT_IN, "run", "env", "multienv"} == set(STEPS)


@pytest.mark.parametrize(
    ("given", "step"),
    [
        pytest.param({"init": None}, Step(name="init"), id="a built-in step with nothing behind it"),
        pytest.param(
            {"plan": {"extra_args": ["-lock=false", "-x"]}},
            Step(name="plan", extra_args=("-lock=false", "-x")),
            id="extra arguments",
        ),
        pytest.param({"plan": {"extra_args": None}}, Step(name="plan"), id="no extra arguments"),
        pytest.param({"plan": {}}, Step(name="plan"), id="an empty mapping"),
        pytest.param({"run": "make plan"}, Step(name="run", command="make plan"), id="a command as text"),
        pytest.param({"run": {"command": "x"}}, Step(name="run", command="x"), id="a command in a mapping"),
        pytest.param({"run": {"command": "x", "shell": "bash"}}, in_bash("run"), id="a shell"),
        pytest.param(
            {"run": {"command": "x", "shell": "bash", "shellArgs": "-e -c"}},
            in_bash("run", "-e", "-c"),
            id="a shell's arguments as text are split at spaces",
        ),
        pytest.param(
            {"run": {"command": "x", "shell": "bash", "shellArgs": ["-o pipefail", "-c"]}},
            in_bash("run", "-o pipefail", "-c"),
            id="a shell's arguments as a list",
        ),
        pytest.param(
            {"run": {"command": "x", "output": "hide"}},
            Step(name="run", command="x", output=("hide",)),
            id="output hide",
        ),
        pytest.param(
            {"run": {"command": "x", "output": "strip_refreshing"}},
            Step(name="run", command="x", output=("strip_refreshing",)),
            id="output strip_refreshing",
        ),
        pytest.param(
            {"run": {"command": "x", "output": ["strip_refreshing", {"filter_regex": "(a)b"}, {"filter_regex": "c"}]}},
            Step(name="run", command="x", output=("strip_refreshing", "filter_regex:(a)b", "filter_regex:c")),
            id="output as a list, in its order",
        ),
        pytest.param(
            {"run": {"command": "x", "output": {"filter_regex": "[[:digit:]]"}}},
            Step(name="run", command="x", output=("filter_regex:[0-9]",)),
            id="a filter outside of a list, in Python's spelling",
        ),
        pytest.param({"env": {"name": "A", "value": "b"}}, Step(name="env", variable="A", value="b"), id="a variable"),
        pytest.param(
            {"env": {"name": "A", "value": ""}}, Step(name="env", variable="A", value=""), id="an empty variable"
        ),
        pytest.param(
            {"env": {"name": "A", "value": True}},
            Step(name="env", variable="A", value="true"),
            id="a variable's truth value is text",
        ),
        pytest.param(
            {"env": {"name": "A", "command": "x", "shell": "bash", "shellArgs": "-c"}},
            in_bash("env", "-c", variable="A"),
            id="a variable of a command",
        ),
        pytest.param({"multienv": "./x.sh"}, Step(name="multienv", command="./x.sh"), id="variables of a command"),
        pytest.param(
            {"multienv": {"command": "./x.sh", "output": "show"}},
            Step(name="multienv", command="./x.sh", output=("show",)),
            id="variables of a command, shown",
        ),
    ],
)
def test_a_step_has_these_forms(given: object, step: Step) -> None:
    assert steps(given) == (step,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "plam",
            "show, policy_check, apply, import, state_rm, or `run: plam`; did you mean `plan`?",
        ),
        ("terraform fmt", "or `run: terraform fmt`"),
        ("env", "step 'env' needs name, value, command, shell, shellArgs; only init, plan, show"),
        ({"rum": "x"}, "unknown step 'rum'"),
        ({"run": "x", "init": None}, "a step is a name, or a mapping with exactly one key"),
        ({}, "a step is a name, or a mapping with exactly one key"),
        (["init"], "a step is a name, or a mapping with exactly one key"),
        ({"init": {"args": []}}, "step 'init' takes `extra_args`, a list of strings, and nothing else"),
        ({"init": ["-x"]}, "step 'init' takes `extra_args`, a list of strings, and nothing else"),
        ({"init": {"extra_args": "-x"}}, "`extra_args` of step 'init' must be a list of strings"),
        ({"init": {"extra_args": [["-x"]]}}, "`extra_args` of step 'init' must be a list of strings"),
        ({"run": None}, "step 'run' takes command, shell, shellArgs, output"),
        ({"run": {}}, "step 'run' needs `command`, a string"),
        ({"run": ""}, "step 'run' needs `command`, a string"),
        ({"run": {"command": ["x"]}}, "step 'run': `command` must be a string"),
        ({"run": {"command": "x", "comand": "y"}}, "there is no 'comand'; did you mean `command`?"),
        ({"run": {"command": "x", "shellArgs": "-c"}}, "step 'run': `shellArgs` needs `shell`"),
        ({"run": {"command": "x", "shell": "sh", "shellArgs": {"a": 1}}}, "`shellArgs` must be a list of strings"),
        (
            {"run": {"command": "x", "output": "hidden"}},
            "`output` of step 'run' is show, hide, strip_refreshing, or a list of these and `filter_regex: …`",
        ),
        ({"run": {"command": "x", "output": [{"filter": "a"}]}}, "`output` of step 'run' is show"),
        ({"run": {"command": "x", "output": [{"filter_regex": "("}]}}, "not a regular expression"),
        ({"env": "A=b"}, "step 'env' takes name, value, command, shell, shellArgs"),
        ({"env": {"value": "b"}}, "step 'env' needs `name`"),
        ({"env": {"name": "A"}}, "step 'env' needs either `value` or `command`"),
        ({"env": {"name": "A", "value": "b", "command": "c"}}, "step 'env' needs either `value` or `command`"),
        ({"env": {"name": "A", "value": "b", "shell": "sh"}}, "step 'env': `shell` needs `command`"),
        ({"env": {"name": "A", "command": "b", "output": "show"}}, "there is no 'output'"),
        ({"multienv": {"command": "x", "output": "strip_refreshing"}}, "`output` of step 'multienv' is show, hide"),
    ],
)
def test_a_step_of_another_form_is_refused_with_what_it_may_be(given: object, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        steps(given)

    assert message in str(caught.value)


def test_a_stage_has_a_name_that_is_known() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Workflow.model_validate({"plans": {"steps": []}})
