"""A message to a Slack channel (Slack's documentation, chat.postMessage)."""

import json
from typing import Any

from server.domain.errors import TryLater
from server.notifiers.announcement import Announcement
from server.notifiers.posting import post


def send(announced: Announcement, *, url: str, token: str, channel: str) -> None:
    """Tell one channel; `url` is the base of Slack's API.

    Raises:
        TryLater: Slack did not take it.
    """
    body = json.dumps(content(announced, channel)).encode()
    answer = post(f"{url}/chat.postMessage", body, {"Authorization": f"Bearer {token}"}, is_read=True)
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise TryLater("what answered is not Slack")
    if said.get("ok") is not True:
        raise TryLater(f"Slack says: {str(said.get('error', 'no'))[:100]}")


def content(announced: Announcement, channel: str) -> dict[str, Any]:
    """Write the message: one coloured attachment, as Atlantis's."""
    pull, project = announced.pull, announced.project
    what = "succeeded" if announced.succeeded else "failed"
    where = f"<{_plain(pull.url)}|{_plain(pull.ref.repo.full_name)}#{pull.ref.number}>"
    facts = {
        "Workspace": project.workspace,
        "Branch": pull.head_ref,
        "User": announced.actor,
        "Directory": "/" if project.dir == "." else project.dir,
        **({"Project": project.name} if project.name else {}),
    }
    attachment = {
        "color": "good" if announced.succeeded else "danger",
        "fallback": f"Apply {what} for {pull.url}",
        "text": f"Apply {what} for {where}",
        "fields": [{"title": title, "value": _plain(value), "short": True} for title, value in facts.items()],
    }
    return {"channel": channel, "text": "", "attachments": [attachment], "unfurl_links": False}


def _plain(text: str) -> str:
    """Keep what people named from being read as Slack's own marks, such as a call to everybody."""
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\u2223")):
        text = text.replace(sign, name)
    return text
