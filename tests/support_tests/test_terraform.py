from pathlib import Path

import pytest

from tests.support.terraform import (
    LAB_REQUIRED_PROVIDERS,
    Terraform,
    aws_mirror,
    cli_config,
    lab_mirror,
    module,
)


def test_a_module_is_written_as_it_was_indented_in_the_test(tmp_path: Path) -> None:
    files = {
        "main.tf": """\
            locals {
              a = 1
            }
        """,
        "nested/more.tf": "",
    }

    folder = module(tmp_path / "prod", files)

    assert (folder / "main.tf").read_text() == "locals {\n  a = 1\n}\n"
    assert (folder / "nested" / "more.tf").exists()


@pytest.mark.terraform
def test_the_lab_provider_starts_whatever_the_environment_and_the_folder(
    terraform_binary: Path, tmp_path: Path
) -> None:
    folder = module(tmp_path / "a module", {"main.tf": LAB_REQUIRED_PROVIDERS})
    spoiled = {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere", "HOME": "/nowhere"}
    (tmp_path / "with a space" / ("long" * 40)).mkdir(parents=True)
    config = lab_mirror(tmp_path / "with a space" / ("long" * 40))
    terraform = Terraform(terraform_binary, folder, config, env=spoiled)

    terraform.succeed("init")

    assert "provider[registry.terraform.io/test/lab]" in terraform.succeed("providers").stdout
    assert "lab_thing" in terraform.succeed("providers", "schema", "-json").stdout


@pytest.mark.terraform
def test_a_provider_that_no_mirror_has_fails_and_is_not_downloaded(
    terraform_binary: Path, lab_cli_config: Path, tmp_path: Path
) -> None:
    folder = module(
        tmp_path,
        {"main.tf": 'terraform {\n  required_providers {\n    other = { source = "test/other" }\n  }\n}'},
    )

    outcome = Terraform(terraform_binary, folder, lab_cli_config).run("init", "-no-color")

    assert outcome.code == 1
    assert "test/other was not found in any of the search locations" in " ".join(outcome.stderr.split())


@pytest.mark.terraform
def test_a_command_that_must_succeed_shows_its_output_when_it_does_not(
    terraform_binary: Path, lab_cli_config: Path, tmp_path: Path
) -> None:
    terraform = Terraform(terraform_binary, module(tmp_path, {"main.tf": "nonsense"}), lab_cli_config)

    with pytest.raises(AssertionError, match=r"(?s)terraform validate -no-color: 1.*main\.tf line 1"):
        terraform.succeed("validate", "-no-color")


def test_a_named_mirror_with_the_aws_provider_is_found(tmp_path: Path) -> None:
    lab_mirror(tmp_path)
    lab = next((tmp_path / "mirror").rglob("terraform-provider-lab*"))
    target = tmp_path / "mirror/registry.terraform.io/hashicorp/aws/5.0.0" / lab.parent.name
    target.mkdir(parents=True)
    (target / "terraform-provider-aws_v5.0.0_x5").touch()

    assert aws_mirror({"THERA_TEST_PROVIDER_MIRROR": str(tmp_path / "mirror")}) == tmp_path / "mirror"


def test_a_named_mirror_without_the_aws_provider_is_no_mirror(tmp_path: Path) -> None:
    assert aws_mirror({"THERA_TEST_PROVIDER_MIRROR": str(tmp_path)}) is None


def test_a_cli_configuration_names_every_mirror_and_nothing_else(tmp_path: Path) -> None:
    mirrors = {"test/lab": tmp_path / "lab", "hashicorp/aws": tmp_path / "aws"}

    config = cli_config(tmp_path / "rc", mirrors).read_text()

    assert config.count("filesystem_mirror") == 2
    assert 'include = ["registry.terraform.io/hashicorp/aws"]' in config
