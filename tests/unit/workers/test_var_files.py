"""What a comment may name with `-var-file`."""

from pathlib import Path

import pytest

from tests.unit.workers.test_execute_bench import ONE, Bench, plan_of
from workers.errors import JobFailed
from workers.protocol.results import Outcome
from workers.steps.var_files import insist_on_known


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "prod").mkdir(parents=True)
    (root / "common.tfvars").touch()
    (tmp_path / "secret").write_text("secret")
    (root / "prod/link.tfvars").symlink_to(tmp_path / "secret")
    (tmp_path / "shared").mkdir()
    return root


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-var", "a=../../secret"),
        ("-var-file=own.tfvars",),
        ("-var-file=../common.tfvars",),
        ("--var-file", "../common.tfvars"),
        ("-var-file={shared}/x.tfvars",),
    ],
)
def test_files_of_the_repository_and_listed_folders_may_be_named(root: Path, arguments: tuple[str, ...]) -> None:
    shared = root.parent / "shared"
    named = [argument.format(shared=shared) for argument in arguments]

    insist_on_known(named, folder=root / "prod", root=root, allowed=[shared])


@pytest.mark.parametrize(
    "arguments",
    [
        ("-var-file=/etc/passwd",),
        ("--var-file=/etc/passwd",),
        ("-var-file", "/etc/passwd"),
        ("-target=a", "-var-file", "../../secret"),
        ("-var-file=link.tfvars",),
        ("-var-file=../../shared-too/x.tfvars",),
        ("-var-file=~/x.tfvars",),
    ],
)
def test_other_files_may_not_be_named_through_links_either(root: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(JobFailed, match="may not be named in a comment"):
        insist_on_known(arguments, folder=root / "prod", root=root, allowed=[root.parent / "shared"])


@pytest.mark.terraform
@pytest.mark.usefixtures("terraform_binary")
def test_a_plan_does_not_quote_a_file_of_the_worker(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2 is the password")
    bench = Bench(tmp_path / "bench")

    report = bench.do(plan_of(bench.pull({"prod/main.tf": ONE}), extra_args=(f"-var-file={secret}",)))

    assert report.outcome is Outcome.FAILED
    assert "hunter2" not in str(report)
    assert "may not be named in a comment" in str(report)
