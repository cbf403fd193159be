"""Reads a tutorial as a person does who takes it at its word: what to type, what to fill in, what to press."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_STEP = re.compile(r"(Under|Fill|Press) \*\*(.+?)\*\*(?: with `(.+?)`)?")
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """Something to do on a page: look under a heading, fill in a field, or press a button or link."""

    act: str
    name: str
    value: str


@dataclass(frozen=True)
class Tutorial:
    """A tutorial; `words` are what the reader puts in place of its examples."""

    path: Path
    words: Mapping[str, str]

    def _section(self, title: str) -> str:
        parts = _SECTION.split(self.path.read_text(encoding="utf-8"))
        return dict(zip(parts[1::2], parts[2::2], strict=True))[title]

    def _said(self, text: str) -> str:
        for example, own in self.words.items():
            text = text.replace(example, own)
        return text

    def commands(self, title: str) -> list[str]:
        """Give a section's commands, block by block."""
        return [self._said(block) for block in _COMMANDS.findall(self._section(title))]

    def steps(self, title: str) -> Iterator[Step]:
        """Give a section's steps, in order."""
        found = _STEP.findall(self._section(title))
        assert found, f"there are no steps in {title}"
        for act, name, value in found:
            yield Step(act, self._said(name), self._said(value))

    def follow(self, page: Page, title: str) -> None:
        """Do what a section says."""
        scope = page.locator("body")
        for step in self.steps(title):
            match step.act:
                case "Under":
                    scope = page.locator("form", has=page.get_by_role("heading", name=step.name, exact=True))
                    expect(scope).to_be_visible()
                case "Fill":
                    scope.get_by_label(step.name, exact=True).fill(step.value)
                case _:
                    button = scope.get_by_role("button", name=step.name, exact=True)
                    button.or_(scope.get_by_role("link", name=step.name, exact=True)).click()
                    page.wait_for_load_state()
                    scope = page.locator("body")
