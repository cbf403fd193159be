"""Regular expressions, written for Go and run by Python, some of them by people who must not hold the server up."""

import time

import pytest

from server.config.expressions import between_slashes, compiled, found_in, modest


@pytest.mark.parametrize(
    ("expression", "text", "matches"),
    [
        pytest.param("main", "domain", True, id="it is searched, not anchored"),
        pytest.param("^main$", "domain", False, id="anchors hold"),
        pytest.param("[[:alpha:]]+[[:digit:]]", "ab1", True, id="classes of POSIX"),
        pytest.param("^[[:upper:]]", "a", False, id="classes of POSIX, not matching"),
        pytest.param(r"a\z", "a", True, id="Go's very end"),
        pytest.param(r"a\z", "ab", False, id="Go's very end, not matching"),
        pytest.param("(?i)MAIN", "main", True, id="a flag at the start"),
    ],
)
def test_an_expression_means_what_it_means_to_go(expression: str, text: str, *, matches: bool) -> None:
    assert (compiled(expression).search(text) is not None) is matches


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(", "not a regular expression: missing )"),
        (r"\pL", r"`\p` is not supported"),
        (r"a\Q.\E", r"`\Q` is not supported"),
        (r"\\\C", r"`\C` is not supported"),
    ],
)
def test_an_expression_that_cannot_be_used_says_why(expression: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is compared below)
        compiled(expression)

    assert message in str(caught.value)


def test_a_backslash_before_a_letter_is_no_construct_of_gos() -> None:
    assert compiled(r"\\pL").search(r"\pL")


@pytest.mark.parametrize("value", ["main", "/main", "//", "main/"])
def test_an_expression_stands_between_slashes(value: str) -> None:
    with pytest.raises(ValueError, match="must be a regular expression between slashes"):
        between_slashes(value)


def test_no_expression_at_all_is_found_everywhere() -> None:
    assert found_in(None, "anything")
    assert not found_in("/^main$/", "anything")


@pytest.mark.parametrize(
    "value",
    [
        "/^main$/",
        "/main|master|develop/",
        r"/^(main|release\/.*|hotfix\/.*)$/",
        r"/^release-\d+\.\d+\.\d+-rc\d+$/",
        "/[*+({]+/",
        r"/\(\+\)\+/",
        "/^(env-)?prod$/",
    ],
)
def test_an_ordinary_expression_is_modest(value: str) -> None:
    assert modest(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "/(a+)+$/",
        r"/(a+|\\)+$/",
        "/([(]a*)*$/",
        "/(a|a){9}$/",
        "/a*a*a*a*$/",
        "/" + "a?" * 30 + "$/",
        "/" + "(a|a)" * 30 + "$/",
        "/" + "a" * 500 + "/",
    ],
)
def test_an_expression_that_could_take_years_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="could take the server too long"):
        modest(value)


@pytest.mark.parametrize("value", ["/^a*a*a*a*b/", "/a*a*a*b/", "/" + "a?" * 19 + "b/", "/^a*a*" + "a?" * 12 + "b/"])
def test_the_worst_that_is_allowed_takes_seconds_at_most(value: str) -> None:
    before = time.monotonic()

    assert not found_in(modest(value), "a" * 255)
    assert time.monotonic() - before < 20
