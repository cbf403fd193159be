"""The embedded engine against what OPA documents: every built-in that it is trusted with, and any text at all."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers import process
from workers.policy.alphabet import restored
from workers.policy.embedded import Embedded
from workers.policy.findings import Unjudged
from workers.policy.rego import parsed
from workers.policy.vetting import ALLOWED, insist_on_known
from workers.process import Completed

# What OPA's documentation and its source say that these give (policy-reference, built-in functions).
RIGHT: Mapping[str, Any] = {
    "abs(-1.5)": 1.5,
    "array.concat([1], [2])": [1, 2],
    "array.reverse([1, 2])": [2, 1],
    "array.slice([1, 2, 3], 1, 2)": [2],
    "array.slice([1, 2, 3], -1, 9)": [1, 2, 3],
    "array.slice([1, 2, 3], 2, 1)": [],
    "ceil(1.2)": 2,
    'contains("abc", "b")': True,
    'contains("abc", "z")': False,
    'contains("abc", "")': True,
    "count([1, 2])": 2,
    "count({1, 2, 2})": 2,
    'count({"a": 1})': 1,
    'count("h\u00e9\u00e9")': 3,
    'endswith("abc", "bc")': True,
    'endswith("a", "ba")': False,
    "floor(-1.2)": -2,
    'indexof("\u00e9a", "a")': 1,
    'indexof("abc", "z")': -1,
    "intersection({{1, 2}, {2, 3}}) == {2}": True,
    "is_array([])": True,
    "is_array({1})": False,
    "is_boolean(true)": True,
    "is_boolean(0)": False,
    "is_null(null)": True,
    "is_null(false)": False,
    "is_number(1)": True,
    'is_number("1")': False,
    "is_object({})": True,
    "is_object([])": False,
    "is_set(set())": True,
    "is_set([])": False,
    'is_string("a")': True,
    "is_string(1)": False,
    'lower("ABC")': "abc",
    "numbers.range(1, 3)": [1, 2, 3],
    "numbers.range(3, 1)": [3, 2, 1],
    'object.filter({"a": 1, "b": 2}, ["a"])': {"a": 1},
    'object.get({"a": 1}, "a", 0)': 1,
    'object.get({"a": 1}, "b", 0)': 0,
    'object.get({"a": null}, "a", 0)': None,
    'object.get({"a": false}, "a", 0)': False,
    'object.get({"a": {"b": 1}}, ["a", "b"], 0)': 1,
    'object.get({"a": {"b": 1}}, ["a", "z"], 0)': 0,
    'object.get({"a": [5]}, ["a", 0], 9)': 5,
    'object.keys({"a": 1, "b": 2}) == {"a", "b"}': True,
    'object.remove({"a": 1, "b": 2}, ["a"])': {"b": 2},
    'object.subset({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}})': True,
    'object.subset({"a": 1}, {"a": 2})': False,
    "object.subset({1, 2}, {1})": True,
    "object.subset([1, 2, 3], [1, 3])": False,
    'replace("aXbX", "X", "-")': "a-b-",
    "round(2.5)": 3,
    "round(-1.5)": -2,
    'split("a,b,c", ",")': ["a", "b", "c"],
    'split("abc", "")': ["a", "b", "c"],
    'split("", "a")': [""],
    'sprintf("%s %d %v %%", ["a", 3, [1]])': "a 3 [1] %",
    'startswith("abc", "ab")': True,
    'startswith("", "a")': False,
    'strings.any_prefix_match("abc", ["z", "ab"])': True,
    'strings.any_prefix_match(["abc", "x"], "z")': False,
    'strings.any_suffix_match(["abc"], "bc")': True,
    'strings.any_suffix_match("abc", ["z"])': False,
    'strings.count("aXaX", "X")': 2,
    'strings.reverse("abc")': "cba",
    'substring("abcd", 1, 2)': "bc",
    'substring("abcd", 1, -1)': "bcd",
    'substring("abc", 5, 1)': "",
    'trim("xyaxy", "xy")': "a",
    'trim_left("xxa", "x")': "a",
    'trim_prefix("abc", "ab")': "c",
    'trim_prefix("", "a")': "",
    'trim_right("axx", "x")': "a",
    'trim_suffix("a", "ba")': "a",
    'type_name({"a"})': "set",
    'type_name({"a": 1})': "object",
    "union({{1}, {2}}) == {1, 2}": True,
    'upper("abc")': "ABC",
    '[v | walk({"a": [1, {"b": null}]}, [["a", 1, "b"], v])]': [None],
    'count([p | walk({"a": [1, {"b": null}], "c": "s"}, [p, _])])': 6,
    "{1, 2} & {2} == {2}": True,
    "{1} | {2} == {1, 2}": True,
    "{1, 2} - {1} == {2}": True,
    "7 / 2": 3.5,
    "5 % 3": 2,
    "count([1]) + 0 < 2": True,
    "1 == 1.0": True,
    '1 == "1"': False,
    '"a" in {"a"}': True,
}
# What they cannot take is an error, never silence.
WRONG = (
    'abs("a")',
    "array.concat([1], {2})",
    "contains(1, input.one)",
    "count(5)",
    "count(null)",
    'endswith(null, "a")',
    'indexof(1, "a")',
    "lower(1)",
    'object.get([1], "a", 0)',
    'replace(1, "a", "b")',
    'split(1, ",")',
    'sprintf("%d", ["x"])',
    'sprintf("%s %s", ["x"])',
    'startswith(1, "a")',
    'substring("abc", -1, 1)',
    'trim(1, "x")',
    "upper(null)",
    '"a" + 1',
    "{1} - 1",
    "1 / 0",
    "5 % 0",
)


def run(
    argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None, stdin: bytes | None = None
) -> Completed:
    return process.run(argv, cwd=cwd or Path("/"), env=env or {}, stdin=stdin, capture_stdout=True)


def values_of(expressions: Sequence[str], document: Any = None) -> list[Any]:
    """Evaluate expressions the way that policies are, without asking whether they may be used."""
    rules = "\n".join(f"r{number} := x if {{ x := {text} }}" for number, text in enumerate(expressions))
    module = parsed("main.rego", f"package main\nimport rego.v1\n{rules}\n")
    found = restored(Embedded()._asked([module], ["main"], document, run)["main"])
    return [found.get(f"r{number}", "undefined") for number in range(len(expressions))]


def test_what_the_engine_is_trusted_with_gives_what_opa_gives() -> None:
    expressions = [text if "==" not in text and " in " not in text else f"({text})" for text in RIGHT]

    assert dict(zip(RIGHT, values_of(expressions), strict=True)) == RIGHT


@pytest.mark.parametrize("expression", WRONG)
def test_what_a_built_in_cannot_take_is_an_error(expression: str) -> None:
    with pytest.raises(Unjudged):
        values_of([expression], {"one": "1"})


def test_every_trusted_built_in_is_compared_and_vetted() -> None:
    for name in ALLOWED:
        assert any(f"{name}(" in text for text in RIGHT), name
    checked = [text for text in RIGHT if text.startswith(tuple(f"{name}(" for name in ALLOWED))]
    rules = "\n".join(f"r{number} := {text}" for number, text in enumerate(checked))

    assert insist_on_known([parsed("a.rego", f"package main\n{rules}\n")]) >= ALLOWED - {"walk"}


ANY_TEXT = st.text(
    st.one_of(
        st.sampled_from('ab"\\\n\t%{}[]`\u00e9\u2028\u0000/<'),
        st.characters(exclude_categories=("Cs", "Co")),
    ),
    max_size=8,
)


def reference(first: str, second: str) -> dict[str, Any]:
    """Say in Python what OPA's string functions give."""
    return {
        "same": first == second,
        "contains": second in first,
        "starts": first.startswith(second),
        "ends": first.endswith(second),
        "length": len(first),
        "index": first.find(second) if second else 0,
        "pieces": first.split(second) if second else list(first),
        "replaced": first.replace(second, "-") if second else "",
        "prefix": first.removeprefix(second),
        "suffix": first.removesuffix(second),
        "trimmed": first.strip(second) if second else first,
        "part": first[1:3],
        "backwards": first[::-1],
        "formatted": f"{first}|{second}|%",
        "kept": {first: second},
        "in": True,
    }


FUNCTIONS = {
    "same": "p.a == p.b",
    "contains": "contains(p.a, p.b)",
    "starts": "startswith(p.a, p.b)",
    "ends": "endswith(p.a, p.b)",
    "length": "count(p.a)",
    "index": "index(p.a, p.b)",
    "pieces": "split(p.a, p.b)",
    "replaced": "replaced(p.a, p.b)",
    "prefix": "trim_prefix(p.a, p.b)",
    "suffix": "trim_suffix(p.a, p.b)",
    "trimmed": "trim(p.a, p.b)",
    "part": "substring(p.a, 1, 2)",
    "backwards": "strings.reverse(p.a)",
    "formatted": 'sprintf("%s|%s|%%", [p.a, p.b])',
    "kept": "{p.a: p.b}",
    "in": "p.a in {p.a, p.b}",
}
MODULE = f"""package main
index(a, b) := indexof(a, b) if b != ""
index(a, "") := 0
replaced(a, b) := replace(a, b, "-") if b != ""
replaced(a, "") := ""
out := [o | some p in input; o := {{{", ".join(f'"{name}": {text}' for name, text in FUNCTIONS.items())}}}]
literals := [LITERALS]
"""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=25))
def test_texts_of_any_kind_are_handled_as_opa_handles_them(pairs: list[tuple[str, str]]) -> None:
    document = [{"a": first, "b": second} for first, second in pairs]
    module = parsed("main.rego", MODULE.replace("LITERALS", ", ".join(json.dumps(first) for first, _ in pairs)))

    found = restored(Embedded()._asked([module], ["main"], document, run)["main"])

    assert found["literals"] == [first for first, _ in pairs]
    assert found["out"] == [reference(*pair) for pair in pairs]


ANY_VALUE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**15) + 1, 10**15 - 1),
        st.floats(-1e9, 1e9).map(lambda number: round(number, 6)),
        ANY_TEXT,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ANY_TEXT, inner, max_size=4)),
    max_leaves=20,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANY_VALUE)
def test_a_plan_of_any_kind_arrives_as_it_is(document: Any) -> None:
    source = "package main\nimport rego.v1\nout := input\nsame if input == out\n"

    found = restored(Embedded()._asked([parsed("main.rego", source)], ["main"], document, run)["main"])

    assert found == {"out": document, "same": True}


@pytest.mark.parametrize("number", [10**15, -(2**63), 0.0000001, 1e300, 0.30000000000000004])
def test_a_number_that_would_be_changed_is_refused(number: float) -> None:
    with pytest.raises(Unjudged, match="would change"):
        values_of(["input"], [number])
    with pytest.raises(Unjudged, match="would change"):
        insist_on_known([parsed("a.rego", f"package main\nr := {abs(number)!r}\n")])
