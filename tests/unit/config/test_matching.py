"""Patterns of directories."""

import pytest

from server.config.matching import glob_matches, is_glob


@pytest.mark.parametrize(
    ("pattern", "directory", "matches"),
    [
        pytest.param("stacks/*", "stacks/a", True, id="a star is one segment"),
        pytest.param("stacks/*", "stacks/a/b", False, id="a star crosses no slash"),
        pytest.param("stacks/*", "stacks", False, id="a star is not nothing"),
        pytest.param("stacks", "stacks/a", False, id="a matched directory does not cover what is below"),
        pytest.param("stacks/**", "stacks/a/b", True, id="two stars cross slashes"),
        pytest.param("stacks/**", "stacks", True, id="two stars may be nothing"),
        pytest.param("**/prod", "prod", True, id="two stars in front may be nothing"),
        pytest.param("**/prod", "a/b/prod", True, id="two stars in front"),
        pytest.param("**/prod", "a/prod/b", False, id="two stars in front, and the end is the end"),
        pytest.param("a/**/b/**/c", "a/b/x/b/y/c", True, id="two stars twice"),
        pytest.param("**", ".", True, id="two stars are the root, too"),
        pytest.param("env-?", "env-1", True, id="a question mark is one character"),
        pytest.param("env-?", "env-12", False, id="a question mark is not two"),
        pytest.param("env-[ab]", "env-a", True, id="a class"),
        pytest.param("env-[!ab]", "env-a", False, id="a class that is denied"),
        pytest.param("env-[^ab]", "env-c", True, id="a class that is denied as Go does"),
        pytest.param("{dev,prod}/*", "prod/x", True, id="either of two"),
        pytest.param("{dev,prod}/*", "test/x", False, id="neither of two"),
        pytest.param("*/{a/b,c}", "x/a/b", True, id="either, with a slash"),
        pytest.param("STACKS/*", "stacks/a", False, id="case matters"),
        pytest.param("{a,b}" * 9, "ababababa", False, id="too many spellings match nothing"),
    ],
)
def test_a_directory_matches_a_pattern_or_not(pattern: str, directory: str, *, matches: bool) -> None:
    assert glob_matches(pattern, directory) is matches


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not glob_matches("**/a/" * 200 + "b", "a/" * 200 + "c")
    assert not glob_matches("*a" * 100 + "b", "a" * 250)


@pytest.mark.parametrize(("directory", "expected"), [("a/*", True), ("a?", True), ("[ab]", True), ("a/b", False)])
def test_a_pattern_is_known_by_its_marks(directory: str, *, expected: bool) -> None:
    assert is_glob(directory) is expected
