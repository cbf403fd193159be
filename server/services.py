"""What entry points need, made once by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from server.config.settings import Settings
from server.orchestration.claims import ServerGateway
from server.orchestration.context import Context
from server.store.bells import Bell


@dataclass(frozen=True, kw_only=True)
class Services:
    """Collaborators of the web, webhook and task layers."""

    settings: Settings
    ctx: Context
    gateway: ServerGateway
    ring: Callable[[Bell], None]
