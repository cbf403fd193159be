"""What a plan can read, by content: two commits with the same inputs plan the same."""

from pathlib import Path

import pytest

from tests.unit.workers.test_discovery_report import Repository, calls
from tests.unit.workers.test_git_origin import Origin
from workers.discovery.hcl import read
from workers.discovery.report import discover
from workers.protocol.jobs import Checkout, Discover
from workers.protocol.results import CodeInputs


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(Origin.at(tmp_path / "origin"), tmp_path / "cache")


def inputs(repository: Repository, pull: Checkout) -> CodeInputs:
    found = discover(Discover(checkout=pull, inputs=True), repository.mirror(pull)).inputs
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ('a = file("${path.module}/a.json")', ()),
        ('a = file("${path.module}/../shared/a.json")', ("../shared/a.json",)),
        ('a = file("../shared/a.json")', ("*",)),
        ('a = file("${path.root}/../a.json")', ("*",)),
        ('a = file("${path.module}/../${var.name}.json")', ("*",)),
        ('a = join("/", ["..", "a"])', ("*",)),
        ('a = file("\\u002e\\u002e/a")', ("*",)),
        ("a = dirname(path.module)", ("*",)),
        ('a = abspath("${path.module}/x")', ()),
        ('a = replace(abspath(path.module), "prod", "dev")', ("*",)),
        ('data "external" "a" {\n  program = ["true"]\n}\n', ("*",)),
        ("a = { for one in var.many : one => one... }", ()),
        ("a = concat(var.many...)", ()),
        ("# see ../README.md\n", ()),
        ('a = "Loading... done"', ()),
        ('module "a" {\n  source = "../modules/a"\n}\n', ()),
        ('module "a" {\n  source = "../modules/a"\n  b = file("../modules/b")\n}\n', ("*",)),
        ("a = <<EOT\n../x\nEOT\n", ("*",)),
        ('a = "${file("../x")}"', ("*",)),
        ("a = {\n", ("*",)),
    ],
)
def test_whatever_leads_upwards_and_is_not_understood_reads_everything(text: str, reads: tuple[str, ...]) -> None:
    name = "module" if "module " in text else ""
    padded = text if name else f'module "z" {{\n  source = "./z"\n}}\n{text}\n'

    assert read("main.tf", padded.encode()).reads == reads


def test_directories_and_files_at_the_root_are_named_by_content(repository: Repository) -> None:
    repository.origin.commit({"README.md": "", "prod/main.tf": "", "prod/files/a.json": "1", "dev/main.tf": ""})

    one = inputs(repository, repository.origin.pull(7, {"prod/files/a.json": "2"}))
    other = inputs(repository, repository.origin.pull(7, {"prod/files/a.json": "3"}))

    assert set(one.objects) == {".", "prod", "prod/files", "dev", "README.md"}

    changed = {path for path in one.objects if one.objects[path] != other.objects[path]}
    assert changed == {".", "prod", "prod/files"}


def test_it_is_the_merged_tree_that_counts(repository: Repository) -> None:
    repository.origin.commit({"prod/main.tf": "", "dev/main.tf": ""})
    pull = repository.origin.pull(7, {"prod/main.tf": "# ours\n"})
    before = inputs(repository, pull)
    base = repository.origin.commit({"dev/main.tf": "# theirs\n"})

    branch = inputs(repository, Checkout(**{**vars(pull), "base_sha": base}))
    merged = inputs(repository, Checkout(**{**vars(pull), "base_sha": base, "strategy": "merge"}))

    assert branch.objects == before.objects
    assert {path for path in before.objects if before.objects[path] != merged.objects[path]} == {".", "dev"}


def test_a_head_that_cannot_be_merged_has_no_inputs(repository: Repository) -> None:
    repository.origin.commit({"prod/main.tf": ""})
    pull = repository.origin.pull(7, {"prod/main.tf": "# ours\n"})
    base = repository.origin.commit({"prod/main.tf": "# theirs\n"})

    work = Discover(checkout=Checkout(**{**vars(pull), "base_sha": base, "strategy": "merge"}), inputs=True)

    assert discover(work, repository.mirror(pull)).inputs is None


def test_links_templates_variables_and_version_files_lead_elsewhere(repository: Repository) -> None:
    repository.origin.commit({"shared/policy.json": "{}", "infra/.terraform-version": "1.11.4\n"})
    pull = repository.origin.pull(
        7,
        {
            "infra/prod/main.tf": 'locals {\n  a = file("${path.module}/../../shared/policy.json")\n}\n',
            "infra/dev/main.tf": "",
            "infra/dev/files/a.tftpl": '${file("../x")}',
            "infra/test/main.tf": calls("../../modules/net"),
            "infra/test/a.tfvars": 'file = "../b"\n',
            "modules/net/main.tf": "",
        },
    )

    found = inputs(repository, pull)

    assert found.reads == {
        "infra/dev": ("*", "infra/.terraform-version"),
        "infra/prod": ("infra/.terraform-version", "shared/policy.json"),
        "infra/test": ("*", "infra/.terraform-version"),
    }
    assert found.calls == {"infra/test": ("modules/net",)}
    assert {"shared/policy.json", "infra/.terraform-version"} <= set(found.objects)


def test_nobody_pays_who_does_not_ask(repository: Repository) -> None:
    repository.origin.commit({"prod/main.tf": ""})
    pull = repository.origin.pull(7, {"prod/main.tf": "# ours\n"})

    assert repository.discover(pull).inputs is None
