"""What custom steps and hooks find in their environment: the names that Atlantis documents, and ours."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from workers.process import clean_environment
from workers.protocol.jobs import Plan, ProjectWork
from workers.settings import WorkerSettings
from workers.terraform.binary import COMMANDS, Binary

# Atlantis's documentation, "Custom Workflows" (run step) and "Pre Workflow Hooks".
DOCUMENTED = (
    "ATLANTIS_PR_APPROVED",
    "ATLANTIS_PR_MERGEABLE",
    "ATLANTIS_TERRAFORM_DISTRIBUTION",
    "ATLANTIS_TERRAFORM_VERSION",
    "BASE_BRANCH_NAME",
    "BASE_REPO_NAME",
    "BASE_REPO_OWNER",
    "COMMAND_HAS_ERRORS",
    "COMMAND_NAME",
    "COMMENT_ARGS",
    "DIR",
    "HEAD_BRANCH_NAME",
    "HEAD_COMMIT",
    "HEAD_REPO_NAME",
    "HEAD_REPO_OWNER",
    "OUTPUT_STATUS_FILE",
    "PLANFILE",
    "POLICYCHECKFILE",
    "PROJECT_NAME",
    "PULL_AUTHOR",
    "PULL_NUM",
    "PULL_URL",
    "REPO_REL_DIR",
    "SHOWFILE",
    "USER_NAME",
    "WORKSPACE",
)


def under_both_names(facts: Mapping[str, str]) -> dict[str, str]:
    """Give every documented fact a second name, `THERA_` before it (`ATLANTIS_X` becomes `THERA_X`)."""
    ours = {f"THERA_{name.removeprefix('ATLANTIS_')}": facts[name] for name in DOCUMENTED if name in facts}
    return {**ours, **facts}


def project_variables(work: ProjectWork, folder: Path, scratch: Path, binary: Binary) -> dict[str, str]:
    """Name a project's facts for its steps."""
    facts = {
        **work.environment,
        "DIR": str(folder),
        "WORKSPACE": work.project.workspace,
        "PROJECT_NAME": work.project.name or "",
        "REPO_REL_DIR": work.project.dir,
        "COMMENT_ARGS": escaped(work.extra_args),
        "ATLANTIS_TERRAFORM_VERSION": binary.version,
        "ATLANTIS_TERRAFORM_DISTRIBUTION": COMMANDS[binary.distribution],
        "PLANFILE": str(scratch / "plan.tfplan"),
        "SHOWFILE": str(scratch / "plan.json"),
        "POLICYCHECKFILE": str(scratch / "policy.json"),
    }
    destroy = "true" if isinstance(work, Plan) and work.destroy else "false"
    return {**under_both_names(facts), "DESTROY": destroy, "THERA_DESTROY": destroy}


def hook_environment(
    settings: WorkerSettings,
    given: Mapping[str, str],
    *,
    root: Path,
    status_file: Path,
    command: str,
    has_errors: bool | None,
    extra_args: Iterable[str],
) -> dict[str, str]:
    """Build the environment of a workflow hook; `has_errors` is None before the command has run."""
    facts = {
        "PROJECT_NAME": "",
        **given,
        "DIR": str(root),
        "COMMAND_NAME": command,
        "COMMENT_ARGS": escaped(extra_args),
        "OUTPUT_STATUS_FILE": str(status_file),
        **({} if has_errors is None else {"COMMAND_HAS_ERRORS": "true" if has_errors else "false"}),
    }
    path = ":".join(filter(None, (settings.environment.get("PATH"), str(settings.data_dir / "bin"))))
    return clean_environment(settings.environment, {"PATH": path, **under_both_names(facts)})


def escaped(arguments: Iterable[str]) -> str:
    """Spell a comment's arguments as Atlantis hands them to scripts: every character behind a backslash."""
    return ",".join("".join(f"\\{character}" for character in argument) for argument in arguments)
