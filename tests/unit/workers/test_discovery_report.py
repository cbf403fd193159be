"""A whole commit: what changed, which directories are modules, who calls whom, and what is wrong."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.workers.test_git_origin import Origin
from workers.discovery.graph import Layout, module_files
from workers.discovery.report import discover
from workers.git.client import Entry
from workers.git.mirror import Mirror
from workers.protocol.codec import decode, encode
from workers.protocol.jobs import Checkout, Discover
from workers.protocol.results import Diagnostic, DiscoverFacts


def calls(*sources: str) -> str:
    return "".join(f'module "m{number}" {{\n  source = "{source}"\n}}\n' for number, source in enumerate(sources))


@dataclass
class Repository:
    origin: Origin
    cache: Path

    def facts(self, before: Mapping[str, str | bytes], change: Mapping[str, str | bytes | None]) -> DiscoverFacts:
        """Commit files to `main`, open a pull request with a change, and discover it."""
        self.origin.commit(before)
        return self.discover(self.origin.pull(7, change))

    def discover(self, pull: Checkout) -> DiscoverFacts:
        return discover(Discover(checkout=pull), self.mirror(pull))

    def mirror(self, pull: Checkout) -> Mirror:
        return self.origin.mirror(pull, self.cache)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(Origin.at(tmp_path / "origin"), tmp_path / "cache")


def test_a_pull_request_is_reported_whole(repository: Repository) -> None:
    facts = repository.facts(
        {
            "atlantis.yaml": "version: 3\n",
            "prod/main.tf": calls("../modules/net"),
            "prod/prod.tfvars": "",
            "prod/env/eu.tfvars.json": "{}",
            "modules/net/main.tf": calls("./subnets", "terraform-aws-modules/vpc/aws"),
            "modules/net/subnets/main.tofu": "",
            "README.md": "",
        },
        {"modules/net/main.tf": calls("./subnets") + "# changed\n"},
    )

    assert facts.changed_files == ("modules/net/main.tf",)
    assert facts.config_files == {"atlantis.yaml": "version: 3\n"}
    assert facts.module_dirs == ("modules/net", "modules/net/subnets", "prod")
    assert facts.module_calls == {"modules/net": ("modules/net/subnets",), "prod": ("modules/net",)}
    assert facts.var_files == {"prod": ("prod/env/eu.tfvars.json", "prod/prod.tfvars")}
    assert facts.problems == ()
    assert decode(DiscoverFacts, encode(facts)) == facts


def test_changes_count_from_where_the_branch_left(repository: Repository) -> None:
    repository.origin.commit({"a/main.tf": ""})
    pull = repository.origin.pull(7, {"b/main.tf": ""})
    later = repository.origin.commit({"c/main.tf": ""})

    facts = repository.discover(Checkout(**{**pull.__dict__, "base_sha": later}))

    assert facts.changed_files == ("b/main.tf",)
    assert facts.module_dirs == ("a", "b")
    assert (facts.head_sha, facts.base_sha) == (pull.head_sha, later)


def test_a_moved_file_gives_both_its_names(repository: Repository) -> None:
    content = calls("../net") * 5
    facts = repository.facts({"a/main.tf": content, "net/x.tf": ""}, {"a/main.tf": None, "b/main.tf": content})

    assert facts.changed_files == ("a/main.tf", "b/main.tf")
    assert facts.module_dirs == ("b", "net")


def test_histories_without_a_common_commit_are_compared_directly(repository: Repository) -> None:
    base = repository.origin.commit({"a/main.tf": ""})
    repository.origin.git("checkout", "--quiet", "--orphan", "other")
    head = repository.origin.commit({"b/main.tf": ""})

    facts = repository.discover(repository.origin.checkout(head, base, head_ref="refs/heads/other"))

    assert facts.changed_files == ("b/main.tf",)


def test_a_tofu_file_stands_in_for_the_tf_file_of_the_same_name(repository: Repository) -> None:
    facts = repository.facts(
        {
            "a/main.tf": calls("../old"),
            "a/main.tofu": calls("../new"),
            "a/x.tf.json": json.dumps({"module": {"m": {"source": "../json"}}}),
            "old/a.tf": "",
            "new/a.tofu.json": "{}",
            "json/a.tf": "",
        },
        {},
    )

    assert facts.module_calls == {"a": ("json", "new")}


def test_a_module_outside_of_the_repository_is_a_warning(repository: Repository) -> None:
    facts = repository.facts({"a/main.tf": calls("../../elsewhere", "./b/../../../x")}, {})

    assert facts.module_calls == {}
    assert facts.problems == (
        Diagnostic(
            severity="warning",
            summary="Module source `../../elsewhere` leads out of the repository",
            file="a/main.tf",
        ),
        Diagnostic(
            severity="warning",
            summary="Module source `./b/../../../x` leads out of the repository",
            file="a/main.tf",
        ),
    )


def test_the_root_of_the_repository_is_a_directory_like_any_other(repository: Repository) -> None:
    facts = repository.facts({"main.tf": calls("./net"), "net/main.tf": "", "a/main.tf": calls("../")}, {})

    assert facts.module_dirs == (".", "a", "net")
    assert facts.module_calls == {".": ("net",), "a": (".",)}


def test_symbolic_links_lead_where_they_point_and_never_out(repository: Repository) -> None:
    origin = repository.origin
    origin.commit({"shared/common.tf": calls("../net"), "net/main.tf": "", "a/main.tf": calls("./linked")})
    (origin.path / "a/common.tf").symlink_to("../shared/common.tf")
    (origin.path / "a/linked").symlink_to("../net")
    (origin.path / "a/outside.tf").symlink_to("/etc/passwd")
    (origin.path / "a/loop.tf").symlink_to("loop.tf")
    (origin.path / "atlantis.yaml").symlink_to("../../secret")
    origin.commit_all()

    facts = repository.discover(origin.pull(7, {}))

    assert facts.module_calls == {"a": ("net", "shared"), "shared": ("net",)}
    assert facts.config_files == {}
    assert {(item.file, item.summary) for item in facts.problems} == {
        (name, "A symbolic link to nothing in this repository")
        for name in ("a/outside.tf", "a/loop.tf", "atlantis.yaml")
    }


def test_a_changed_file_is_always_parsed_others_only_when_they_may_call_modules(repository: Repository) -> None:
    facts = repository.facts(
        {
            "a/main.tf": "oops",
            "b/main.tf": 'module "x" {\n  source = "./y"\n',
            "c/main.tf": "fine = 1\n",
        },
        {"c/main.tf": "oops"},
    )

    assert [(item.file, item.line) for item in facts.problems] == [("b/main.tf", 2), ("c/main.tf", 1)]
    assert facts.module_calls == {"b": ("b/y",)}


def test_a_file_seen_before_is_parsed_once_somebody_changes_to_it(repository: Repository) -> None:
    repository.origin.commit({"a/main.tf": "oops", "b/main.tf": ""})
    assert repository.discover(repository.origin.pull(7, {})).problems == ()

    facts = repository.discover(repository.origin.pull(8, {"b/main.tf": "oops"}))

    assert [item.file for item in facts.problems] == ["b/main.tf"]


def test_files_that_cannot_be_code_do_not_stop_the_report(repository: Repository) -> None:
    facts = repository.facts(
        {
            "a/main.tf": b"\xff\xfe\x00",
            "a/big.tf": b"#" * 3_000_000,
            "a/lfs.tf": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
            "thera.yaml": b"\xff",
            "b/.terraform/modules/x/main.tf": calls("./y"),
            "b/ünï cöde.tf": calls("../a"),
        },
        {"a/lfs.tf": "version https://git-lfs.github.com/spec/v1\noid sha256:01\nsize 3\n", "a/main.tf": b"\xfe"},
    )

    assert {(item.file, item.severity) for item in facts.problems} == {
        ("a/main.tf", "error"),
        ("a/big.tf", "warning"),
        ("a/lfs.tf", "warning"),
        ("thera.yaml", "error"),
    }
    assert facts.module_calls == {"b": ("a",)}


def test_submodules_are_passed_over(repository: Repository) -> None:
    origin = repository.origin
    sha = origin.commit({"a/main.tf": ""})
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{sha},sub.tf")
    origin.git("commit", "--quiet", "-m", "submodule")
    (origin.path / "sub.tf").mkdir()

    facts = repository.discover(origin.checkout(origin.git("rev-parse", "main"), sha, head_ref="main"))

    assert facts.module_dirs == ("a",)
    assert facts.changed_files == ("sub.tf",)


def test_names_that_are_not_utf_8_can_be_reported(repository: Repository) -> None:
    origin = repository.origin
    origin.commit({"a/main.tf": ""})
    folder = bytes(origin.path) + b"/t\xe9xt"
    Path(folder.decode("utf-8", "surrogateescape")).mkdir()
    Path((folder + b"/main.tf").decode("utf-8", "surrogateescape")).write_text(calls("../a"))
    origin.commit_all()

    facts = repository.discover(origin.pull(7, {}))

    assert facts.module_dirs == ("a", "t\ufffdxt")
    assert encode(facts)


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b'{"format": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_cache_is_rebuilt(repository: Repository, rubbish: bytes) -> None:
    first = repository.facts({"a/main.tf": calls("../b"), "b/main.tf": ""}, {"b/main.tf": "oops"})
    pull = repository.origin.checkout(first.head_sha, first.base_sha)
    cache = repository.mirror(pull).directory / "thera-readings.json"
    assert cache.exists()

    cache.write_bytes(rubbish)

    assert repository.discover(pull) == first
    assert json.loads(cache.read_bytes())["files"]


@pytest.mark.parametrize("entry", [None, [], [1, 2, 3], [["./b"], [1], True], {"a": 1}, "abc"])
def test_damaged_entries_of_a_cache_are_read_again(repository: Repository, entry: object) -> None:
    first = repository.facts({"a/main.tf": calls("../b"), "b/main.tf": ""}, {"b/main.tf": "oops"})
    pull = repository.origin.checkout(first.head_sha, first.base_sha)
    cache = repository.mirror(pull).directory / "thera-readings.json"
    document = json.loads(cache.read_bytes())

    cache.write_text(json.dumps(document | {"files": dict.fromkeys(document["files"], entry)}))

    assert repository.discover(pull) == first


@given(st.dictionaries(st.sampled_from(["a/x.tf", "b/y.tf.json", "c.tofu", "atlantis.yaml"]), st.binary(), min_size=1))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_content_can_be_discovered(repository: Repository, files: dict[str, bytes]) -> None:
    facts = repository.facts(files, {"changed.tf": ""})

    assert encode(facts)


NAMES = st.sampled_from(["a", "b", "..", ".", "", "l", "c"])
PATHS = st.lists(NAMES, max_size=8).map("/".join)


@given(st.dictionaries(st.sampled_from(["l", "a/l", "a/b/l", "b"]), PATHS), PATHS)
def test_no_path_escapes_from_a_commit(links: dict[str, str], relative: str) -> None:
    found = Layout({}, links).follow("a/b", relative)

    assert found is None or found == "." or ".." not in found.split("/")
    assert found is None or not found.startswith("/")


def test_directories_with_odd_names_keep_their_files_apart() -> None:
    found = module_files(["x.tf/main.tf", "x.tofu/main.tf", "a/.hidden.tf", "a/main.tf", "a/main.tofu", "a/b.tfvars"])

    assert found == {"x.tf": ["x.tf/main.tf"], "x.tofu": ["x.tofu/main.tf"], "a": ["a/main.tofu"]}


def test_a_file_is_found_through_links() -> None:
    entry = Entry(path="real/x.tf", sha="0", size=0)
    layout = Layout({"real/x.tf": entry}, {"link": "real"})

    assert layout.file("link/x.tf") == entry
    assert layout.file("link/../real/x.tf") == entry
    assert layout.file("link/y.tf") is None


def test_a_thousand_projects_are_discovered_in_well_under_a_second_once_known(repository: Repository) -> None:
    files = {
        f"projects/p{number}/main.tf": f'terraform {{\n  required_version = ">= 1.5"\n}}\n# {number}\n'
        + calls(f"../../modules/m{number % 20}")
        for number in range(1000)
    }
    repository.origin.commit({**files, **{f"modules/m{number}/main.tf": "" for number in range(20)}})
    pull = repository.origin.pull(7, {"modules/m3/main.tf": "# changed\n"})
    repository.mirror(pull).with_commits(pull, lambda _: None)
    seconds: list[float] = []

    for _ in ("cold", "warm"):
        started = time.perf_counter()
        facts = repository.discover(pull)
        seconds.append(time.perf_counter() - started)
        assert len(facts.module_calls) == 1000

    print(f"cold {seconds[0] * 1000:.0f} ms, warm {seconds[1] * 1000:.0f} ms")
    assert seconds[1] < 1


def test_a_root_whose_code_is_deleted_is_reported_with_the_configuration_that_knew_it(repository: Repository) -> None:
    before = {
        "thera.yaml": "version: 3\nprojects: [{dir: old}]\n",
        "old/main.tf": calls("../modules/net"),
        "modules/net/main.tf": "",
        "prod/main.tf": "",
        "prod/extra.tf": "",
    }
    gone = ("thera.yaml", "old/main.tf", "modules/net/main.tf", "prod/extra.tf")

    facts = repository.facts(before, dict.fromkeys(gone))

    assert facts.removed_dirs == ("old",)
    assert facts.base_config_files == {"thera.yaml": before["thera.yaml"]}
    assert facts.config_files == {}


def test_a_root_that_moves_is_gone_from_where_it_was(repository: Repository) -> None:
    facts = repository.facts({"old/main.tf": "# the same\n"}, {"old/main.tf": None, "new/main.tf": "# the same\n"})

    assert (facts.removed_dirs, facts.module_dirs) == (("old",), ("new",))


def test_where_no_directory_goes_nothing_of_the_base_is_reported(repository: Repository) -> None:
    facts = repository.facts({"thera.yaml": "version: 3\n", "prod/main.tf": ""}, {"prod/main.tf": "# new\n"})

    assert (facts.removed_dirs, facts.base_config_files) == ((), {})
