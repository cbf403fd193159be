"""What a project's plan can read of a commit."""

from collections.abc import Mapping

import pytest

from server.domain.inputs import covered, named_by_content, reach_of_patterns, reach_of_steps
from workers.protocol.jobs import Step
from workers.protocol.results import CodeInputs


def code(*paths: str, calls: Mapping[str, tuple[str, ...]] | None = None, **reads: tuple[str, ...]) -> CodeInputs:
    return CodeInputs(objects={path: f"id of {path}" for path in (".", *paths)}, calls=calls or {}, reads=reads)


def test_a_project_reads_its_directory_and_the_modules_it_calls_however_indirectly() -> None:
    calls = {"prod": ("modules/net",), "modules/net": ("modules/dns",), "dev": ("modules/other",)}
    tree = code("prod", "dev", "modules", "modules/net", "modules/dns", "modules/other", calls=calls)

    assert covered("prod", (), tree) == {"prod", "modules/net", "modules/dns"}


def test_modules_that_call_each_other_end() -> None:
    tree = code("a", "b", calls={"a": ("b",), "b": ("a",)})

    assert covered("a", (), tree) == {"a", "b"}


def test_what_a_directory_names_counts_and_what_that_names_too() -> None:
    tree = code("prod", "shared", "base.json", prod=("shared",), shared=("base.json",))

    assert covered("prod", (), tree) == {"prod", "shared", "base.json"}


def test_what_cannot_be_told_is_everything() -> None:
    assert covered("prod", (), code("prod", prod=("*",))) == {"."}
    assert covered("prod", ("*",), code("prod")) == {"."}
    assert covered(".", (), code("prod")) == {"."}


def test_a_path_that_is_not_listed_is_part_of_the_nearest_directory_that_is() -> None:
    assert covered("prod", ("shared/deep/a.json",), code("prod", "shared")) == {"prod", "shared"}
    assert covered("prod", ("nowhere/a.json",), code("prod")) == {"."}


def test_others_may_read_what_they_like() -> None:
    assert covered("prod", (), code("prod", "dev", dev=("*",))) == {"prod"}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**/*.tf", "live/prod"),
        ("*.tfvars", "live/prod"),
        ("../../modules/**/*.tf", "modules"),
        ("../common.tfvars", "live/common.tfvars"),
        ("files/a?.json", "live/prod/files"),
        ("../../../elsewhere/*", "."),
        ("/config/*.yaml", "live/prod/config"),
    ],
)
def test_a_pattern_reaches_as_far_as_it_is_spelt_out(pattern: str, path: str) -> None:
    assert reach_of_patterns((pattern,), "live/prod") == {path}


def test_a_pattern_that_takes_back_reaches_nothing() -> None:
    assert reach_of_patterns(("!../docs/**",), "prod") == frozenset()


@pytest.mark.parametrize(
    ("steps", "paths"),
    [
        ((Step(name="init"), Step(name="plan")), set()),
        ((Step(name="plan", extra_args=("-var-file=../common.tfvars",)),), {"live/common.tfvars"}),
        ((Step(name="plan", extra_args=("-var-file", "../../a.tfvars")),), {"a.tfvars"}),
        ((Step(name="plan", extra_args=("-var-file=../../../a.tfvars",)),), {"*"}),
        ((Step(name="plan", extra_args=("-var-file=$WORKSPACE.tfvars",)),), set()),
        ((Step(name="plan", extra_args=("-var-file=../${WORKSPACE}.tfvars",)),), {"*"}),
        ((Step(name="env", variable="STAGE", value="eu"), Step(name="plan", extra_args=("-var=s=$STAGE",))), set()),
    ],
)
def test_arguments_of_steps_name_files(steps: tuple[Step, ...], paths: set[str]) -> None:
    assert reach_of_steps(steps, "live/prod").paths == paths


@pytest.mark.parametrize(
    "step",
    [
        Step(name="run", command="make plan"),
        Step(name="multienv", command="./env.sh"),
        Step(name="env", variable="SHA", command="git rev-parse HEAD"),
        Step(name="plan", extra_args=("-var=sha=$HEAD_COMMIT",)),
        Step(name="plan", extra_args=("-var=who=${USER_NAME}",)),
    ],
)
def test_commands_and_what_changes_with_every_commit_are_not_vouched_for(step: Step) -> None:
    assert reach_of_steps((step,), "prod").unknown


def test_the_name_by_content_changes_with_any_part_and_with_nothing_else() -> None:
    one = code("prod", "dev")
    other = CodeInputs(objects=dict(one.objects) | {"dev": "another"}, calls={})

    assert named_by_content({"prod"}, one, besides=["w"]) == named_by_content({"prod"}, other, besides=["w"])
    assert named_by_content({"dev"}, one, besides=["w"]) != named_by_content({"dev"}, other, besides=["w"])
    assert named_by_content({"prod"}, one, besides=["w"]) != named_by_content({"prod"}, one, besides=["v"])
