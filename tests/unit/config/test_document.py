"""YAML as people write it, by mistake or on purpose."""

import time

import pytest

from server.config.document import ConfigMistaken, line_of, parse_yaml, plain
from server.config.repo_file import load_repo_file


def read(text: str) -> object:
    return plain(parse_yaml(text, file="f.yaml"), file="f.yaml")


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigMistaken) as caught:
        read(text)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("", None, id="an empty file is nothing"),
        pytest.param("# only\n", None, id="a file of comments is nothing"),
        pytest.param("a: 1\n---\nb: 2", {"a": 1}, id="only the first document is read"),
        pytest.param("a: 2024-01-02", {"a": "2024-01-02"}, id="what looks like a date stays text"),
        pytest.param("a: yes", {"a": "yes"}, id="yes is text until a truth value is expected"),
        pytest.param("a: [True, false, ~, null]", {"a": [True, False, None, None]}, id="truth values and nothing"),
        pytest.param("a: [1, -2, 0x1f, 0o17, 007, 1_000]", {"a": [1, -2, 31, 15, 7, 1000]}, id="whole numbers"),
        pytest.param("a: [1.5, .inf]", {"a": [1.5, float("inf")]}, id="fractions"),
        pytest.param("a: '1'", {"a": "1"}, id="what is quoted is text"),
        pytest.param("1: a", {"1": "a"}, id="every key is text"),
        pytest.param("a: &x [1]\nb: *x", {"a": [1], "b": [1]}, id="an alias repeats"),
        pytest.param(
            "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}, id="merge"
        ),
        pytest.param("b: {q: 3, <<: {q: 1}}", {"b": {"q": 3}}, id="a key of its own wins over a merged one"),
        pytest.param("b: {<<: [{q: 1}, {q: 2, r: 2}]}", {"b": {"q": 1, "r": 2}}, id="the first merged mapping wins"),
        pytest.param("b: {<<: {q: 1}, <<: {q: 2}}", {"b": {"q": 1}}, id="of two merges the first wins"),
        pytest.param("b: {'<<': 1}", {"b": {"<<": 1}}, id="a quoted merge key is an ordinary one"),
    ],
)
def test_a_document_is_read(text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: 1\na: 2", ["f.yaml:2: a: this key is here a second time"], id="a key twice"),
        pytest.param(
            "a: 1\nb: {c: 1, c: 2}\na: 2",
            ["f.yaml:2: b.c: this key is here a second time", "f.yaml:3: a: this key is here a second time"],
            id="every key that is there twice, at once",
        ),
        pytest.param(
            "a:\n\tb: 1",
            ["f.yaml:2: not valid YAML: the line begins with a tab; YAML is indented with spaces"],
            id="a tab",
        ),
        pytest.param(
            "a: &x\n  b: *x", ["f.yaml:1: a.b: contains itself, by way of an alias"], id="a circle of aliases"
        ),
        pytest.param("a: *x", ["f.yaml:1: not valid YAML: found undefined alias 'x'"], id="an unknown alias"),
        pytest.param(
            "a: !!binary aGk=", ["f.yaml:1: a: the tag tag:yaml.org,2002:binary means nothing here"], id="tag"
        ),
        pytest.param("a: !secret x", ["f.yaml:1: a: the tag !secret means nothing here"], id="a tag of somebody's own"),
        pytest.param("? [a]\n: 1", ["f.yaml:1: a key has to be plain text"], id="a list as a key"),
        pytest.param(
            "a: {<<: 1}", ["f.yaml:1: a: `<<` takes a mapping, or a list of mappings"], id="a merge of a number"
        ),
        pytest.param("[" * 5000, ["f.yaml: nested far too deeply"], id="nested without end"),
        pytest.param("a: 1\x00", ["f.yaml: not valid YAML: "], id="a control character"),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_line(text: str, message: list[str]) -> None:
    found = mistakes(text)

    assert len(found) == len(message)
    assert all(one.startswith(words) for one, words in zip(found, message, strict=True))


def test_a_file_of_one_mebibyte_is_read() -> None:
    text = "version: 3\nprojects:\n" + "".join(f"- {{name: p{n}, dir: {'stacks/' * 100}{n}}}\n" for n in range(1400))

    assert len(text) > 1024 * 1024 - 70_000
    assert len(load_repo_file(text, file="thera.yaml", base_branch="main").projects) == 1400


def test_a_file_of_more_than_two_is_not() -> None:
    assert mistakes("#" * (2 * 1024 * 1024 + 1)) == ["f.yaml: larger than 2 MiB"]


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60)),
        "a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{p: *a{n}, q: *a{n}}}\n" for n in range(60)),
        "a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}\nb: {<<: [" + "*a0, " * 50_000 + "]}\n",
    ],
    ids=["of lists", "of mappings", "of merged mappings"],
)
def test_a_bomb_of_aliases_is_refused_before_it_goes_off(text: str) -> None:
    before = time.monotonic()

    assert "aliases (`*name`) repeat more than 100000 values" in mistakes(text)[0]
    assert time.monotonic() - before < 30


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("b", "q"), 3),
        (("b", "p"), 1),
        (("c", 1), 6),
        (("c", 1, "d"), 6),
        (("c", 7), 4),
        (("nowhere",), None),
        (("a", "p", "deeper"), 1),
    ],
)
def test_a_key_has_a_line(path: tuple[str | int, ...], line: int | None) -> None:
    text = "a: &x {p: 1}\nb:\n  q: 1\n  <<: *x\nc:\n- {d: 2}\n"
    text = "a: &x {p: 1}\nb:\n  q: 1\nc:\n- 1\n- {d: 2}\n" if path[0] != "b" else text

    assert line_of(parse_yaml(text, file="f.yaml"), path) == line
