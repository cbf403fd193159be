"""Attributes before and after, as lines of a `diff` fence: `+ - !` at the left edge bring the colours."""

import difflib
import itertools
import json
from collections.abc import Iterator

from server.comments.format import one_line
from workers.protocol.results import Action, AttributeChange, ChangeSummary, OutputChange, ResourceChange

VALUE_LIMIT = 400
SIDE_BY_SIDE = 60
LINES_PER_RESOURCE = 150
_HEADS = {
    Action.DELETE: ("-", "will be destroyed"),
    Action.REPLACE: ("!", "must be replaced"),
    Action.UPDATE: ("!", "will be changed"),
    Action.CREATE: ("+", "will be created"),
    Action.IMPORT: ("+", "will be imported"),
}
SHOWN = tuple(_HEADS)


def resource_lines(resource: ResourceChange) -> list[str]:
    """Show one resource."""
    sign, what = _HEADS[resource.action]
    lines = [f"{sign} {one_line(resource.address)} {what}"]
    for attribute in resource.attributes:
        lines += attribute_lines(attribute)
    if len(lines) > LINES_PER_RESOURCE:
        lines[LINES_PER_RESOURCE:] = [f"  … {len(lines) - LINES_PER_RESOURCE} more lines"]
    return lines


def attribute_lines(attribute: AttributeChange | OutputChange) -> list[str]:
    """Show one attribute or output."""
    name = one_line(attribute.path if isinstance(attribute, AttributeChange) else attribute.name)
    is_forcing = isinstance(attribute, AttributeChange) and attribute.forces_replacement
    forces = "  # forces replacement" if is_forcing else ""
    if attribute.sensitive:
        return [f"!   {name}: (sensitive){forces}"]
    after = "(known after apply)" if attribute.unknown else attribute.after
    before = attribute.before
    if before is None or after is None:
        return [
            *(f"-   {line}" for line in _whole(name, before, forces)),
            *(f"+   {line}" for line in _whole(name, after, forces)),
        ]
    if len(before) <= SIDE_BY_SIDE and len(after) <= SIDE_BY_SIDE:
        return [f"!   {name}: {one_line(before)} → {one_line(after)}{forces}"]
    return [f"!   {name}:{forces}", *_between(before, after)]


def _whole(name: str, value: str | None, forces: str) -> Iterator[str]:
    if value is None:
        return
    lines = _lines(value)
    if len(lines) == 1:
        yield f"{name}: {lines[0]}{forces}"
        return
    yield f"{name}:{forces}"
    yield from (f"  {line}" for line in lines)


def _between(before: str, after: str) -> Iterator[str]:
    old, new = _lines(before), _lines(after)
    if len(old) == len(new) == 1:
        yield f"-     {old[0]}"
        yield f"+     {new[0]}"
        return
    for line in itertools.islice(difflib.unified_diff(old, new, lineterm="", n=2), 2, None):  # no file names
        yield line if line.startswith("@@") else f"{line[0]}     {line[1:]}"


def _lines(value: str) -> list[str]:
    """Spread JSON text out: long strings by their lines, documents (also within a string) by their members."""
    if len(value) <= SIDE_BY_SIDE:
        return [one_line(value)]
    return [one_line_as_is(line) for line in _spread(value)]


def _spread(value: str) -> list[str]:
    try:
        data = json.loads(value)
        if isinstance(data, str):
            if data.lstrip()[:1] not in {"{", "["}:
                lines = data.splitlines()
                return lines if len(lines) > 1 else [value]
            data = json.loads(data)
    except ValueError:
        return value.splitlines() or [value]
    return json.dumps(data, indent=2, ensure_ascii=False).splitlines()


def one_line_as_is(text: str) -> str:
    """Keep a line's indentation, and not more of it than a screen takes."""
    text = text.expandtabs(4)
    return text if len(text) <= VALUE_LIMIT else text[:VALUE_LIMIT] + f"… ({len(text)} characters)"


def plan_diff(changes: ChangeSummary, *, at_most: int) -> str:
    """Show changed resources, the dangerous ones first, until there are so many characters."""
    order = {action: place for place, action in enumerate(SHOWN)}
    resources = [resource for resource in changes.resources if resource.action in order]
    resources.sort(key=lambda resource: (order[resource.action], resource.address))
    blocks: list[str] = []
    for shown, resource in enumerate(resources):
        block = "\n".join(resource_lines(resource))
        at_most -= len(block)
        if at_most < 0:
            return "\n\n".join([*blocks, f"# {len(resources) - shown} more resources are left out here"])
        blocks.append(block)
    return "\n\n".join(blocks)


def outputs_diff(changes: ChangeSummary) -> str:
    """Show every changed output."""
    changed = [output for output in changes.outputs if output.action is not Action.NO_OP]
    return "\n".join(line for output in changed for line in attribute_lines(output))
