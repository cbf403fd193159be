"""Policies that the embedded engine would get wrong are refused before they run; the others are judged."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.test_policy_builtins import run
from workers.policy.embedded import Embedded
from workers.policy.findings import verdict
from workers.protocol.results import PolicySetResult

DELETES = {"resource_changes": [{"address": "a.b", "change": {"actions": ["delete"]}}]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    return tmp_path


def judged(place: Path, plan: Any, *arguments: str, **limits: Any) -> PolicySetResult:
    (place / "plan.json").write_text(json.dumps(plan))
    engine = Embedded(arguments=arguments, **limits)
    return verdict("set", lambda: engine.judge(place / "policies", place / "plan.json", run), redact=str)


def policy(place: Path, rules: str, *, name: str = "main.rego", package: str = "main") -> Path:
    (place / "policies" / name).write_text(f"package {package}\n\nimport rego.v1\n\n{rules}\n")
    return place


GOOD = """\
# METADATA
# title: nothing is deleted
deny contains msg if {
	some change in input.resource_changes
	"delete" in change.change.actions
	not startswith(change.address, "module.tmp")
	msg := sprintf("%s may not be deleted", [change.address])
}

warn contains {"msg": "much", "severity": 1} if count(input.resource_changes) > 0

deny_tags contains msg if {
	count(input.resource_changes) > 0
	every change in input.resource_changes { has_tags(change) }
	msg := `never`
}

default quiet := false

quiet if not loud

loud if {
	names := {name: count(name) | some change in input.resource_changes; name := change.address}
	some name, length in names
	length + 0 > 100
}

has_tags(change) := true if change.tags.owner

first[index] := change.address if some index, change in input.resource_changes

kinds := {kind | kind := input.resource_changes[_].type} | {"none"}

size := 1 if {
	count(kinds) == 1
} else := 2 if {
	count(kinds) == 2
} else := 3
"""


def test_a_policy_that_is_violated_fails_with_its_message(place: Path) -> None:
    found = judged(policy(place, GOOD), DELETES)

    assert found.error == ""
    assert (found.passed, found.failures, found.warnings) == (False, 1, 1)
    assert [(one.severity, one.rule, one.message) for one in found.messages] == [
        ("failure", "main.deny", "a.b may not be deleted"),
        ("warning", "main.warn", "much"),
    ]
    assert found.text == (
        "FAIL - <redacted plan file> - main - a.b may not be deleted\n"
        "WARN - <redacted plan file> - main - much\n"
        "\n"
        "3 tests, 1 passed, 1 warning, 1 failure, 0 exceptions"
    )


def test_a_policy_that_is_kept_passes(place: Path) -> None:
    found = judged(policy(place, GOOD), {"resource_changes": []})

    assert (found.passed, found.failures, found.warnings, found.error) == (True, 0, 0, "")


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ('deny[msg] { msg := "x" }', "before Rego v1"),
        ("deny { input.a }", "before Rego v1"),
        ("p = 1 { true } else = 2 { true }", "before Rego v1"),
        ('deny contains m if { http.send({"url": "x"}); m := "a" }', "`http.send` is not a function"),
        ('deny contains m if { net.cidr_contains("10.0.0.0/8", "10.1.1.1"); m := "a" }', "`net.cidr_contains`"),
        ('deny contains m if { x := opa.runtime(); m := "a" }', "`opa.runtime`"),
        ('deny contains m if { nosuch(1); m := "a" }', "`nosuch` is not a function"),
        ('deny contains m if { regex.match("a", "a"); m := "a" }', "`regex.match`"),
        ('deny contains m if { semver.compare("1.10.0", "1.9.0") == 1; m := "a" }', "`semver.compare`"),
        ("deny contains m if { x := json.unmarshal(input.x); m := x.y }", "`json.unmarshal`"),
        ('deny contains m if { m := sprintf("%q", ["a"]) }', "and not `%q`"),
        ('deny contains m if { m := sprintf("%5d", [1]) }', "and not `%5`"),
        ('form := "%q"\ndeny contains m if { m := sprintf(form, ["a"]) }', "has to be written out"),
        ('deny contains m if { input.size > 3; m := "a" }', "may be other than numbers"),
        ('deny contains m if { "b" > input.size; m := "a" }', "may be other than numbers"),
        ('deny contains m if { y == 1; m := "a" }', "`y` has no value anywhere"),
        ('deny contains msg if { m := "a" }', "`msg` has no value anywhere"),
        (
            'deny contains m if { input.a[i]; not known[j]; m := "a" }\nknown contains 1',
            "`[j]` goes through all values",
        ),
        ("deny contains m if { x := {k | some k in input.a}; m := k }", "`k` has no value anywhere"),
        ('deny contains m if { data.limits.most == 1; m := "a" }', "`data.limits.most` is in no policy"),
        ('import data.lib\ndeny contains m if { lib.bad; m := "a" }', "there is no such package"),
        ('deny contains m if { startswith("a", "b") with startswith as 1; m := "a" }', "not functions"),
        ('deny contains m if { m := $"x {input.a}" }', "cannot be read here"),
        ('deny contains m if { m := "a" ', "never closed"),
        ('deny contains m if { m := "a" }}', "closes nothing"),
    ],
)
def test_what_it_would_get_wrong_is_refused(place: Path, rules: str, said: str) -> None:
    found = judged(policy(place, rules), {"a": [1], "size": "5"})

    assert not found.passed
    assert said in found.error
    assert found.text == f"ERROR - {found.error}"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ('deny := "x"', "is not a set of messages"),
        ('deny[m] if m := "x"', "is not a set of messages"),
        ("deny contains 1", "something other than a text"),
        ('deny contains {"text": "x"}', "something other than a text"),
        ("deny if input.nothing", "has no value"),
        ("f(x) := f(x)\ndeny contains m if { m := f(1) }", "cannot be evaluated"),
        ('p := 1\np := 2\ndeny contains m if { m := sprintf("%d", [p]) }', "cannot be evaluated"),
        ('deny contains m if { startswith(input.a, "x"); m := "a" }', "cannot be evaluated"),
        ('deny contains m if { input.size + 0 > 3; m := "a" }', "cannot be evaluated"),
        ('deny contains m if { m := "<error>" }', "cannot be evaluated"),
        ("allow if true", "no rule was asked"),
        ('exception contains rules if { rules := ["x"] }\ndeny contains "x"', "need conftest"),
        ('deny contains m if { lower(input.big) == "\u00e4"; m := "a" }', "would not know the letter"),
    ],
)
def test_what_gives_no_clear_answer_is_an_error(place: Path, rules: str, said: str) -> None:
    found = judged(policy(place, rules), {"a": [1], "size": "5", "big": "\u00c4"})

    assert not found.passed
    assert said in found.error


def test_a_policy_that_takes_too_long_is_an_error(place: Path) -> None:
    rules = 'n := numbers.range(1, 900)\ndeny contains m if { some x in n; some y in n; x + y == -1; m := "a" }'

    found = judged(policy(place, rules), {}, seconds=0.5)

    assert found.error == "the policies took more than 0.5 seconds"


def test_a_policy_that_takes_too_much_memory_is_an_error(place: Path) -> None:
    found = judged(policy(place, 'deny contains m if { m := replace("a", "", "b") }'), {}, memory=200 * 1024 * 1024)

    assert found.error == "the policies took more memory than 200 MB"


def test_packages_may_use_each_other(place: Path) -> None:
    policy(place, 'bad(change) if "delete" in change.change.actions', name="lib.rego", package="lib.changes")
    policy(
        place,
        "import data.lib.changes\n"
        "deny contains change.address if { some change in input.resource_changes; changes.bad(change) }\n"
        "violation contains change.address if { some change in input.resource_changes; data.lib.changes.bad(change) }",
    )

    assert [one.message for one in judged(place, DELETES).messages] == ["a.b", "a.b"]


def test_only_the_namespaces_that_are_named_are_asked(place: Path) -> None:
    policy(place, 'deny contains "one"', name="one.rego", package="terraform.one")
    policy(place, 'deny contains "two"', name="two.rego", package="two")

    assert [one.rule for one in judged(place, {}, "--namespace", "two").messages] == ["two.deny"]
    assert [one.rule for one in judged(place, {}, "--namespace=two,terraform.one").messages] == [
        "terraform.one.deny",
        "two.deny",
    ]
    assert judged(place, {}, "--all-namespaces").failures == 2
    assert "no rule was asked" in judged(place, {}).error
    assert "`--data` is an argument for conftest" in judged(place, {}, "--data", "x").error


def test_tests_of_policies_are_no_policies(place: Path) -> None:
    policy(place, 'deny contains "x" if input.x')
    policy(place, 'deny contains "test"\ntest_it if { http.send({}) }', name="main_test.rego")

    assert judged(place, {}).passed


def test_without_any_policy_nothing_passes(place: Path) -> None:
    (place / "policies" / "README.md").write_text("none yet")

    assert "there are no policies" in judged(place, {}).error


def test_the_policies_see_nothing_of_the_worker(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-s3cr3t")
    monkeypatch.setattr("workers.policy.vetting.ALLOWED", frozenset(["opa.runtime", "sprintf"]))

    found = judged(policy(place, 'deny contains m if { x := opa.runtime(); m := sprintf("%v", [x.env]) }'), {})

    assert found.failures == 1
    assert "AWS" not in found.text
    assert "PATH" not in found.text
