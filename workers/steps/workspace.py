"""Switch to the project's workspace, making it if need be."""

from pathlib import Path

from workers.steps.context import StepContext


def switch(context: StepContext) -> None:
    """Select the workspace; the one in use is known without asking Terraform."""
    wanted = context.project.workspace
    if _current(context) == wanted:
        return
    selected = context.command(
        [str(context.binary.path), "workspace", "select", wanted], what="workspace select", quiet=True
    )
    if not selected.ok:
        context.terraform(["workspace", "new", wanted])


def _current(context: StepContext) -> str:
    folder = Path(context.environment.get("TF_DATA_DIR", context.folder / ".terraform"))
    file = folder / "environment"
    return file.read_text().strip() if file.is_file() else "default"
