"""Workflows: which steps plan and apply a project. Atlantis's schema (its documentation, custom workflows)."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from server.config.loading import Section
from workers.protocol.jobs import Step

BUILT_IN = ("init", "plan", "apply", "show")
SCRIPTED = ("run", "env", "multienv")
_SHELL_FIELDS = {"command", "shell", "shellArgs", "output"}


def _step(value: object) -> object:
    """Turn one entry of `steps` into a Step; the message says what a step may look like."""
    if isinstance(value, Step):
        return value
    if isinstance(value, str):
        if value in BUILT_IN:
            return Step(name=value)
        raise ValueError(f"unknown step {value!r}; expected one of {', '.join(BUILT_IN)}, or `run: {value}`")
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("a step is a name, or a mapping with exactly one key")
    name, body = next(iter(value.items()))
    if name in BUILT_IN:
        return _built_in(name, body)
    if name in SCRIPTED:
        return _scripted(name, body)
    raise ValueError(f"unknown step {name!r}; expected one of {', '.join(BUILT_IN + SCRIPTED)}")


def _built_in(name: str, body: object) -> Step:
    if body is None:
        return Step(name=name)
    if not isinstance(body, dict) or set(body) - {"extra_args"}:
        raise ValueError(f"step {name!r} takes `extra_args`, a list of strings, and nothing else")
    extra = body.get("extra_args") or []
    if not isinstance(extra, list) or not all(isinstance(item, str) for item in extra):
        raise ValueError(f"`extra_args` of step {name!r} must be a list of strings")
    return Step(name=name, extra_args=tuple(extra))


def _scripted(name: str, body: object) -> Step:
    if isinstance(body, str) and name != "env":
        return Step(name=name, command=body)
    allowed = {"name", "value", "command", "shell", "shellArgs"} if name == "env" else _SHELL_FIELDS
    if not isinstance(body, dict) or set(body) - allowed:
        raise ValueError(f"step {name!r} takes {', '.join(sorted(allowed))}")
    if body.get("shellArgs") is not None and body.get("shell") is None:
        raise ValueError(f"step {name!r}: `shellArgs` needs `shell`")
    if name == "env":
        _check_env(body)
    elif not isinstance(body.get("command"), str):
        raise ValueError(f"step {name!r} needs `command`, a string")
    arguments = body.get("shellArgs") or ()
    return Step(
        name=name,
        command=body.get("command"),
        shell=body.get("shell"),
        shell_args=tuple(arguments.split(" ")) if isinstance(arguments, str) else tuple(arguments),
        output=_output(body.get("output")),
        variable=body.get("name"),
        value=None if body.get("value") is None else str(body["value"]),
    )


def _check_env(body: dict[str, Any]) -> None:
    if not isinstance(body.get("name"), str) or not body["name"]:
        raise ValueError("step 'env' needs `name`")
    if (body.get("value") is None) == (body.get("command") is None):
        raise ValueError("step 'env' needs either `value` or `command`")


def _output(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    entries = value if isinstance(value, list) else [value]
    found = []
    for entry in entries:
        if isinstance(entry, dict) and set(entry) == {"filter_regex"}:
            found.append(f"filter_regex:{entry['filter_regex']}")
        elif entry in {"show", "hide", "strip_refreshing"}:
            found.append(str(entry))
        else:
            raise ValueError("`output` is show, hide, strip_refreshing, or a list of these and `filter_regex: …`")
    return tuple(found)


WorkflowStep = Annotated[Any, BeforeValidator(_step)]


class Stage(Section):
    """The steps of one stage; none given means the default ones."""

    steps: list[WorkflowStep] | None = None


class Workflow(Section):
    """A named way to plan and apply."""

    plan: Stage | None = Field(default=None)
    apply: Stage | None = Field(default=None)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_default(cls, value: object) -> object:
        return {} if value is None else value

    def steps(self, stage: str) -> tuple[Step, ...]:
        """Give the steps of `plan` or `apply`."""
        chosen: Stage | None = getattr(self, stage)
        if chosen is None or chosen.steps is None:
            return DEFAULT_STEPS[stage]
        return tuple(chosen.steps)


DEFAULT_STEPS = {
    "plan": (Step(name="init"), Step(name="plan")),
    "apply": (Step(name="init"), Step(name="apply")),
}
