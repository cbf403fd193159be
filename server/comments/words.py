"""The words of comments: Thera's own, or what an operator's templates make of the same facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from server.comments.format import Markdown


class TemplateFailed(Exception):
    """An operator's template cannot be filled in; `place` is its file, with the line where that is known."""

    def __init__(self, place: str, why: str) -> None:
        self.place, self.why = place, why
        super().__init__(f"{place}: {why}")


class Template(Protocol):
    """What an operator wants to be said instead of a part."""

    def render(self, facts: Mapping[str, Any]) -> Markdown:
        """Fill it in.

        Raises:
            TemplateFailed: it cannot be, or says far too much.
        """


def _say_nothing(_: TemplateFailed) -> None:
    pass


@dataclass(frozen=True)
class Words:
    """Templates by the part that they are for; `report` hears of each that failed when it was needed."""

    templates: Mapping[str, Template] = field(default_factory=dict)
    report: Callable[[TemplateFailed], None] = _say_nothing

    def say(self, part: str, built_in: Markdown, facts: Callable[[], Mapping[str, Any]]) -> Markdown:
        """Give a part in the operator's words, or as it is built in where there are none, or they fail."""
        template = self.templates.get(part)
        if template is None:
            return built_in
        try:
            return template.render({**facts(), "text": built_in})
        except TemplateFailed as failed:
            self.report(failed)
            return built_in


BUILT_IN = Words()
