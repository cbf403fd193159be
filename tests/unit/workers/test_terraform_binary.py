"""Which Terraform runs, where it comes from, and what it is given."""

import os
import platform
import threading
from pathlib import Path

import pytest

from workers.errors import JobCancelled, JobFailed
from workers.protocol.jobs import TerraformChoice
from workers.terraform import bundle
from workers.terraform.binary import Binary, find
from workers.terraform.cli import (
    apply_arguments,
    import_arguments,
    init_arguments,
    plan_arguments,
    state_rm_arguments,
)
from workers.terraform.diagnostics import diagnostics
from workers.terraform.environment import command_environment
from workers.terraform.plugin_cache import cache_for_init, is_complete, needs_no_provider
from workers.terraform.version import satisfies, wanted

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
SCRIPT = '#!/bin/sh\necho \'{"terraform_version": "1.5.7"}\'\n'


def found(tmp_path: Path, version: str | None, path: str = "") -> Binary:
    return find("terraform", version, environment={"PATH": path}, data_dir=tmp_path / "data", mirror=None)


def script(place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(SCRIPT)
    place.chmod(0o755)
    return place


def test_a_binary_named_by_its_version_is_taken_from_the_path(tmp_path: Path) -> None:
    place = script(tmp_path / "bin" / "terraform1.2.3")

    assert found(tmp_path, "1.2.3", path=str(place.parent)).path == place


def test_the_plain_binary_will_do_if_it_has_the_version(tmp_path: Path) -> None:
    place = script(tmp_path / "bin" / "terraform")
    path = f"{place.parent}:{os.environ['PATH']}"

    assert found(tmp_path, "1.5.7", path=path) == Binary(place, "terraform", "1.5.7")
    assert found(tmp_path, None, path=path).version == "1.5.7"


@pytest.mark.parametrize("version", ["../../x", "1.5", "1.5.7/../.."])
def test_a_version_that_is_none_never_becomes_a_path(tmp_path: Path, version: str) -> None:
    with pytest.raises(JobFailed, match="is not a version"):
        found(tmp_path, version)


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / name.replace("_dot_", ".")).write_text(text)
    return tmp_path


def choose(place: Path, version: str | None = None, *available: str, default: str | None = "1.9.0") -> str | None:
    return wanted(
        TerraformChoice(version=version), place, distribution="terraform", default=default, available=available
    )


def test_the_configuration_decides_first(tmp_path: Path) -> None:
    assert choose(folder(tmp_path, main_dot_tf='terraform {\n  required_version = "1.2.3"\n}\n'), "v1.0.0") == "1.0.0"


def test_then_the_code_if_it_is_exact(tmp_path: Path) -> None:
    (tmp_path / ".terraform-version").write_text("1.8.8\n")

    assert choose(folder(tmp_path, main_dot_tf='terraform {\n  required_version = "= 1.2.3"\n}\n')) == "1.2.3"


def test_then_the_version_file_then_the_default(tmp_path: Path) -> None:
    assert choose(tmp_path) == "1.9.0"
    (tmp_path / ".terraform-version").write_text("1.8.8\n")

    assert choose(tmp_path) == "1.8.8"


def test_a_version_file_counts_for_what_lies_below_it_and_only_up_to_the_checkout(tmp_path: Path) -> None:
    (tmp_path / ".terraform-version").write_text("1.1.1\n")
    root = tmp_path / "checkout"
    place = root / "a" / "b"
    place.mkdir(parents=True)

    def chosen() -> str | None:
        return wanted(TerraformChoice(), place, root=root, distribution="terraform", default="1.9.0")

    assert chosen() == "1.9.0"
    (root / ".terraform-version").write_text("v1.2.2\n")
    assert chosen() == "1.2.2"
    (root / "a" / ".terraform-version").write_text("1.3.3\n")
    assert chosen() == "1.3.3"


def test_each_distribution_has_its_own_version_file(tmp_path: Path) -> None:
    (tmp_path / ".terraform-version").write_text("1.5.7\n")

    def chosen() -> str | None:
        return wanted(TerraformChoice(), tmp_path, distribution="opentofu", default="1.9.0")

    assert chosen() == "1.9.0"
    (tmp_path / ".opentofu-version").write_text("1.8.0\n")
    assert chosen() == "1.8.0"


@pytest.mark.parametrize("block", ['{"required_version": "= 1.2.3"}', '[{"x": 1}, {"required_version": "1.2.3"}]'])
def test_code_in_json_says_its_version_too(tmp_path: Path, block: str) -> None:
    (tmp_path / "main.tf.json").write_text(f'{{"terraform": {block}}}')

    assert choose(tmp_path) == "1.2.3"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"terraform": 1}', '{"terraform": {"required_version": 1}}'])
def test_json_that_says_nothing_is_left_to_terraform(tmp_path: Path, text: str) -> None:
    (tmp_path / "main.tf.json").write_text(text)

    assert choose(tmp_path) == "1.9.0"


def test_opentofu_reads_its_own_files_in_place_of_terraforms(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('terraform {\n  required_version = "= 1.2.3"\n}\n')
    (tmp_path / "main.tofu").write_text('terraform {\n  required_version = "= 1.8.0"\n}\n')

    assert wanted(TerraformChoice(), tmp_path, distribution="opentofu", default=None) == "1.8.0"
    assert wanted(TerraformChoice(), tmp_path, distribution="terraform", default=None) == "1.2.3"


def test_a_pre_release_is_for_those_who_name_one(tmp_path: Path) -> None:
    place = folder(tmp_path, main_dot_tf='terraform {\n  required_version = "~> 1.5.0"\n}\n')

    assert choose(place, None, "1.5.2", "1.5.9-beta1") == "1.5.2"


def test_what_is_offered_is_asked_for_only_if_nothing_at_hand_fits(tmp_path: Path) -> None:
    place = folder(tmp_path, main_dot_tf='terraform {\n  required_version = "~> 1.5.0"\n}\n')
    asked: list[str] = []

    def offered() -> list[str]:
        asked.append("once")
        return ["1.5.3", "1.5.9", "1.6.0"]

    def chosen(*available: str) -> str | None:
        return wanted(
            TerraformChoice(), place, distribution="terraform", default="1.9.0", available=available, offered=offered
        )

    assert (chosen("1.5.1"), asked) == ("1.5.1", [])
    assert (chosen(), asked) == ("1.5.9", ["once"])


def test_of_a_range_the_newest_at_hand_is_taken_when_the_default_does_not_fit(tmp_path: Path) -> None:
    place = folder(tmp_path, main_dot_tf='terraform {\n  required_version = "~> 1.5.0"\n}\n')

    assert choose(place, None, "1.5.2", "1.5.10", "1.6.0") == "1.5.10"
    assert choose(place) == "1.9.0"


@pytest.mark.parametrize(
    ("version", "constraint", "fits"),
    [
        ("1.5.7", "~> 1.5", True),
        ("2.0.0", "~> 1.5", False),
        ("1.6.0", "~> 1.5.0", False),
        ("1.5.7", ">= 1.3, < 2", True),
        ("1.5.7", "1.5.7", True),
        ("1.5.7", "= 1.5.6", False),
        ("1.5.7", "!= 1.5.7", False),
        ("1.5.7", "nonsense", False),
    ],
)
def test_constraints_mean_what_they_mean_to_terraform(version: str, constraint: str, *, fits: bool) -> None:
    assert satisfies(version, constraint) is fits


def test_arguments_of_people_replace_the_usual_ones() -> None:
    assert init_arguments(["-upgrade=false"], upgrade=True) == ["init", "-input=false", "-upgrade=false"]
    assert "-refresh=true" not in plan_arguments(["-refresh=false"], out=Path("p"), var_file=None)
    assert apply_arguments([], plan=Path("p"))[-1] == "p"


def test_who_wants_the_locked_providers_gets_no_newer_ones() -> None:
    assert init_arguments(["-lockfile=readonly"], upgrade=True) == ["init", "-input=false", "-lockfile=readonly"]
    assert "-upgrade" in init_arguments(["-lockfile=none"], upgrade=True)


def test_what_people_name_stands_behind_a_divider() -> None:
    assert import_arguments(["-lock=false"], var_file=Path("v"), address="a.b", id_="-x") == [
        "import",
        "-input=false",
        "-lock=false",
        "-var-file=v",
        "--",
        "a.b",
        "-x",
    ]
    assert state_rm_arguments(["-lock=false"], addresses=["a.b"]) == ["state", "rm", "-lock=false", "--", "a.b"]


def test_a_missing_cli_configuration_is_replaced_by_an_empty_one(tmp_path: Path) -> None:
    inherited = {"TF_CLI_CONFIG_FILE": "/nowhere", "THERA_X": "1", "PATH": "/bin", "AWS_PROFILE": "p"}

    made = command_environment(inherited, {}, plugin_cache=tmp_path, commands=[tmp_path / "bin"], config_dir=tmp_path)

    assert Path(made["TF_CLI_CONFIG_FILE"]).read_text() == ""
    assert made["PATH"] == f"/bin:{tmp_path / 'bin'}"
    assert (made["TF_IN_AUTOMATION"], made["TF_INPUT"], made["AWS_PROFILE"]) == ("1", "0", "p")
    assert "THERA_X" not in made


BOXES = """\
noise
\x1b[31m╷\x1b[0m
│ Warning: Old
│
│ Use the new one.
╵
╷
│ Error: Bad thing: really
│
│   with module.a.aws_x.y["k"],
│   on modules/a/main.tf line 12, in resource "aws_x" "y":
│   12:   x = 1
│
│ Do it otherwise.
╵
"""


def test_diagnostics_come_out_of_their_boxes_errors_first() -> None:
    error, warning = diagnostics(BOXES)

    assert (error.severity, error.summary, error.file, error.line) == (
        "error",
        "Bad thing: really",
        "modules/a/main.tf",
        12,
    )
    assert error.address == 'module.a.aws_x.y["k"]'
    assert "Do it otherwise." in error.detail
    assert (warning.severity, warning.summary, warning.detail) == ("warning", "Old", "Use the new one.")


@pytest.mark.parametrize(
    "spelled",
    ["Terraform encountered problems during initialisation", "OpenTofu encountered problems during initialization"],
)
def test_what_introduces_a_diagnostic_with_a_place_is_left_out(spelled: str) -> None:
    introduction = f"╷\n│ Error: {spelled}, including problems\n│\n│ with the configuration, described below.\n╵\n"

    assert [one.file for one in diagnostics(introduction + BOXES)] == ["modules/a/main.tf", None]
    assert len(diagnostics(introduction)) == 1


def packed(tmp_path: Path) -> bytes:
    (tmp_path / "a.tfplan").write_bytes(b"plan")
    (tmp_path / bundle.LOCK_FILE).write_text("lock")
    return bundle.pack(tmp_path / "a.tfplan", tmp_path)


def test_a_plan_and_its_lock_file_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()

    bundle.unpack(packed(tmp_path / "in"), plan=tmp_path / "out" / "p", folder=tmp_path / "out")

    assert (tmp_path / "out" / "p").read_bytes() == b"plan"
    assert (tmp_path / "out" / bundle.LOCK_FILE).read_text() == "lock"
    assert packed(tmp_path / "in") == packed(tmp_path / "in")


def test_a_link_in_the_repository_does_not_lead_the_lock_file_away(tmp_path: Path) -> None:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "out" / bundle.LOCK_FILE).symlink_to(tmp_path / "victim")

    bundle.unpack(packed(tmp_path / "in"), plan=tmp_path / "out" / "p", folder=tmp_path / "out")

    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("cut", [0, 5, 40])
def test_a_broken_artifact_says_plan_again(tmp_path: Path, cut: int) -> None:
    content = packed(tmp_path)

    with pytest.raises(JobFailed, match="Plan again"):
        bundle.unpack(content[:cut], plan=tmp_path / "p", folder=tmp_path)


LOCKED = 'provider "registry.example/a/b" {\n  version = "1.0.0"\n}\n'


def cached(cache: Path) -> None:
    script(cache / "registry.example/a/b/1.0.0/linux_amd64/terraform-provider-b_v1.0.0")


def test_an_init_whose_providers_are_there_sees_only_links_to_them(tmp_path: Path) -> None:
    cache, view, code = tmp_path / "cache", tmp_path / "view", tmp_path / "code"
    code.mkdir()
    (code / bundle.LOCK_FILE).write_text(LOCKED)
    assert not is_complete(cache, view, code)
    cached(cache)

    assert is_complete(cache, view, code)
    assert (view / "registry.example/a/b/1.0.0/linux_amd64").is_symlink()


def test_an_init_that_may_download_has_the_cache_alone(tmp_path: Path) -> None:
    cache, code, never = tmp_path / "cache", tmp_path / "code", threading.Event()
    code.mkdir()
    (code / "main.tf").write_text('resource "aws_x" "y" {}\n')
    told = threading.Event()
    told.set()

    with cache_for_init(cache, tmp_path / "view", code, cancel=never) as first:
        assert first == cache
        with (
            pytest.raises(JobCancelled),
            cache_for_init(cache, tmp_path / "view", code, cancel=told),
        ):
            pass


@pytest.mark.parametrize(
    ("text", "none"),
    [
        ('resource "terraform_data" "x" {}\n', True),
        ('output "x" {\n  value = 1\n}\n', True),
        ('resource "aws_x" "y" {}\n', False),
        ('module "m" {\n  source = "./m"\n}\n', False),
    ],
)
def test_only_what_is_surely_built_in_needs_no_provider(tmp_path: Path, text: str, *, none: bool) -> None:
    (tmp_path / "main.tf").write_text(text)
    (tmp_path / "folder.tf").mkdir()

    assert needs_no_provider(tmp_path) is none
