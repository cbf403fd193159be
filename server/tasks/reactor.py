"""Bells into use cases. Every one of them may be rung twice, late, or never."""

import structlog
from celery import Celery

from server.domain.errors import TryLater
from server.orchestration.begin import begin
from server.orchestration.context import Context
from server.orchestration.intake import handle_delivery
from server.orchestration.publish import publish
from server.orchestration.relay import relay
from server.store.bells import Bell, BellKind
from server.tasks.app import REACT, send_bell, send_job

log = structlog.get_logger()


class Ringer:
    """Rings bells after a commit. A broker that does not answer costs one tick of the reconcile loop."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._ctx: Context | None = None

    def attach(self, ctx: Context) -> None:
        """Let the ringer relay jobs at once, which saves a message each."""
        self._ctx = ctx

    def ring(self, bell: Bell) -> None:
        """Nudge whoever deals with the bell."""
        if bell.kind is BellKind.RELAY and self._ctx is not None:
            self.relay()
            return
        send_bell(self._app, bell.kind.value, bell.subject)

    def relay(self) -> None:
        """Send a ticket for every queued job."""
        if self._ctx is not None:
            relay(self._ctx, lambda pool, ticket: send_job(self._app, pool, ticket))


def react(ctx: Context, ringer: Ringer, kind: str, subject: str) -> None:
    """Do what a bell asks for; what fails is found again by the reconcile loop."""
    try:
        match BellKind(kind):
            case BellKind.DELIVERY:
                handle_delivery(ctx, subject)
            case BellKind.BEGIN:
                begin(ctx, subject)
            case BellKind.RELAY:
                ringer.relay()
            case BellKind.PUBLISH:
                publish(ctx, subject)
    except TryLater as error:
        log.warning("bell.postponed", kind=kind, subject=subject, error=str(error))
    except Exception:
        log.exception("bell.failed", kind=kind, subject=subject)


def register(app: Celery, ctx: Context, ringer: Ringer) -> None:
    """Put the reactor's one task into the application, before any worker starts."""

    @app.task(name=REACT, ignore_result=True)  # type: ignore[untyped-decorator]  # Celery has no types
    def _react(kind: str, subject: str) -> None:
        react(ctx, ringer, kind, subject)
