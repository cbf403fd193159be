"""An operator has things said in their own words. (Users' wishes: a link to our chat, a headline in our language.)"""

from dataclasses import replace
from pathlib import Path

import pytest

from server.comments.overrides import load_words
from server.comments.words import TemplateFailed
from tests.support.story import Story


@pytest.fixture
def failed() -> list[TemplateFailed]:
    return []


@pytest.fixture
def speaking(story: Story, tmp_path: Path, failed: list[TemplateFailed]) -> Story:
    """A story whose headline and refusals are the operator's, and whose headline fails for one person."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "headline.md.j2").write_text("{% if actor == 'zoe' %}{{ 1 / 0 }}{% endif %}\n### Plan für {{ actor }}")
    (folder / "refused.md.j2").write_text("{{ text }}\n\nFrag {{ link('uns', 'https://chat.test') }}.")
    story.ctx = replace(story.ctx, words=load_words(folder, failed.append))
    return story


def test_a_plan_is_announced_and_edited_in_the_operators_words(speaking: Story) -> None:
    pull = speaking.open_pull("prod/main.tf")
    speaking.settle()
    speaking.push(pull, "prod/main.tf")

    speaking.settle()

    assert len(speaking.says(pull)) == 1  # it was found again by its mark
    assert speaking.last(pull).startswith("### Plan für ann\n\n| Project |")
    assert "`thera apply`" in speaking.last(pull)


def test_a_refusal_is_said_in_the_operators_words(speaking: Story) -> None:
    pull = speaking.open_pull("prod/main.tf")
    speaking.settle()
    speaking.close_pull(pull)
    speaking.comment(pull, "thera plan")

    assert "Frag [uns](https://chat.test)." in speaking.settle().last(pull)


def test_a_template_that_fails_costs_nobody_a_comment(speaking: Story, failed: list[TemplateFailed]) -> None:
    pull = speaking.open_pull("prod/main.tf", author="zoe")

    speaking.settle()

    assert speaking.last(pull).startswith("### Plan: ")
    assert {one.why for one in failed} == {"division by zero"}
