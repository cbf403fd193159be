"""One transaction over all aggregates, and the bells that follow its commit."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from sqlalchemy import Connection, Engine, text

from server.domain.errors import Defect
from server.store.artifacts import Artifacts
from server.store.bells import Bell
from server.store.deliveries import Deliveries
from server.store.errors import Busy, translated
from server.store.jobs import Jobs
from server.store.locks import Locks
from server.store.logs import Logs
from server.store.outbox import Outbox
from server.store.projects import Projects
from server.store.pulls import Pulls
from server.store.runs import Runs
from server.store.session import READING
from server.store.workers import Workers

log = structlog.get_logger()

_PATIENCE = timedelta(seconds=30)


class UnitOfWork:
    """Everything stored, as one transaction sees it."""

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self._writing = writing
        self._bells: dict[Bell, None] = {}
        self.deliveries = Deliveries(connection)
        self.pulls = Pulls(connection)
        self.runs = Runs(connection)
        self.jobs = Jobs(connection, writing=writing)
        self.logs = Logs(connection)
        self.projects = Projects(connection)
        self.locks = Locks(connection)
        self.artifacts = Artifacts(connection)
        self.outbox = Outbox(connection)
        self.workers = Workers(connection)

    def ring(self, bell: Bell) -> None:
        """Have a bell rung after the commit, once however often it is asked for.

        Raises:
            Defect: the transaction only reads; nothing of it would be worth a look.
        """
        if not self._writing:
            raise Defect(f"a reading transaction rang {bell}")
        self._bells[bell] = None

    @property
    def bells(self) -> tuple[Bell, ...]:
        """What will be rung, in the order it was first asked for."""
        return tuple(self._bells)


class Store:
    """The door to the rows."""

    def __init__(self, engine: Engine, ring: Callable[[Bell], None]) -> None:
        self._engine = engine
        self._ring = ring
        # SQLite has one writer. Threads of one program queue up here, in order; its own waiting is a poll.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def transaction(self) -> Iterator[UnitOfWork]:
        """Change rows: all of it is kept, or (after an exception) nothing; then the bells are rung.

        Raises:
            Busy: others were in the way; the whole transaction may be done again.
            TryLater: the database does not answer.
        """
        with translated(), self._my_turn(), self._connect() as connection, connection.begin():
            uow = UnitOfWork(connection, writing=True)
            yield uow
        for bell in uow.bells:
            self._ring_safely(bell)

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        """Look at rows as they are at one moment; writing is refused.

        Raises:
            TryLater: the database does not answer.
        """
        options: dict[str, object] = {READING: True}
        if self._engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with translated(), self._connect(**options) as connection, connection.begin():
            yield UnitOfWork(connection, writing=False)

    def ping(self) -> None:
        """Ask the database whether it is there.

        Raises:
            TryLater: it does not answer.
        """
        with translated(), self._connect(**{READING: True}) as connection, connection.begin():
            connection.execute(text("SELECT 1"))

    def dispose(self) -> None:
        """Close the connections that are not in use."""
        self._engine.dispose()

    def _connect(self, **options: object) -> Connection:
        return self._engine.connect().execution_options(**options)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=_PATIENCE.total_seconds()):
            raise Busy("Another change to the database takes too long.")
        try:
            yield
        finally:
            self._turn.release()

    def _ring_safely(self, bell: Bell) -> None:
        try:
            self._ring(bell)
        except Exception:
            # The rows are kept; the reconcile loop finds what nobody was told of.
            log.exception("bell.not_rung", kind=bell.kind.value, subject=bell.subject)
