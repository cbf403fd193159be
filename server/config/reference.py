"""The page `docs/reference/settings.md`, written from the settings themselves: `python -m server.config.reference`."""

import sys
from collections.abc import Iterator, Mapping

from pydantic.fields import FieldInfo

from server.config.settings import PREFIX, SECRETS, Settings

# A group begins with the setting named here and ends before the next group.
GROUPS: Mapping[str, tuple[str, str]] = {
    "repo_allowlist": ("Repositories and commands", "Who may use this server, and what people type."),
    "url": ("The server", "Where it listens, and where it keeps what it knows."),
    "secret_key": (
        "Keys",
        "One box makes them for itself. With a broker, set them yourself, the same on every server.",
    ),
    "forges": ("Several forges", "See [Serve several forges and owners](../how-to/several-forges.md)."),
    "github_url": ("GitHub", "See [Connect GitHub](../how-to/connect-github.md)."),
    "gitlab_url": ("GitLab", "See [Connect GitLab](../how-to/connect-gitlab.md)."),
    "api_tokens": ("Pages and API", "Who may look and act outside of pull requests."),
    "slack_token": (
        "Telling others",
        "Who is told of applies is in the server file; see [Tell others of applies](../how-to/notify-others.md).",
    ),
    "server_url": (
        "Workers",
        "Needed by a worker of its own: `SERVER_URL`, `BROKER_URL`, `WORKER_TOKEN`. One box obeys the rest as well.",
    ),
    "heartbeat_seconds": ("Time, limits and logs", "The defaults are meant to be left alone."),
}

_HEAD = f"""\
# Settings

<!-- Written by `make docs` from server/config/settings.py; a test compares the two. -->

Thera reads its settings from environment variables that begin with `{PREFIX}`, and from nowhere else.
An empty variable counts as not set.
Every variable can also be given as a file: `{PREFIX}<NAME>_FILE` names a file whose content is the value.
That is meant for secrets, which are marked 🔒; setting both forms of one setting is a mistake.

`thera check-config` prints what is in force, with secrets masked, and every mistake at once.
A variable that begins with `{PREFIX}` and is not listed here is a mistake as well.
"""


def render() -> str:
    """Write the whole page."""
    return "\n".join(line for block in (_HEAD.splitlines(), *_groups()) for line in block) + "\n"


def _groups() -> Iterator[list[str]]:
    for name, field in Settings.model_fields.items():
        if name in GROUPS:
            title, introduction = GROUPS[name]
            yield ["", f"## {title}", "", introduction, "", "| variable | default | meaning |", "|---|---|---|"]
        yield [f"| {_variable(name)} | {_default(field)} | {_cell(field.description or '')} |"]


def _variable(name: str) -> str:
    lock = " 🔒" if name in SECRETS else ""
    return f"`{PREFIX}{name.upper()}`{lock}"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    if isinstance(value, float) and value.is_integer():
        return f"`{int(value)}`"
    return f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.stdout.write(render())
