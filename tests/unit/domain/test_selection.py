"""Which projects a change touches."""

from server.domain.selection import Candidate, affected, discovered, project_dir_of, users_of_changed
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import DiscoverFacts


def facts(*changed: str, dirs: tuple[str, ...] = (), calls: dict[str, tuple[str, ...]] | None = None) -> DiscoverFacts:
    return DiscoverFacts(head_sha="a", base_sha="b", changed_files=changed, module_dirs=dirs, module_calls=calls or {})


def found(facts: DiscoverFacts, *taken: str) -> dict[str, str]:
    chosen = discovered(facts, counts=lambda path: path.endswith(".tf"), ignored=lambda _: False, taken=taken)
    return {one.key.dir: one.reason for one in chosen}


def test_a_changed_directory_is_found() -> None:
    assert found(facts("prod/main.tf", "README.md", dirs=("prod", "dev"))) == {"prod": "`prod/main.tf` changed"}


def test_a_module_is_planned_through_every_root_that_uses_it_however_indirectly() -> None:
    change = facts(
        "modules/subnet/main.tf",
        dirs=("modules/subnet", "modules/net", "prod", "dev", "other"),
        calls={"modules/net": ("modules/subnet",), "prod": ("modules/net",), "dev": ("modules/net",)},
    )

    assert found(change) == {
        "dev": "module `modules/subnet` changed",
        "prod": "module `modules/subnet` changed",
    }


def test_a_module_that_nobody_put_under_modules_is_not_planned_as_a_root() -> None:
    change = facts("shared/main.tf", dirs=("shared", "prod"), calls={"prod": ("shared",)})

    assert list(found(change)) == ["prod"]


def test_modules_that_call_each_other_in_a_circle_do_not_hang() -> None:
    change = facts("a/x.tf", dirs=("a", "b", "c"), calls={"a": ("b",), "b": ("a",), "c": ("a",)})

    assert set(users_of_changed(change)) == {"a", "b", "c"}


def test_a_file_deep_inside_a_module_belongs_to_it() -> None:
    change = facts("modules/m/templates/user/init.tpl", dirs=("modules/m", "prod"), calls={"prod": ("modules/m",)})

    assert list(found(change)) == ["prod"]


def test_a_directory_that_was_deleted_is_not_planned() -> None:
    assert found(facts("gone/main.tf", dirs=("prod",))) == {}


def test_a_configured_directory_is_not_found_a_second_time() -> None:
    assert found(facts("prod/main.tf", dirs=("prod",)), "prod") == {}


def test_the_root_directory_can_be_a_project() -> None:
    assert found(facts("main.tf", dirs=(".",))) == {".": "`main.tf` changed"}


def test_tfvars_in_env_belong_to_the_directory_above() -> None:
    assert project_dir_of("prod/env/blue.tfvars", {"prod"}) == "prod"


def test_an_env_directory_with_code_of_its_own_is_its_own_project() -> None:
    assert project_dir_of("prod/env/main.tf", {"prod", "prod/env"}) == "prod/env"


def test_state_files_touch_nothing() -> None:
    assert project_dir_of("prod/terraform.tfstate", {"prod"}) is None


def test_a_configured_project_is_chosen_by_its_own_rule() -> None:
    candidate = Candidate(ProjectKey("prod", name="p"), lambda path: path == "config/prod.yaml")

    chosen = affected([candidate], facts("config/prod.yaml", dirs=("prod",)))

    assert [(one.key.name, one.reason) for one in chosen] == [("p", "`config/prod.yaml` changed")]


def test_a_configured_project_is_chosen_through_its_modules() -> None:
    candidate = Candidate(ProjectKey("prod"), lambda _: False)
    change = facts("lib/net/main.tf", dirs=("prod", "lib/net"), calls={"prod": ("lib/net",)})

    assert [one.reason for one in affected([candidate], change)] == ["module `lib/net` changed"]


def test_a_change_is_told_with_its_first_files_and_how_many_there_are() -> None:
    candidate = Candidate(ProjectKey("prod"), lambda path: path.endswith(".tf"))
    changed = [f"prod/{number}.tf" for number in range(8)]

    [chosen] = affected([candidate], facts("prod/README.md", *changed, dirs=("prod",)))

    assert (chosen.cause.files, chosen.cause.files_in_all) == (tuple(changed[:5]), 8)


def test_the_way_from_a_changed_file_in_a_module_to_a_project_is_told_call_by_call() -> None:
    change = facts(
        "modules/a/files/x.tpl",
        dirs=("modules/a", "modules/b", "prod"),
        calls={"modules/b": ("modules/a",), "prod": ("modules/b",)},
    )

    [chosen] = affected([Candidate(ProjectKey("prod"), lambda _: False)], change)

    assert chosen.cause.through == ("modules/a/files/x.tpl", "modules/a", "modules/b", "prod")


def test_a_file_of_its_own_and_a_module_are_both_told() -> None:
    change = facts("prod/x.tf", "m/y.tf", dirs=("prod", "m"), calls={"prod": ("m",)})

    [chosen] = discovered(change, counts=lambda _: True, ignored=lambda _: False, taken=())

    assert (chosen.cause.files, chosen.cause.through) == (("prod/x.tf",), ("m/y.tf", "m", "prod"))
    assert chosen.reason == "`prod/x.tf` changed"
