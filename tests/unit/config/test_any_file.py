"""Whatever a file holds, it is read or its mistakes are told; nothing else ever comes of it."""

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from server.config.hooks import HookEntry
from server.config.loading import ConfigMistake, ConfigMistaken, Section, keys_of, load
from server.config.policies import PoliciesEntry, PolicySetEntry
from server.config.repo_file import Project, RepoFile, load_repo_file
from server.config.schema import FILES
from server.config.server_file import RepoEntry, ServerFile
from server.config.workflows import BUILT_IN, SCRIPTED, Stage, Workflow

SECTIONS: tuple[type[Section], ...] = (
    RepoFile, Project, Workflow, Stage, ServerFile, RepoEntry, HookEntry, PoliciesEntry, PolicySetEntry,
)  # fmt: skip
WORDS = sorted({*(key for section in SECTIONS for key in keys_of(section)), *BUILT_IN, *SCRIPTED, "/a/", "approved"})
LEAVES = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=25,
)


def read(which: str) -> Callable[[str], object]:
    return lambda text: load(FILES[which][0], text, file="f.yaml")


@pytest.mark.parametrize("which", FILES)
@given(value=st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=8))
@settings(max_examples=300, deadline=None)
def test_any_keys_with_any_values(which: str, value: dict[str, object]) -> None:
    told(read(which), json.dumps(value | {"version": 3} if which == "repo" else value))


@given(st.lists(st.dictionaries(st.sampled_from(keys_of(Project)), VALUES, min_size=1, max_size=5), max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_projects(projects: list[dict[str, object]]) -> None:
    text = json.dumps({"version": 3, "projects": [{"dir": "a"} | one for one in projects]})

    told(lambda text: load_repo_file(text, file="f.yaml", base_branch="main"), text)


@pytest.mark.parametrize("which", FILES)
@given(text=st.text() | st.text(alphabet="[]{}:,-&*<>!?#|'\"%@`\t\n ab3~"))
@example(text="a: 0o")
@example(text="a: 0x_")
@example(text="a: 1_")
@example(text="a: -.inf")
@example(text="? ")
@example(text="&a a: *a")
@example(text="{<<: , <<: {}}")
@example(text="\ud800")
@settings(max_examples=500, deadline=None)
def test_any_text(which: str, text: str) -> None:
    told(read(which), text)


def told(reader: Callable[[str], object], text: str) -> None:
    mistakes: tuple[ConfigMistake, ...] | None = None
    try:
        reader(text)
    except ConfigMistaken as error:
        mistakes = error.mistakes

    assert mistakes != ()
    assert all(one.message and one.file for one in mistakes or ())
