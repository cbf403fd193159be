"""Settings about pull requests: who may use the server, what people type, and how they are answered."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from server.config.matching import AUTOPLAN_FILES
from server.domain.commands import ALWAYS_ALLOWED, BLOCKED_EXTRA_ARGS, DESTROY, CommandKind

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def _comma_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _words(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("expected at least one word")
    for word in value:
        if not _WORD.fullmatch(word):
            raise ValueError(f"expected words of letters, digits, - and _; found {word!r}")
    return value


def _commands(value: tuple[str, ...]) -> tuple[str, ...]:
    known = [*(kind.verb for kind in CommandKind if kind.verb not in ALWAYS_ALLOWED), DESTROY]
    if value == ("all",):
        return tuple(known)
    for name in value:
        if name not in known:
            raise ValueError(f"there is no command {name!r}; expected some of {', '.join(known)}, or all")
    return value


def _team_rules(value: tuple[str, ...]) -> tuple[str, ...]:
    for rule in value:
        team, colon, command = rule.rpartition(":")
        if not colon or not team:
            raise ValueError(f"expected team:command, such as ops:apply or *:plan; found {rule!r}")
        if command != "*":
            _commands((command,))
    return value


def _patterns(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("expected at least one pattern, such as **/*.tf")
    return value


CommaList = Annotated[tuple[str, ...], BeforeValidator(_comma_list)]


class PullSettings(BaseModel):
    """What holds for every pull request."""

    repo_allowlist: CommaList = Field(
        (),
        description="Required. Repositories that may use this server: `github.com/acme/*,!github.com/acme/secret`.",
    )
    repo_config: Path | None = Field(None, description="Server-side policy file (`repos.yaml`).")
    command_name: Annotated[CommaList, AfterValidator(_words)] = Field(
        ("thera",),
        description="Trigger words in comments, the first one being used in answers: `thera,atlantis` eases a migration.",
    )
    allow_commands: Annotated[CommaList, AfterValidator(_commands)] = Field(
        ("plan", "apply", "approve_policies", "unlock", "cancel", "version"),
        description="Commands that may be given in comments, by their first words; `all` adds `import`, `state` and `destroy` (the right to `plan --destroy`).",
    )
    team_allowlist: Annotated[CommaList, AfterValidator(_team_rules)] = Field(
        (),
        description="Who may give which command, by team of the repository's owner (or GitLab group): `ops:apply,dev:plan,*:unlock`. Who is in none of a command's teams is refused. Default: everybody that `commenters` lets.",
    )
    blocked_extra_args: CommaList = Field(
        BLOCKED_EXTRA_ARGS,
        description="Arguments that a comment may not give to Terraform behind `--`, each with and without a value.",
    )
    disable_apply_all: bool = Field(False, description="`apply` has to say what: `-d`, `-w` or `-p`.")
    disable_unlock_label: str | None = Field(None, description="Pull requests with this label cannot be unlocked.")
    restrict_file_list: bool = Field(
        False, description="A command may name only projects that the pull request touches."
    )
    autoplan_file_list: Annotated[CommaList, AfterValidator(_patterns)] = Field(
        AUTOPLAN_FILES,
        description="Files whose change plans a project that no file lists; patterns as in `when_modified`.",
    )
    include_git_untracked_files: bool = Field(
        False, description="Files that workflow hooks leave behind count as changed by the pull request."
    )
    ignore_status_names: CommaList = Field(
        (),
        description="`STATUS_NAME`s of other servers, such as an Atlantis beside this one, whose statuses `mergeable` leaves aside as it does our own.",
    )
    status_name: str | None = Field(None, description="Prefix of commit statuses. Default: the first `COMMAND_NAME`.")
    allow_forks: bool = Field(
        False,
        description="Act on pull requests from forks. Their code then runs with the workers' credentials.",
    )
    allow_drafts: bool = Field(False, description="Plan draft pull requests by themselves.")
    carry_plans: bool = Field(
        True,
        description="After a push, keep the plans whose every input is the same by digest. `false`: plan all projects again.",
    )
    disable_autoplan: bool = Field(False, description="Plan only when somebody asks for it.")
    disable_autoplan_label: str | None = Field(
        None, description="Pull requests with this label are planned only when somebody asks for it."
    )
    automerge: bool = Field(
        False,
        description="Merge a pull request when all of its plans are applied; a repository's file may say otherwise.",
    )
    automerge_method: Literal["", "merge", "squash", "rebase"] = Field(
        "",
        description="How to merge by itself: `merge`, `squash` or `rebase`. Default: what the repository allows first.",
    )
    disable_automerge_label: str | None = Field(
        None, description="Pull requests with this label are never merged by themselves."
    )
    answer_unknown_repos: bool = Field(
        False, description="Say once, in a comment, that a repository is not on the allowlist."
    )
    silence_no_projects: bool = Field(False, description="Say nothing where a plan finds no project.")
    silence_status_no_projects: bool = Field(
        False,
        description="Set no status where a plan finds no project. A required status then blocks such pull requests.",
    )
    hide_prev_plan_comments: bool = Field(
        False, description="Fold the comments of earlier plans away when a pull request is planned again."
    )
    template_dir: Path | None = Field(
        None,
        description="Folder with templates that say parts of comments in other words: `headline.md.j2`, `footer.md.j2`, … Read at the start.",
    )
    disable_markdown_folding: bool = Field(False, description="Fold nothing in comments.")
    emoji_reaction: Literal["eyes", "+1", "heart", "rocket", "hooray", "laugh", "confused", "none"] = Field(
        "eyes", description="How a command that is accepted is marked; `none` marks nothing."
    )
