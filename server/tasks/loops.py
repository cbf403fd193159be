"""Threads of a server process: the embedded reactor and the ticker."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.concurrency.thread import TaskPool
from celery.worker import WorkController

log = structlog.get_logger()


class OwnThreads(TaskPool):  # type: ignore[misc]  # Celery has no types
    """Threads in which the reactor's application is the current one.

    Celery looks a task up in the current application; in one-box mode a process has two.
    """

    def on_apply(self, target: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run a task in the application that it belongs to."""

        def at_home(*words: Any, **names: Any) -> Any:
            self.app.set_current()
            return target(*words, **names)

        return super().on_apply(at_home, *arguments, **options)


class EmbeddedReactor(threading.Thread):
    """A Celery worker in a thread: the bare controller, which touches neither signals nor logging."""

    def __init__(self, app: Celery, *, concurrency: int = 8) -> None:
        super().__init__(name="reactor", daemon=True)
        self._app = app
        self._concurrency = concurrency
        self._controller: WorkController | None = None
        self.ready = threading.Event()

    def run(self) -> None:
        """Consume bells until stopped."""
        ready = self.ready

        class Controller(WorkController):  # type: ignore[misc]  # Celery has no types
            def on_consumer_ready(self, consumer: object) -> None:  # noqa: ARG002  (Celery's signature)
                ready.set()

        self._app.finalize()
        self._controller = Controller(
            app=self._app,
            pool=OwnThreads,
            hostname="reactor@localhost",
            concurrency=self._concurrency,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel="WARNING",
        )
        self._controller.start()
        self._controller.stop()

    def stop(self, timeout: timedelta) -> bool:
        """Take no more bells and end; says whether that was in time."""
        consumer = getattr(self._controller, "consumer", None)
        if consumer is not None:
            # Its loop looks at this between two messages. `celery.worker.state.should_stop` would end
            # every controller of the process.
            consumer.blueprint.state = bootsteps.CLOSE
        self.join(timeout.total_seconds())
        return not self.is_alive()


class Ticker(threading.Thread):
    """Calls a function over and over; it never dies of what the function raises."""

    def __init__(self, name: str, every: timedelta, act: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._every = every
        self._act = act
        self._stopped = threading.Event()

    def run(self) -> None:
        """Act, wait, act again."""
        while not self._stopped.is_set():
            try:
                self._act()
            except Exception:
                log.exception("ticker.failed", ticker=self.name)
            self._stopped.wait(self._every.total_seconds())

    def stop(self) -> None:
        """End after the round under way."""
        self._stopped.set()
