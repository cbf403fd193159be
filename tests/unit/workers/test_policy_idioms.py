# ruff: noqa: E501  (a policy on a line)
"""The shapes in which policies are written: those that the embedded engine gets right, and those it is kept from."""

from typing import Any

import pytest

from tests.unit.workers.test_policy_builtins import run
from workers.policy.embedded import Embedded
from workers.policy.findings import Unjudged
from workers.policy.rego import parsed
from workers.policy.vetting import insist_on_known

INPUT: dict[str, Any] = {
    "l": ["ab", "b", "ac"],
    "o": {"x": {"n": "ab", "t": [1, 2]}, "y": {"n": "c", "t": []}},
    "k": [1, 2, 3],
    "rc": [
        {
            "address": "a.b",
            "type": "t1",
            "change": {
                "actions": ["create"],
                "after": {"tags": {"owner": "me"}, "acl": "private", "list": [{"p": 22}, {"p": 80}]},
            },
        },
        {
            "address": "a.c",
            "type": "t2",
            "change": {"actions": ["delete", "create"], "after": {"tags": None, "acl": "public-read", "list": []}},
        },
        {"address": "a.d", "type": "t1", "change": {"actions": ["delete"], "after": None}},
    ],
}
# A rule `out`, and what it gives by Rego's documentation.
RIGHT: tuple[tuple[str, list[Any]], ...] = (
    ('out contains x if { startswith(x, "a"); some x in input.l }', ["ab", "ac"]),
    ('out contains x if { y == "b"; some x in input.l; y := x }', ["b"]),
    ('out contains x if { z == "abz"; some x in input.l; y := x; z := sprintf("%sz",[y]) }', ["ab"]),
    ('out contains r.address if { some r in input.rc; "delete" in r.change.actions }', ["a.c", "a.d"]),
    ('out contains r.address if { some r in input.rc; not "delete" in r.change.actions }', ["a.b"]),
    ("out contains r.address if { some r in input.rc; not r.change.after.tags.owner }", ["a.c", "a.d"]),
    ('out contains r.address if { some r in input.rc; not r.change.after.tags.owner == "me" }', ["a.c", "a.d"]),
    ('out contains r.address if { some r in input.rc; r.change.after.tags.owner != "me" }', []),
    ('out contains r.address if { r := input.rc[_]; r.change.after.acl == "public-read" }', ["a.c"]),
    ('out contains r.address if { r := input.rc[_]; r.change.actions[_] == "delete" }', ["a.c", "a.d"]),
    ('out contains i if { r := input.rc[i]; r.type == "t2" }', [1]),
    ('out contains [i,r.address] if { some i, r in input.rc; r.type == "t2" }', [[1, "a.c"]]),
    ("out contains p if { some r in input.rc; some rule in r.change.after.list; p := rule.p; p == 22 }", [22]),
    ("out contains r.address if { some r in input.rc; every rule in r.change.after.list { rule.p != 22 } }", ["a.c"]),
    ("out contains r.address if { some r in input.rc; count(r.change.after.list) == 0 }", ["a.c"]),
    (
        "out contains r.address if { some r in input.rc; ps := {x.p | some x in r.change.after.list}; 22 in ps }",
        ["a.b"],
    ),
    (
        "out contains r.address if { some r in input.rc; count([x | some x in r.change.after.list; x.p == 22]) == 1 }",
        ["a.b"],
    ),
    (
        "out contains t if { some r in input.rc; t := r.type; n := count([x | some x in input.rc; x.type == t]); n == 2 }",
        ["t1"],
    ),
    (
        'out contains r.address if { some r in input.rc; bad(r) }\nbad(r) if r.type == "t2"\nbad(r) if r.address == "a.d"',
        ["a.c", "a.d"],
    ),
    (
        'out contains r.address if { some r in input.rc; not good(r) }\ngood(r) if r.type == "t2"\ngood(r) if r.address == "a.d"',
        ["a.b"],
    ),
    (
        'out contains r.address if { some r in input.rc; kind(r) == "two" }\nkind(r) := "one" if { r.type == "t1" } else := "two"',
        ["a.c"],
    ),
    ('out contains r.address if { some r in input.rc; r.type in types }\ntypes := {"t2"}', ["a.c"]),
    ('out contains r.address if { some r in input.rc; types[r.type] }\ntypes := {"t2"}', ["a.c"]),
    ('out contains r.address if { some r in input.rc; types[r.type] == 2 }\ntypes := {"t2": 2}', ["a.c"]),
    ('out contains r.address if { some r in input.rc; lim[r.type].n == 2 }\nlim := {"t2": {"n":2}}', ["a.c"]),
    (
        'out contains r.address if { some r in deleted; r.type == "t1" }\ndeleted contains r if { some r in input.rc; "delete" in r.change.actions }',
        ["a.d"],
    ),
    (
        'out contains a if { some a, r in by; r.type == "t1" }\nby[r.address] := r if { some r in input.rc }',
        ["a.b", "a.d"],
    ),
    (
        'out contains "m" if { n := count(deleted); n == 2 }\ndeleted contains r if { some r in input.rc; "delete" in r.change.actions }',
        ["m"],
    ),
    ('out contains "m" if { not any_bad }\nany_bad if { some r in input.rc; r.type == "zz" }', ["m"]),
    ('out contains "m" if { not any_bad }\nany_bad if { some r in input.rc; r.type == "t1" }', []),
    ('out contains "m" if { input.missing.deep == 1 }', []),
    ('out contains "m" if { not input.missing.deep }', ["m"]),
    ('out contains "m" if { object.get(input, ["missing","deep"], 7) == 7 }', ["m"]),
    (
        'out contains r.address if { some r in input.rc; object.get(r.change, ["after","tags","owner"], "none") == "none" }',
        ["a.c", "a.d"],
    ),
    ("out contains r.address if { some r in input.rc; r.change.after == null }", ["a.d"]),
    ("out contains r.address if { some r in input.rc; is_null(r.change.after.tags) }", ["a.c"]),
    ("out contains k if { some k, _ in input.o }", ["x", "y"]),
    ("out contains [k, t] if { some k, v in input.o; some t in v.t }", [["x", 1], ["x", 2]]),
    ("out contains x if { xs := [y | some y in input.k; y + 0 > 1]; some x in xs }", [2, 3]),
    ("out contains x if { some x in input.l; count(x) == 1 }", ["b"]),
    ("out contains x if { some x in input.l; n := count(x); n + 0 == 1 }", ["b"]),
    ('out contains x if { some x in input.l } \nout contains "z"', ["ab", "ac", "b", "z"]),
    ('out contains m if { f(input.l[0], 1) == 2; m := "x" }\nf(_, n) := n + 1', ["x"]),
    ('out contains m if { [a, b] := pair; m := sprintf("%s%d", [a, b]) }\npair := ["q", 1]', ["q1"]),
    ('out contains m if { x := {"a": 1}; y := object.remove(x, ["a"]); y == {}; m := "ok" }', ["ok"]),
    (
        'out contains m if { some x in input.k; some y in input.k; x != y; x + y == 5; m := sprintf("%d-%d", [x, y]) }',
        ["2-3", "3-2"],
    ),
    ('out contains m if { input.k == [1,2,3]; input.o.y == {"n":"c","t":[]}; m := "eq" }', ["eq"]),
    ('out contains m if { x := input.k; x[0] == 1; x[count(x) - 1] == 3; m := "idx" }', ["idx"]),
    ('out contains m if { r := input.rc[0]; r["type"] == "t1"; r.change["actions"][0] == "create"; m := "b" }', ["b"]),
    ('out contains m if { walk(input, [path, v]); v == "public-read"; m := path[0] }', ["rc"]),
    (
        'out contains m if { walk(input, [path, v]); path[count(path) - 1] == "acl"; m := v }',
        ["private", "public-read"],
    ),
    ("out contains m if { some r in input.rc; r.change.after.list[_].p == 80; m := r.address }", ["a.b"]),
    ('out contains m if { a := 1; b := a; c := b; c == 1; m := "chain" }', ["chain"]),
    ('out contains m if { f(3) == 6; m := "rec" }\nf(x) := y if { y := g(x) * 2 }\ng(x) := x', ["rec"]),
    ('out contains m if { true; m := "t" }', ["t"]),
    ('out contains m if { false; m := "t" }', []),
    ('out contains m if { p; m := "t" }\ndefault p := false\np if input.nope', []),
    ('out contains m if { not p; m := "t" }\ndefault p := false\np if input.nope', ["t"]),
    ('out contains m if { x := input.nope; m := "t" }', []),
    ('out contains m if { m := "a" } \nout contains m if { m := "b" }', ["a", "b"]),
    (
        'out contains r.address if { some r in input.rc; some a in r.change.actions; a in ["delete", "create"]; count(r.change.actions) == 2 }',
        ["a.c"],
    ),
    ('out contains m if { "x" in object.keys(input.o); m := "k" }', ["k"]),
    ('out contains m if { input.o[k].n == "c"; m := k }', ["y"]),
    ('out contains m if { k := "y"; input.o[k].n == "c"; m := k }', ["y"]),
    ('out contains m if { some k in ["y","zz"]; input.o[k].n == "c"; m := k }', ["y"]),
    ('out contains m if { some k in ["y","zz"]; not input.o[k]; m := k }', ["zz"]),
    (
        'out contains m if { some r in input.rc; m := r.address; not startswith(m, "a.b"); not endswith(m, "d") }',
        ["a.c"],
    ),
    ('out contains m if { every r in input.rc { startswith(r.address, "a.") }; m := "all" }', ["all"]),
    ('out contains m if { every r in input.rc { r.type == "t1" }; m := "all" }', []),
    (
        'out contains m if { not every_ok; m := "notall" }\nevery_ok if { every r in input.rc { r.type == "t1" } }',
        ["notall"],
    ),
    ('out contains m if { every x in [] { x == 1 }; m := "vac" }', ["vac"]),
    ('out contains m if { every k, v in input.o { v.n in {"ab","c"}; count(k) == 1 }; m := "kv" }', ["kv"]),
    ('out contains m if { x := {"b","a"}; y := {"a","b"}; x == y; m := "seteq" }', ["seteq"]),
    ('out contains m if { x := {r.type | some r in input.rc}; count(x - {"t1"}) == 1; m := "diff" }', ["diff"]),
    ('out contains m if { x := {r.type | some r in input.rc} & {"t1","zz"}; x == {"t1"}; m := "and" }', ["and"]),
    ('out contains m if { input.rc[0].change.after.tags == {"owner": "me"}; m := "o" }', ["o"]),
    ('out contains m if { {"owner": o} := input.rc[0].change.after.tags; m := o }', ["me"]),
    ('out contains m if { x := [1,2,3][1]; x == 2; m := "lit" }', ["lit"]),
    ('out contains m if { some x in {"a","b"}; not x in {"a"}; m := x }', ["b"]),
    ('out contains m if { x := 5; not x == 4; m := "ne" }', ["ne"]),
    ('out contains m if { x := input with input as {"q": 1}; x.q == 1; m := "with" }', ["with"]),
    ('out contains m if { chk with input as {"q": 1}; m := "with2" }\nchk if input.q == 1', ["with2"]),
    ('out contains m if { x := [a | a := input.rc[_].address]; count(x) == 3; m := "compr" }', ["compr"]),
    ('out contains m if { x := {k: v.n | some k, v in input.o}; x.y == "c"; m := "ocompr" }', ["ocompr"]),
    ('out contains m if { x := count(input.rc) - count(input.k); x == 0; m := "arith" }', ["arith"]),
    ('out contains m if { x := (1 + 2) * 3; x == 9; m := "par" }', ["par"]),
    ('out contains m if { 1 + 2 * 3 == 7; m := "prec" }', ["prec"]),
    ('out contains m if { 10 - 2 - 3 == 5; m := "left" }', ["left"]),
    ('a.b.c := 1\nout contains m if { a.b.c == 1; m := "nested" }', ["nested"]),
    ('out contains m if { data.main.q == 3; m := "dm" }\nq := 3', ["dm"]),
    ('# comment "{\nout contains m if { # x {\n  m := "c" # }\n}', ["c"]),
    ('out contains m if {\n  some r in input.rc\n  r.type == "t2"\n  m := r.address\n}', ["a.c"]),
    ('out contains m if {\n  x := [\n    1,\n    2,\n  ]\n  count(x) == 2\n  m := "ml"\n}', ["ml"]),
    (
        'f(x) := "big" if { x + 0 > 10 } else := "mid" if { x + 0 > 5 } else := "small"\nout contains [f(1), f(7), f(70)]',
        [["small", "mid", "big"]],
    ),
    ('default f(_) := "none"\nf("a") := "A"\nout contains [f("a"), f("b")]', [["A", "none"]]),
    ('f("a", x) := x\nf("b", x) := x + 1\nout contains [f("a",1), f("b",1)]', [[1, 2]]),
    ("f([a, b]) := a + b\nout contains f([1,2])", [3]),
    ('f({"k": v}) := v\nout contains f({"k": 9})', [9]),
    ("out contains x if some x in numbers.range(1, 3)", [1, 2, 3]),
    ('out contains "m" if "a" == "a"', ["m"]),
    ("out contains m if m := input.l[0]", ["ab"]),
    ('out contains i if { startswith(input.l[i], "a"); input.k[i] == 1 }', [0]),
    ('out contains i if { input.k[i] == 1; startswith(input.l[i], "a") }', [0]),
    ('out contains i if { x := input.k[i]; startswith(input.l[i], "a"); x + 0 > 1 }', [2]),
    ('out contains i if { startswith(input.l[i], "a"); x := input.k[i]; x + 0 > 1 }', [2]),
    ('out contains i if { not startswith(input.l[i], "a"); x := input.k[i] }', [1]),
    ("out contains i if { input.k[i] == y; y := 2 }", [1]),
    ("out contains i if { y := 2; input.k[i] == y }", [1]),
    ("out contains i if { y := 2; y == input.k[i] }", [1]),
    ("out contains i if { input.k[i] != 2 }", [0, 2]),
    ('out contains [i, j] if { input.rc[i].change.actions[j] == "delete" }', [[1, 0], [2, 0]]),
    ('out contains i if { input.rc[i].change.actions[_] == "delete"; input.rc[i].type == "t1" }', [2]),
    ("out contains i if { input.rc[i].type == input.rc[0].type }", [0, 2]),
    ("out contains i if { r := input.rc[0]; input.rc[i].type == r.type }", [0, 2]),
    ("out contains i if { input.l[i] }", [0, 1, 2]),
    ("out contains i if { input.rc[i].change.after }", [0, 1, 2]),
    ('out contains m if { input.l[_] == "b"; input.l[_] == "ab"; m := 1 }', [1]),
    (
        "out contains m if { some r in input.rc; r.change.after.list[_].p == 22; r.change.after.list[_].p == 80; m := r.address }",
        ["a.b"],
    ),
    ("out := [i | input.k[i] != 2]", [0, 2]),
    ('out contains n if { n := count([1 | input.rc[_].type == "t1"]) }', [2]),
    ('out contains m if { input.rc[i].change.actions[_] != "delete"; m := i }', [0, 1]),
)
# The engine gives an empty set for these, or breaks off; OPA does not.
GOES_THROUGH_NONE = (
    'out contains i if startswith(input.l[i], "a")',
    'out contains i if { startswith(input.l[i], "a") }',
    'out contains "m" if startswith(input.l[_], "b")',
    "out contains k if count(input.o[k].t) == 0",
    "out contains i if input.k[i] + 1 == 3",
    "out contains i if { x := input.k[i] + 1; x == 3}",
    "out contains [i,j] if input.k[i] == input.k[j]",
    "out contains [i,j] if {input.k[i] + input.k[j] == 3}",
    'out contains k if f(input.o[k])\nf(v) if v.n == "c"',
    'out contains k if not f(input.o[k])\nf(v) if v.n == "c"',
    "out contains x if { x = input.l[_] }",
    "out contains x if { input.l[_] = x }",
    'out contains "m" if { is_string(input.l[_]) }',
    'out contains i if { lower(input.l[i]) == "b" }',
    'out contains i if { x := lower(input.l[i]); x == "b" }',
    "out contains i if { count(input.l[i]) + 0 > 1 }",
    "out contains i if { count(input.l[i]) > 1 }",
    'out contains i if { input.l[i] in {"b"} }',
    'out contains i if { "b" == lower(input.l[i]) }',
    'out := [i | startswith(input.l[i], "a")]',
    'out := {i: input.l[i] | startswith(input.l[i], "a")}',
    'out contains x if { x := input.l[i] with input.l as ["q"] }',
    "out contains x if { some i; x := lower(input.l[i]) }",
    'out contains k if { g[k] + 0 == 2 }\ng := {"a":1,"b":2}',
    'out contains k if { some k; g[k] + 0 == 2 }\ng := {"a":1,"b":2}',
    'out contains i if { object.get(input.o[i], "zz", 5) == 5 }',
    'out contains "m" if { input.o.x.n == "ab"; startswith(input.o.x.n, input.l[_]) }',
)


def source(rules: str) -> str:
    return f"package main\nimport rego.v1\n{rules}\n"


@pytest.mark.parametrize("rules", GOES_THROUGH_NONE)
def test_an_index_that_would_go_through_nothing_is_refused(rules: str) -> None:
    with pytest.raises(Unjudged):
        insist_on_known([parsed("main.rego", source(rules))])


@pytest.mark.parametrize(("rules", "expected"), RIGHT)
def test_what_is_let_through_gives_what_opa_gives(rules: str, expected: list[Any]) -> None:
    module = parsed("main.rego", source(rules))

    insist_on_known([module])
    found = Embedded()._asked([module], ["main"], INPUT, run)["main"]["out"]

    assert sorted(found, key=repr) == sorted(expected, key=repr)
