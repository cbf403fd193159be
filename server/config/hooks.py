"""Workflow hooks of the server file: the operator's own commands before and after what people ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from server.config.expressions import found_in
from server.config.loading import Section, Text, one_of
from server.config.workflows import shell_arguments
from workers.protocol.jobs import Hook

# As people spell them, and as commands are called.
_COMMANDS: Mapping[str, str] = {
    "plan": "plan",
    "autoplan": "plan",
    "apply": "apply",
    "policy_check": "policy_check",
    "approve_policies": "approve_policies",
    "import": "import",
    "state": "state",
    "state rm": "state",
    "state_rm": "state",
    "unlock": "unlock",
    "cancel": "cancel",
    "version": "version",
}


def _commands(value: str) -> str:
    for word in value.split(","):
        if word.strip():
            one_of(word.strip(), _COMMANDS, what="command")
    return value


_SHELL_ARGUMENTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class HookEntry(Section):
    """One hook."""

    run: Text = Field(min_length=1, description="What the shell runs, at the root of a checkout.")
    description: Text = Field(default="", description="What the hook's commit status is called.")
    shell: Text | None = Field(default=None, description="Default: sh.")
    shell_args: Annotated[Any, BeforeValidator(shell_arguments), WithJsonSchema(_SHELL_ARGUMENTS)] = Field(
        default=(), alias="shellArgs", description="Text that is split at spaces, or a list. Default: -c."
    )
    commands: Annotated[Text, AfterValidator(_commands)] = Field(
        default="", description="Commands it runs for, comma separated. Default: all of them."
    )

    def rule(self, *, branch: str | None) -> "HookRule":
        """Say when it runs, and what a worker has to run."""
        words = (word.strip() for word in self.commands.split(","))
        return HookRule(
            hook=Hook(
                command=self.run,
                description=self.description,
                shell=self.shell,
                shell_args=tuple(self.shell_args),
            ),
            commands=frozenset(_COMMANDS[word] for word in words if word),
            branch=branch,
        )


@dataclass(frozen=True, kw_only=True)
class HookRule:
    """A hook, and when it runs: for these commands (none named: all), on pulls onto this branch (None: any)."""

    hook: Hook
    commands: frozenset[str] = frozenset()
    branch: str | None = None

    def runs_for(self, command: str, *, base_ref: str | None = None) -> bool:
        """Say whether it runs for a command; without `base_ref`, whatever the branch."""
        named = not self.commands or _COMMANDS.get(command, command) in self.commands
        return named and (base_ref is None or found_in(self.branch, base_ref))
