"""What people may type, as a table; parser, help and mistakes are all read from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.domain.commands import CommandKind

HELP_WORDS = frozenset({"help", "-h", "--help"})
TOOLS = frozenset({"terraform", "tofu", "opentofu"})


@dataclass(frozen=True, kw_only=True)
class Option:
    """One flag. `value` is what its value is called in the usage line; a switch has none."""

    name: str
    short: str | None = None
    value: str | None = None
    help: str

    @property
    def long(self) -> str:
        """Spell it out: `--dir`."""
        return f"--{self.name}"

    @property
    def shortest(self) -> str:
        """Spell it as the usage line does: `-d`, or `--verbose` where there is no letter."""
        return self.short or self.long

    @property
    def usage(self) -> str:
        """Spell it with its value: `-d DIR`."""
        return f"{self.shortest} {self.value}" if self.value else self.shortest


@dataclass(frozen=True, kw_only=True)
class Operands:
    """What stands beside the flags: how many words at least and at most, and what they are called."""

    names: str
    least: int
    most: int | None = None


@dataclass(frozen=True, kw_only=True)
class Form:
    """One command. `whole` says why it takes no flags; `refused_extra` is what makes no sense after `--`.

    `instead` is how the same is done in code, for where the operator has not switched the command on.
    """

    kind: CommandKind
    help: str
    options: tuple[Option, ...] = ()
    operands: Operands | None = None
    instead: str = ""
    takes_extra: bool = False
    refused_extra: tuple[str, ...] = ()
    may_be_bare: bool = False
    argument: str | None = None
    whole: str = ""

    def usage(self, word: str) -> str:
        """Show how it is typed."""
        parts = [word, self.kind.value, *(f"[{option.usage}]" for option in self.options)]
        if self.argument:
            parts.append(f"[{self.argument}]")
        if self.operands:
            parts.append(self.operands.names)
        if self.takes_extra:
            parts.append("[-- TERRAFORM ARGUMENTS]")
        return " ".join(parts)


DIRECTORY = Option(name="dir", short="-d", value="DIR", help="only the project in this directory")
WORKSPACE = Option(name="workspace", short="-w", value="WORKSPACE", help="only this Terraform workspace")
PROJECT = Option(name="project", short="-p", value="PROJECT", help="only the project of this name")
VERBOSE = Option(name="verbose", help="show Terraform's own text unfolded")
POLICY_SET = Option(name="policy-set", value="NAME", help="only this set of policies")
CLEAR = Option(name="clear-policy-approval", help="take the approvals back that were given so far")
NO_MERGE = Option(name="auto-merge-disabled", help="do not merge when everything is applied")
MERGE_METHOD = Option(name="auto-merge-method", value="METHOD", help="merge in this way: merge, squash or rebase")
DESTRUCTION = Option(name="destroy", help="plan to destroy all that a project manages, also one that is deleted here")
ONE_OR_MORE = (DIRECTORY, WORKSPACE, PROJECT, VERBOSE)

_ALL_OF_THE_PULL = "it always means everything this pull request holds"

FORMS: Mapping[str, Form] = {
    form.kind.verb: form
    for form in (
        Form(
            kind=CommandKind.PLAN,
            help="show what would change; every project this pull request touches, unless narrowed down",
            options=(*ONE_OR_MORE, DESTRUCTION),
            takes_extra=True,
            may_be_bare=True,
        ),
        Form(
            kind=CommandKind.APPLY,
            help="apply the plans shown here, exactly as shown; all of them, unless narrowed down",
            options=(*ONE_OR_MORE, NO_MERGE, MERGE_METHOD),
            takes_extra=True,
            refused_extra=("-target", "-replace", "-destroy"),
            may_be_bare=True,
        ),
        Form(
            kind=CommandKind.APPROVE_POLICIES,
            help="accept what policies found wrong with the plans shown here; for those who own the policies",
            options=(*ONE_OR_MORE, POLICY_SET, CLEAR),
        ),
        Form(
            kind=CommandKind.IMPORT,
            help="take something that exists into the state of one project; its plan is thrown away",
            options=ONE_OR_MORE,
            operands=Operands(names="ADDRESS ID", least=2, most=2),
            takes_extra=True,
            instead="Write an `import` block in the code: it is planned, reviewed and applied like any other change.",
        ),
        Form(
            kind=CommandKind.STATE_RM,
            help="forget resources: out of the state, and otherwise left alone; the plan is thrown away",
            options=ONE_OR_MORE,
            operands=Operands(names="ADDRESS…", least=1),
            takes_extra=True,
            instead="Write a `removed` or `moved` block in the code: it is planned and applied like any other change.",
        ),
        Form(
            kind=CommandKind.UNLOCK,
            help="throw this pull request's plans away and free its locks",
            whole=_ALL_OF_THE_PULL,
        ),
        Form(
            kind=CommandKind.CANCEL,
            help="stop what is queued here, and interrupt what is running",
            whole=_ALL_OF_THE_PULL,
        ),
        Form(
            kind=CommandKind.VERSION,
            help="say which Terraform the workers use by default",
            whole="it answers for the workers, not for a project",
        ),
        Form(
            kind=CommandKind.EXPLAIN,
            help="say why a project is planned here, what holds for it, and what stands between now and its apply",
            options=(DIRECTORY, WORKSPACE, PROJECT),
        ),
        Form(kind=CommandKind.HELP, help="show this, or more about one command", argument="COMMAND"),
    )
}

BARE = {name: form for name, form in FORMS.items() if form.may_be_bare}

# What people try because Atlantis or Terraform has it, and how the same is done here.
ELSEWHERE: Mapping[str, str] = {
    "destroy": "Remove the resources from the code, or plan with `--destroy` and apply that plan.",
    "init": "Every plan runs `terraform init` first; there is nothing to do by hand.",
    "validate": "A plan validates first.",
    "refresh": "Plan with `-- -refresh-only`, and apply that plan.",
}

# Terraform's own flags that begin like one of ours, or that people put before the `--`.
TERRAFORM_FLAGS = frozenset(
    {
        "allow-missing", "auto-approve", "chdir", "compact-warnings", "detailed-exitcode", "exclude",
        "generate-config-out", "input", "json", "lock", "lock-timeout", "no-color", "out", "parallelism",
        "plugin-dir", "refresh", "refresh-only", "replace", "state", "target", "target-file", "upgrade", "var",
        "var-file",
    }
)  # fmt: skip
