"""What the set-up page asks of a kind of forge: to make an App of its own, where the forge has such a thing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Handover:
    """A form that a person's own browser sends to the forge: where to, and its fields."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class MadeApp:
    """An App that the forge made for us; `install_url` is where an owner gives it repositories."""

    id: int
    name: str
    key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    install_url: str


class AppMaker(Protocol):
    """How a kind of forge makes an App: a form is handed over, and its answer's code is redeemed."""

    def handover(self, *, web_url: str, owner: str, thera_url: str, state: str) -> Handover:
        """Describe the App that is wanted, under an organisation or, with no `owner`, under the person's account.

        The forge sends the browser back to `<thera_url>/setup/made` with a `code` and this `state`.
        """

    def redeem(self, *, web_url: str, code: str, ca_file: Path | None) -> MadeApp:
        """Turn the code into the App and its secrets; that works once, within an hour.

        Raises:
            UserMistake: the forge does not know the code.
            TryLater: the forge does not answer.
        """
