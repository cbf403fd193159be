"""conftest and opa, played by small programs: how they are called, how their answers are read, and who is chosen."""

import json
import os
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.unit.workers.test_policy_builtins import run
from workers import process
from workers.errors import JobFailed
from workers.policy import embedded
from workers.policy.conftest import Conftest
from workers.policy.embedded import Embedded
from workers.policy.engines import Choice, chosen
from workers.policy.findings import Engine, verdict
from workers.policy.opa import Opa
from workers.process import Completed
from workers.protocol.results import FailureKind, PolicySetResult


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "main.rego").write_text(
        'package main\ndeny contains "x" if input.bad\nwarn contains "w"\n'
    )
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "bin").mkdir()
    return tmp_path


def program(place: Path, name: str, body: str) -> str:
    """Write a program that notes how it was called and does what the body says."""
    file = place / "bin" / name
    lines = dedent(body)
    file.write_text(
        f"#!{sys.executable}\nimport json, sys, pathlib\n"
        f"pathlib.Path({str(place / 'called.json')!r}).write_text(json.dumps(sys.argv[1:]))\n{lines}\n"
    )
    file.chmod(0o755)
    return str(file)


def answering(value: Any, code: int = 0) -> str:
    return f"print({json.dumps(json.dumps(value))}); sys.exit({code})"


def judged(place: Path, engine: Engine) -> PolicySetResult:
    return verdict("set", lambda: engine.judge(place / "policies", place / "plan.json", run), redact=str)


def called(place: Path) -> list[str]:
    words: list[str] = json.loads((place / "called.json").read_text())
    return [word.replace(str(place), "PLACE") for word in words]


RESULT = {
    "filename": "/plan.json",
    "namespace": "main",
    "successes": 2,
    "warnings": [{"msg": "careful"}],
    "failures": [{"msg": "never\nthat", "metadata": {"query": "data.main.deny_it"}}],
}


def test_conftest_is_asked_as_atlantis_asks_it(place: Path) -> None:
    binary = program(place, "conftest", answering([RESULT], 1))

    found = judged(place, Conftest(binary=binary, arguments=("--namespace", "main")))

    asked = ["test", "-p", "PLACE/policies", "PLACE/plan.json", "--no-color", "--output", "json", "--namespace", "main"]
    assert called(place) == asked
    assert (found.passed, found.failures, found.warnings) == (False, 1, 1)
    assert {(one.rule, one.message) for one in found.messages} == {
        ("main.deny_it", "never\nthat"),
        ("main.warnings", "careful"),
    }
    assert "FAIL - <redacted plan file> - main - never\nthat" in found.text
    assert found.text.endswith("4 tests, 2 passed, 1 warning, 1 failure, 0 exceptions")


def test_conftest_that_finds_nothing_wrong_passes(place: Path) -> None:
    binary = program(place, "conftest", answering([{"namespace": "main", "successes": 1}]))

    assert judged(place, Conftest(binary=binary)).passed


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (answering([{"namespace": "main", "successes": 0}]), "found no rule to ask"),
        (answering([]), "found no rule to ask"),
        (answering([{"namespace": "main", "successes": 3}], 1), "exit status 1"),
        (answering({"error": "x"}), "did not answer"),
        (answering([{"failures": [{"text": "no msg"}]}], 1), "did not answer"),
        ('sys.exit("Error: running test: parse error")', "parse error"),
        ("pass", "it printed nothing"),
    ],
)
def test_conftest_without_a_clear_answer_does_not_pass(place: Path, body: str, said: str) -> None:
    found = judged(place, Conftest(binary=program(place, "conftest", body)))

    assert not found.passed
    assert said in found.error


@pytest.mark.parametrize(
    ("text", "code", "passed"),
    [
        ("1 test, 1 passed, 0 warnings, 0 failures, 0 exceptions", 0, True),
        ("FAIL - x - main - no\\n1 test, 0 passed, 0 warnings, 1 failure, 0 exceptions", 1, False),
        ("12 failures", 0, False),
        ('failures\\": [{', 0, False),
        ("fine", 2, False),
        ("0 tests, 0 passed, 0 warnings, 0 failures, 0 exceptions", 0, False),
    ],
)
def test_an_output_that_the_operator_chose_is_judged_by_atlantis_rule(
    place: Path, text: str, code: int, *, passed: bool
) -> None:
    binary = program(place, "conftest", f"print('{text}'); sys.exit({code})")

    found = judged(place, Conftest(binary=binary, arguments=("-o", "table")))

    assert called(place)[-2:] == ["-o", "table"]
    assert found.passed is passed


def test_the_place_of_the_plan_is_not_shown(place: Path) -> None:
    binary = program(place, "conftest", "print('FAIL - ' + sys.argv[4] + ' - main - x'); sys.exit(1)")

    assert judged(place, Conftest(binary=binary, arguments=("-o", "stdout"))).text == (
        "FAIL - <redacted plan file> - main - x"
    )


def opa_answer(main: Any) -> dict[str, Any]:
    return {"result": [{"expressions": [{"value": {"main": main}}]}]}


def test_opa_is_asked_for_what_conftest_would_ask(place: Path) -> None:
    binary = program(place, "opa", answering(opa_answer({"deny": ["b", {"msg": "a"}], "warn": ["w"]})))

    found = judged(place, Opa(binary=binary))

    assert called(place)[:4] == ["eval", "--format", "json", "--strict-builtin-errors"]
    assert [(one.severity, one.message) for one in found.messages] == [
        ("failure", "a"),
        ("failure", "b"),
        ("warning", "w"),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (answering(opa_answer({"warn": []})), "`main.deny` has no value"),
        (answering(opa_answer({"deny": True, "warn": []})), "`main.deny` is not a set"),
        (answering({"result": [{"expressions": [{"value": {}}]}]}), "has no value"),
        (answering({"errors": [{"message": "rego_parse_error: x"}]}, 2), "rego_parse_error: x"),
        ('sys.exit("broken")', "broken"),
        (answering({}), "did not answer"),
    ],
)
def test_opa_without_a_clear_answer_does_not_pass(place: Path, body: str, said: str) -> None:
    found = judged(place, Opa(binary=program(place, "opa", body)))

    assert not found.passed
    assert said in found.error


def test_an_argument_that_opa_would_not_understand_is_refused(place: Path) -> None:
    engine = Opa(binary=program(place, "opa", "pass"), arguments=("--combine",))

    assert "`--combine` is an argument for conftest" in judged(place, engine).error


def choose(place: Path, choice: Choice = "auto", version: str | None = None) -> Engine:
    path = f"{place / 'bin'}:{os.environ['PATH']}"

    def ask(
        argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: bytes | None = None
    ) -> Completed:
        del env, stdin
        return process.run(argv, cwd=cwd or place, env={"PATH": path}, capture_stdout=True)

    return chosen(choice, version=version, environment={"PATH": path}, extra_args=("-n", "x"), run=ask)


def test_conftest_comes_first_then_opa_then_the_embedded_engine(place: Path) -> None:
    assert isinstance(choose(place), Embedded)
    opa = program(place, "opa", "pass")
    assert choose(place) == Opa(binary=opa, arguments=("-n", "x"))
    conftest = program(place, "conftest", "pass")
    assert choose(place) == Conftest(binary=conftest, arguments=("-n", "x"))


def test_the_configuration_may_say_which(place: Path) -> None:
    program(place, "conftest", "pass")
    program(place, "opa", "pass")

    assert isinstance(choose(place, "opa"), Opa)
    assert isinstance(choose(place, "embedded"), Embedded)


@pytest.mark.parametrize("choice", ["conftest", "opa"])
def test_an_engine_that_is_not_there_fails_the_check(place: Path, choice: Choice) -> None:
    with pytest.raises(JobFailed, match=choice) as caught:
        choose(place, choice)

    assert caught.value.failure.kind is FailureKind.POLICY


def test_with_no_engine_at_all_the_check_fails(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)

    with pytest.raises(JobFailed, match="no conftest, no opa and no embedded engine"):
        choose(place)


def test_a_version_of_conftest_is_found_by_name_or_by_asking(place: Path) -> None:
    program(place, "conftest", 'print("Conftest: 0.56.0")')

    assert choose(place, version="0.56.0") == Conftest(binary=str(place / "bin" / "conftest"), arguments=("-n", "x"))
    with pytest.raises(JobFailed, match=r"no conftest 0\.60\.0"):
        choose(place, version="0.60.0")
    named = program(place, "conftest0.60.0", "pass")
    assert choose(place, version="v0.60.0") == Conftest(binary=named, arguments=("-n", "x"))
