"""Switch to the project's workspace, making it if need be."""

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
    file = context.data_dir / "environment"
    chosen = context.environment.get("TF_WORKSPACE")
    return chosen or (file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else "") or "default"
