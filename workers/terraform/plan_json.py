"""`terraform show -json` of a saved plan into what people review. A sensitive value never gets past here."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workers.protocol.results import (
    Action,
    AttributeChange,
    ChangeSummary,
    Counts,
    Diagnostic,
    OutputChange,
    ResourceChange,
)

_ACTIONS: Mapping[tuple[str, ...], Action] = {
    ("no-op",): Action.NO_OP,
    ("create",): Action.CREATE,
    ("read",): Action.READ,
    ("update",): Action.UPDATE,
    ("delete",): Action.DELETE,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("forget",): Action.FORGET,
    ("create", "forget"): Action.REPLACE,
}
_REASONS = {
    "replace_because_tainted": "it is tainted: its last creation or a provisioner failed",
    "replace_because_cannot_update": "the provider cannot change it in place",
    "replace_by_request": "somebody asked for its replacement",
    "replace_by_triggers": "something named in replace_triggered_by changes",
    "delete_because_no_resource_config": "it is no longer in the code",
    "delete_because_no_module": "its module is no longer in the code",
    "delete_because_wrong_repetition": "the code no longer has this instance (count or for_each came or went)",
    "delete_because_count_index": "its index is beyond count",
    "delete_because_each_key": "its key is no longer in for_each",
    "delete_because_no_move_target": "it was moved to an address that is not in the code",
    "read_because_config_unknown": "its configuration is known only during apply",
    "read_because_dependency_pending": "what it depends on changes first",
}
_LONGEST_VALUE = 2000
_MOST_ATTRIBUTES = 200
_MOST_RESOURCES = 600
_LARGEST_SUMMARY = 1_000_000


def summarise(plan: Mapping[str, Any]) -> ChangeSummary:
    """Read a plan. Beyond a size, details of resources and then resources are left out and counted."""
    changes = [change for change in map(_resource, plan.get("resource_changes", ())) if change is not None]
    deferred = map(_deferred, plan.get("deferred_changes", ()))
    changes += [replace(change, deferred=True) for change in deferred if change is not None]
    changes.sort(key=lambda change: (_RANK[change.action], change.address))
    outputs = tuple(change for change in map(_output, sorted(plan.get("output_changes", {}).items())) if change)
    kept = _that_fit(changes)
    return ChangeSummary(
        counts=_counts(changes, outputs),
        resources=tuple(kept),
        outputs=outputs,
        drifted=tuple(_drifted(plan)),
        checks=tuple(_failed_checks(plan)),
        omitted=len(changes) - len(kept),
    )


_RANK = {
    Action.DELETE: 0,
    Action.REPLACE: 1,
    Action.FORGET: 2,
    Action.CREATE: 3,
    Action.UPDATE: 4,
    Action.IMPORT: 5,
    Action.MOVE: 6,
    Action.READ: 7,
    Action.NO_OP: 8,
}


def _that_fit(changes: Sequence[ResourceChange]) -> list[ResourceChange]:
    kept, size = [], 0
    for change in changes[:_MOST_RESOURCES]:
        size += 200 + sum(len(one.before or "") + len(one.after or "") + len(one.path) for one in change.attributes)
        if size > _LARGEST_SUMMARY:
            break
        kept.append(change)
    return kept


def _deferred(raw: Mapping[str, Any]) -> ResourceChange | None:
    change = raw.get("resource_change")
    return _resource(change) if change else None


def _resource(raw: Mapping[str, Any]) -> ResourceChange | None:
    change = raw["change"]
    action = _ACTIONS.get(tuple(change["actions"]), Action.UPDATE)
    previous = raw.get("previous_address")
    importing = change.get("importing")
    if action is Action.NO_OP:
        action = Action.IMPORT if importing else Action.MOVE if previous else Action.NO_OP
    if action in {Action.NO_OP, Action.READ}:
        return None
    replaced = tuple(_spell(path) for path in change.get("replace_paths", ()))
    return ResourceChange(
        address=raw["address"],
        type=raw["type"],
        action=action,
        module=raw.get("module_address", ""),
        attributes=tuple(_attributes(change, replaced)),
        replace_paths=replaced,
        create_before_destroy=tuple(change["actions"])[:1] == ("create",) and action is Action.REPLACE,
        reason=_REASONS.get(raw.get("action_reason", ""), ""),
        previous_address=previous,
        import_id=str(importing["id"]) if isinstance(importing, dict) and importing.get("id") else None,
    )


def _attributes(change: Mapping[str, Any], replaced: tuple[str, ...]) -> Iterator[AttributeChange]:
    """List the leaves that differ, depth first, with whatever is sensitive on either side masked."""
    found = 0
    for path, before, after, marks in _leaves((), change.get("before"), change.get("after"), _Marks.of(change)):
        if found >= _MOST_ATTRIBUTES:
            return
        name = _spell(path)
        forces = any(name == one or name.startswith((f"{one}.", f"{one}[")) for one in replaced)
        if marks.sensitive:
            if before != after or marks.unknown:
                found += 1
                yield AttributeChange(path=name, sensitive=True, unknown=marks.unknown, forces_replacement=forces)
        elif marks.unknown or before != after:
            found += 1
            yield AttributeChange(
                path=name,
                before=_text(before),
                after=None if marks.unknown else _text(after),
                unknown=marks.unknown,
                forces_replacement=forces,
            )


class _Marks:
    """What the plan's own maps say of one place: sensitive before, sensitive after, unknown."""

    def __init__(self, before: Any, after: Any, unknown: Any) -> None:
        self._maps = (before, after, unknown)

    @classmethod
    def of(cls, change: Mapping[str, Any]) -> "_Marks":
        return cls(change.get("before_sensitive"), change.get("after_sensitive"), change.get("after_unknown"))

    @property
    def sensitive(self) -> bool:
        """Say whether it must not be shown; what is unknown as a whole is shown whole or not at all."""
        if self.unknown:
            return _any_mark(self._maps[0]) or _any_mark(self._maps[1])
        return self._maps[0] is True or self._maps[1] is True

    @property
    def unknown(self) -> bool:
        return self._maps[2] is True

    def below(self, key: str | int) -> "_Marks":
        return _Marks(*(_child(one, key) for one in self._maps))

    def keys(self) -> set[str | int]:
        """List the keys that are marked in any way."""
        found: set[str | int] = set()
        for one in self._maps:
            if isinstance(one, dict):
                found |= set(one)
            elif isinstance(one, list):
                found |= set(range(len(one)))
        return found


def _any_mark(node: Any) -> bool:
    if isinstance(node, dict):
        return any(map(_any_mark, node.values()))
    return any(map(_any_mark, node)) if isinstance(node, list) else node is True


def _child(node: Any, key: str | int) -> Any:
    if node is True:
        return True
    if isinstance(node, dict):
        return node.get(str(key))
    if isinstance(node, list) and isinstance(key, int) and key < len(node):
        return node[key]
    return None


Leaf = tuple[tuple[str | int, ...], Any, Any, _Marks]


def _leaves(path: tuple[str | int, ...], before: Any, after: Any, marks: _Marks) -> Iterator[Leaf]:
    if marks.sensitive or marks.unknown:
        yield path, before, after, marks
        return
    keys = _keys(before) | _keys(after)
    containers = isinstance(before, (dict, list)) or isinstance(after, (dict, list))
    if not containers and not marks.keys():
        yield path, before, after, marks
        return
    if containers and not keys and not marks.keys():
        yield path, before, after, marks
        return
    for key in sorted(keys | marks.keys(), key=lambda key: (0, key, "") if isinstance(key, int) else (1, 0, key)):
        yield from _leaves((*path, key), _child_value(before, key), _child_value(after, key), marks.below(key))


def _keys(node: Any) -> set[str | int]:
    if isinstance(node, dict):
        return set(node)
    return set(range(len(node))) if isinstance(node, list) else set()


def _child_value(node: Any, key: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(str(key))
    if isinstance(node, list) and isinstance(key, int) and key < len(node):
        return node[key]
    return None


def _spell(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _output(item: tuple[str, Mapping[str, Any]]) -> OutputChange | None:
    name, change = item
    action = _ACTIONS.get(tuple(change["actions"]), Action.UPDATE)
    if action is Action.NO_OP:
        return None
    sensitive = _any_mark(change.get("before_sensitive")) or _any_mark(change.get("after_sensitive"))
    unknown = _any_mark(change.get("after_unknown"))
    return OutputChange(
        name=name,
        action=action,
        before=None if sensitive else _text(change.get("before")),
        after=None if sensitive or unknown else _text(change.get("after")),
        unknown=unknown,
        sensitive=sensitive,
    )


def _counts(changes: Sequence[ResourceChange], outputs: Sequence[OutputChange]) -> Counts:
    changes = [change for change in changes if not change.deferred]  # another apply's business
    count = {action: sum(change.action is action for change in changes) for action in Action}
    return Counts(
        add=count[Action.CREATE],
        change=count[Action.UPDATE],
        replace=count[Action.REPLACE],
        destroy=count[Action.DELETE],
        imported=sum(change.import_id is not None or change.action is Action.IMPORT for change in changes),
        moved=sum(change.previous_address is not None for change in changes),
        forgotten=count[Action.FORGET],
        outputs=len(outputs),
    )


def _drifted(plan: Mapping[str, Any]) -> Iterator[str]:
    """List what changed behind Terraform's back; null, empty and absent are the same to people."""
    for raw in plan.get("resource_drift", ()):
        change = raw["change"]
        if _cleaned(change.get("before")) != _cleaned(change.get("after")):
            yield raw["address"]


def _cleaned(node: Any) -> Any:
    if isinstance(node, dict):
        cleaned = {key: value for key, raw in node.items() if (value := _cleaned(raw)) is not None}
        return cleaned or None
    if isinstance(node, list):
        return [_cleaned(one) for one in node] or None
    return None if node == "" else node


def _failed_checks(plan: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for check in plan.get("checks") or ():
        if check.get("status") not in {"fail", "error"}:
            continue
        address = check.get("address", {}).get("to_display")
        problems = [
            problem.get("message", "")
            for instance in check.get("instances", ())
            for problem in instance.get("problems", ())
        ]
        yield Diagnostic(severity="warning", summary="; ".join(problems) or "the check failed", address=address)


def plan_digest(plan: Mapping[str, Any]) -> str:
    """Name a plan by what it would do: two plans with the same digest change the same things."""
    meaning = {key: plan.get(key) for key in ("resource_changes", "output_changes", "variables", "applyable")}
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def sensitive_values(plan: Mapping[str, Any]) -> set[str]:
    """Collect every string that the plan itself calls sensitive, so that output can be cleaned of it."""
    found: set[str] = set()
    for raw in (*plan.get("resource_changes", ()), *plan.get("output_changes", {}).values()):
        change = raw.get("change", raw)
        _collect(change.get("before"), change.get("before_sensitive"), found)
        _collect(change.get("after"), change.get("after_sensitive"), found)
    declared = plan.get("configuration", {}).get("root_module", {}).get("variables", {})
    for name, variable in plan.get("variables", {}).items():
        if declared.get(name, {}).get("sensitive"):
            _collect(variable.get("value"), True, found)  # noqa: FBT003  (a mark as the plan spells it)
    return found


def _collect(value: Any, mark: Any, found: set[str]) -> None:
    if mark is True:
        _strings(value, found)
    elif isinstance(mark, dict) and isinstance(value, dict):
        for key, below in mark.items():
            _collect(value.get(key), below, found)
    elif isinstance(mark, list) and isinstance(value, list):
        for one, below in zip(value, mark, strict=False):
            _collect(one, below, found)


def _strings(value: Any, found: set[str]) -> None:
    if isinstance(value, str):
        found.add(value)
    elif isinstance(value, dict):
        for one in value.values():
            _strings(one, found)
    elif isinstance(value, list):
        for one in value:
            _strings(one, found)
