"""Templates that can print nothing but Markdown: a value without a filter is an error, not an injection."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from server.comments import format as words
from server.comments.format import Markdown


class Unfiltered(TypeError):
    """A template prints a value that no filter has made safe."""


def fill(template: str, **values: Any) -> Markdown:
    """Fill a template in and leave one blank line between its blocks."""
    text = _environment().get_template(f"{template}.md.j2").render(values)
    return Markdown(words.tidy(text))


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # noqa: S701  (this is Markdown; `_only_markdown` guards it)
        undefined=StrictUndefined,
        finalize=_only_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: Mapping[str, Any] = {
        "amount": words.amount,
        "cell_code": words.cell_code,
        "cell_prose": words.cell_prose,
        "code": words.code,
        "fence": words.fence,
        "md": words.md,
        "paragraphs": words.paragraphs,
        "prose": words.prose,
    }
    environment.filters.update(filters)
    environment.globals["link"] = words.link
    environment.globals["codes"] = codes
    return environment


def _only_markdown(value: object) -> object:
    if isinstance(value, (Markdown, int)):
        return value
    raise Unfiltered(f"a template prints {type(value).__name__} {value!r} without a filter")


def codes(texts: tuple[str, ...], at_most: int = 20) -> Markdown:
    """List texts as code, and how many are left out."""
    shown = [words.code(text) for text in texts[:at_most]]
    if len(texts) > at_most:
        shown.append(Markdown(f"… {len(texts) - at_most} more"))
    return words.join(shown)


def fold(summary: Markdown, body: str, *, can_fold: bool, is_open: bool = False) -> Markdown:
    """Hide a block behind a line; forges that cannot fold get the line as a heading.

    Markdown inside `<details>` is read only after a blank line.
    """
    if not body:
        return Markdown("")
    if not can_fold:
        return Markdown(f"{summary}\n\n{body}")
    tag = "<details open>" if is_open else "<details>"
    return Markdown(f"{tag}<summary>{summary}</summary>\n\n{body}\n\n</details>")
