"""Workflows: which steps a project goes through at each stage. The schema is that of Atlantis's custom workflows."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from server.config.expressions import compiled
from server.config.loading import Section, as_written, closest
from workers.protocol.jobs import Step

StageName = Literal["plan", "policy_check", "apply", "import", "state_rm"]
BUILT_IN = ("init", "plan", "show", "policy_check", "apply", "import", "state_rm")
SCRIPTED = ("run", "env", "multienv")
_FIELDS = {
    "run": ("command", "shell", "shellArgs", "output"),
    "env": ("name", "value", "command", "shell", "shellArgs"),
    "multienv": ("command", "shell", "shellArgs", "output"),
}
_OUTPUTS = {"run": ("show", "hide", "strip_refreshing"), "multienv": ("show", "hide")}


def _step(value: object) -> object:
    """Turn one entry of `steps` into a Step; the message says what a step may look like."""
    if isinstance(value, Step):
        return value
    if isinstance(value, str):
        return _named(value)
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("a step is a name, or a mapping with exactly one key")
    name, body = next(iter(value.items()))
    if name in BUILT_IN:
        return _built_in(name, body)
    if name in SCRIPTED:
        return _scripted(name, body)
    known = BUILT_IN + SCRIPTED
    raise ValueError(f"unknown step {name!r}; expected one of {', '.join(known)}{closest(str(name), known)}")


def _named(value: str) -> Step:
    if value in BUILT_IN:
        return Step(name=value)
    if value in SCRIPTED:
        raise ValueError(f"step {value!r} needs {', '.join(_FIELDS[value])}; only {', '.join(BUILT_IN)} stand alone")
    hint = closest(value, BUILT_IN)
    raise ValueError(f"unknown step {value!r}; expected one of {', '.join(BUILT_IN)}, or `run: {value}`{hint}")


def _built_in(name: str, body: object) -> Step:
    if body is None:
        return Step(name=name)
    if not isinstance(body, dict) or set(body) - {"extra_args"}:
        raise ValueError(f"step {name!r} takes `extra_args`, a list of strings, and nothing else")
    extra = [as_written(item) for item in _list(body.get("extra_args"), f"`extra_args` of step {name!r}")]
    return Step(name=name, extra_args=_texts(extra, f"`extra_args` of step {name!r}"))


def _list(value: object, what: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list of strings")  # noqa: TRY004  (pydantic reports these)
    return value


def _texts(values: list[object], what: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{what} must be a list of strings")
    return tuple(str(value) for value in values)


def _scripted(name: str, body: object) -> Step:
    if isinstance(body, str) and name != "env":
        body = {"command": body}
    if not isinstance(body, dict):
        raise ValueError(f"step {name!r} takes {', '.join(_FIELDS[name])}")  # noqa: TRY004  (pydantic reports these)
    for key in body:
        if key not in _FIELDS[name]:
            words = f"step {name!r} takes {', '.join(_FIELDS[name])}; there is no {key!r}"
            raise ValueError(f"{words}{closest(str(key), _FIELDS[name])}")
    given = {key: value for key, value in body.items() if value is not None}
    for key in ("name", "value", "command", "shell"):
        given[key] = as_written(given.get(key))
        if given[key] is not None and not isinstance(given[key], str):
            raise ValueError(f"step {name!r}: `{key}` must be a string")
    _insist(name, given)
    return Step(
        name=name,
        command=given["command"],
        shell=given["shell"],
        shell_args=shell_arguments(given.get("shellArgs")),
        output=_output(given.get("output"), name),
        variable=given["name"],
        value=given["value"],
    )


def _insist(name: str, given: Mapping[str, Any]) -> None:
    if name == "env":
        if not given["name"]:
            raise ValueError("step 'env' needs `name`")
        if (given["value"] is None) == (given["command"] is None):
            raise ValueError("step 'env' needs either `value` or `command`")
    elif not given["command"]:
        raise ValueError(f"step {name!r} needs `command`, a string")
    if given["shell"] is not None and given["command"] is None:
        raise ValueError(f"step {name!r}: `shell` needs `command`")
    if given.get("shellArgs") is not None and given["shell"] is None:
        raise ValueError(f"step {name!r}: `shellArgs` needs `shell`")


def shell_arguments(value: object) -> tuple[str, ...]:
    """Read `shellArgs`: a text that is split at spaces, or a list.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        return tuple(filter(None, value.split(" ")))
    return _texts(_list(value, "`shellArgs`"), "`shellArgs`")


def _output(value: object, name: str) -> tuple[str, ...]:
    """Read `output`, as Atlantis's documentation of the run step has it; a filter may also stand outside of a list."""
    if value is None:
        return ()
    known = _OUTPUTS[name]
    found = []
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict) and set(entry) == {"filter_regex"} and "strip_refreshing" in known:
            found.append(f"filter_regex:{compiled(str(entry['filter_regex'])).pattern}")
        elif isinstance(entry, str) and entry in known:
            found.append(entry)
        else:
            more = ", or a list of these and `filter_regex: …`" if "strip_refreshing" in known else ""
            raise ValueError(f"`output` of step {name!r} is {', '.join(known)}{more}")
    return tuple(found)


_LINE = {"type": "string"}
_LINES = {"type": "array", "items": _LINE}
_SHELL = {"shell": _LINE, "shellArgs": {"anyOf": [_LINE, _LINES]}}


def _outputs(*known: str) -> dict[str, Any]:
    one: dict[str, Any] = {"enum": list(known)}
    if "strip_refreshing" not in known:
        return one
    masked = {
        "type": "object",
        "properties": {"filter_regex": _LINE},
        "required": ["filter_regex"],
        "additionalProperties": False,
    }
    either = {"anyOf": [one, masked]}
    return {"anyOf": [one, masked, {"type": "array", "items": either}]}


def _only(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: body}, "required": [name], "additionalProperties": False}


def _mapping(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


_EXTRA = {"anyOf": [_mapping({"extra_args": {"anyOf": [_LINES, {"type": "null"}]}}), {"type": "null"}]}
_COMMAND = {
    name: _mapping({"command": _LINE, **_SHELL, "output": _outputs(*_OUTPUTS[name])}, "command") for name in _OUTPUTS
}
_SCHEMA: dict[str, Any] = {
    "description": "One step: a name, or a mapping with exactly one key.",
    "anyOf": [
        {"enum": list(BUILT_IN)},
        *(_only(name, _EXTRA) for name in BUILT_IN),
        *(_only(name, {"anyOf": [_LINE, body]}) for name, body in _COMMAND.items()),
        _only("env", _mapping({"name": _LINE, "value": _LINE, "command": _LINE, **_SHELL}, "name")),
    ],
}

WorkflowStep = Annotated[Any, BeforeValidator(_step), WithJsonSchema(_SCHEMA)]


class Stage(Section):
    """The steps of one stage. None given means the default ones; an empty list means to do nothing."""

    steps: list[WorkflowStep] | None = Field(default=None, description="What is done, in this order.")


class Workflow(Section):
    """A named way to take projects through the stages; a stage that is left out has its default steps."""

    plan: Stage | None = Field(default=None, description="Default: init, plan.")
    policy_check: Stage | None = Field(default=None, description="Default: show, policy_check.")
    apply: Stage | None = Field(default=None, description="Default: init, apply.")
    import_: Stage | None = Field(default=None, alias="import", description="Default: init, import.")
    state_rm: Stage | None = Field(default=None, description="Default: init, state_rm.")

    def steps(self, stage: StageName) -> tuple[Step, ...]:
        """Give the steps of a stage."""
        chosen: Stage | None = getattr(self, "import_" if stage == "import" else stage)
        if chosen is None or chosen.steps is None:
            return DEFAULT_STEPS[stage]
        return tuple(chosen.steps)


# Atlantis's defaults, but for `apply`: every job here has a checkout of its own, which has to be initialised.
DEFAULT_STEPS: Mapping[StageName, tuple[Step, ...]] = {
    "plan": (Step(name="init"), Step(name="plan")),
    "policy_check": (Step(name="show"), Step(name="policy_check")),
    "apply": (Step(name="init"), Step(name="apply")),
    "import": (Step(name="init"), Step(name="import")),
    "state_rm": (Step(name="init"), Step(name="state_rm")),
}
