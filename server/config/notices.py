"""Who is told of applies outside of the forge: the list `webhooks` of the server file, and the headers they get."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from server.config.expressions import compiled
from server.config.loading import Section, Text

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
_OURS = frozenset({"content-length", "content-type", "host", "transfer-encoding", "connection"})
_OURS_BEGIN = "x-thera-"


def _event(value: str) -> str:
    if value == "drift":
        raise ValueError("drift detection does not exist yet; the only event is `apply`")
    if value != "apply":
        raise ValueError(f"there is no event {value!r:.60}; the only one is `apply`")
    return value


def _expression(value: str) -> str:
    compiled(value)
    return value


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and value.isprintable() and " " not in value
        _ = parts.port
    except ValueError:
        is_one = False
    if not is_one:  # not shown: it may be a secret
        raise ValueError("expected an address that begins with https:// or http://")
    return value


Expression = Annotated[Text, AfterValidator(_expression)]


class WebhookEntry(Section):
    """Somebody who is told when a project's apply has ended."""

    event: Annotated[Text, AfterValidator(_event)] = Field(description="`apply`.")
    kind: Literal["slack", "http"] = Field(description="`slack`: a channel; `http`: an address.")
    channel: Text = Field(default="", description="Of Slack: name or id.")
    url: Annotated[Text, AfterValidator(_address)] | None = Field(default=None, description="Of http: the address.")
    workspace_regex: Expression = Field(
        default="", alias="workspace-regex", description="Only workspaces in which this is found."
    )
    branch_regex: Expression = Field(
        default="", alias="branch-regex", description="Only pull requests onto branches in whose name this is found."
    )

    @model_validator(mode="after")
    def _has_a_place(self) -> "WebhookEntry":
        if self.kind == "slack" and not self.channel:
            raise ValueError("a webhook of the kind `slack` needs a `channel`")
        if self.kind == "http" and self.url is None:
            raise ValueError("a webhook of the kind `http` needs a `url`")
        return self

    @property
    def workspace(self) -> re.Pattern[str]:
        """What is searched in the workspace's name."""
        return compiled(self.workspace_regex)

    @property
    def branch(self) -> re.Pattern[str]:
        """What is searched in the base branch's name."""
        return compiled(self.branch_regex)


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """As whom others are told: Slack's address and our token there; headers and signing key of other messages."""

    slack_url: str
    slack_token: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: str = field(default="", repr=False)


def headers_of(text: str) -> dict[str, str]:
    """Read headers from a JSON object; several values of one become one, separated by commas.

    Raises:
        ValueError: it is something else. No message shows a value.
    """
    try:
        given: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('not JSON; expected an object such as {"Authorization": "Bearer …"}') from None
    if not isinstance(given, dict):
        raise ValueError('expected a JSON object such as {"Authorization": "Bearer …"}')  # noqa: TRY004  (a mistake)
    return {_checked_name(name): _checked_value(name, value) for name, value in given.items()}


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("one of the names cannot be the name of a header")
    if name.lower() in _OURS or name.lower().startswith(_OURS_BEGIN):
        raise ValueError(f"the header {name} is set by Thera itself")
    return name


def _checked_value(name: str, value: object) -> str:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) and one.isascii() and one.isprintable() for one in values):
        raise ValueError(f"the value of {name}: expected text, or a list of texts, of plain printable characters")
    return ", ".join(one.strip() for one in values)


def checked_headers(value: SecretStr | None) -> SecretStr | None:
    """Check a setting that holds headers.

    Raises:
        ValueError: as `headers_of`.
    """
    if value is not None:
        headers_of(value.get_secret_value())
    return value
