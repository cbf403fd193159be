"""Engines for both databases, and the schema brought up to date once however many servers start."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from server.domain.errors import Defect, UserMistake
from server.store.errors import translated

READING = "thera_reading"  # execution option: this transaction only reads
MIGRATIONS = Path(__file__).parent / "migrations"

_BUSY_TIMEOUT_MS = 30_000
_MIGRATION_TIMEOUT_MS = 600_000
_MIGRATION_LOCK = 0x7468657261  # "thera"
# No transaction of ours waits for anything but the database, so one that idles has lost its process.
_POSTGRES_OPTIONS = "-c lock_timeout=30s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"


def make_engine(url: str) -> Engine:
    """Make an engine; nothing is connected to yet.

    Raises:
        UserMistake: the URL is of no database that Thera knows.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # The URL is not repeated: it may hold a password.
        raise UserMistake("DATABASE_URL is not a URL, such as postgresql://user@host/name.") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed)
    if backend in {"postgresql", "postgres"}:
        return _postgres(parsed)
    raise UserMistake(f"DATABASE_URL starts with {parsed.drivername}://, but should with postgresql:// or sqlite:///.")


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise UserMistake("DATABASE_URL has to name a file: a SQLite database in memory has one user only.")
    file = Path(url.database)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keep_to_ourselves(file)
    engine = create_engine(url, pool_size=8, max_overflow=32, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _keep_to_ourselves(file: Path) -> None:
    """Make a new database that nobody else can read: logs and comments are in it. SQLite's own files beside it follow.

    One that is there already stays as its owner has it, and so does a place where nothing can be made.
    """
    with contextlib.suppress(OSError):
        file.touch(mode=0o600, exist_ok=False)


def _set_up_sqlite(connection: sqlite3.Connection, record: object) -> None:
    del record
    connection.isolation_level = None  # the driver's own BEGIN comes too late and locks too little
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    _enter_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _enter_wal(connection: sqlite3.Connection) -> None:
    # The switch to WAL ignores busy_timeout: of several programs that open a new file at once all but one
    # would fail. The mode is kept in the file, so that this happens only once in its life.
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                return
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a reader that turns writer would fail, or lose somebody's update."""
    reading = bool(connection.get_execution_options().get(READING))
    connection.exec_driver_sql(f"PRAGMA query_only = {int(reading)}")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgres(url: URL) -> Engine:
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    wanted = {"options": _POSTGRES_OPTIONS, "connect_timeout": 10, "application_name": "thera"}
    arguments: dict[str, Any] = {name: value for name, value in wanted.items() if name not in url.query}
    try:
        return create_engine(
            url, pool_size=8, max_overflow=24, pool_pre_ping=True, pool_recycle=1800, connect_args=arguments
        )
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UserMistake(f"DATABASE_URL asks for {url.drivername}; use postgresql:// and psycopg is taken.") from error


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest version; of many programs that start at once, one does it.

    Raises:
        UserMistake: the schema is newer than this program.
        TryLater: the database does not answer.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with translated():
        with engine.connect().execution_options(**{READING: True}) as connection:
            current = _current(connection)
        _insist_it_is_known(script, current)
        if current == script.get_current_head():
            return
        with _alone(engine) as connection:
            # Who waited for the lock finds the work done by the one before.
            _insist_it_is_known(script, _current(connection))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _insist_it_is_known(script: ScriptDirectory, current: str | None) -> None:
    if current is None or any(revision.revision == current for revision in script.walk_revisions()):
        return
    raise UserMistake(
        f"The database's schema is of version {current}, which is newer than this program: "
        f"the newest it knows is {script.get_current_head()}. Run the newer Thera, "
        "or restore the backup that was made before it was installed."
    )


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """One transaction in which nobody else migrates; its connection is thrown away afterwards."""
    with engine.connect() as connection:
        try:
            if engine.dialect.name == "sqlite":
                yield from _alone_on_sqlite(connection)
            else:
                yield from _alone_on_postgres(connection)
        finally:
            connection.invalidate()


def _alone_on_sqlite(connection: Connection) -> Iterator[Connection]:
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        raise Defect(f"expected a connection of sqlite3, got {type(raw)}")
    raw.execute(f"PRAGMA busy_timeout = {_MIGRATION_TIMEOUT_MS}")
    # SQLite changes a table by making it anew; with foreign keys on, dropping the old one would empty others.
    raw.execute("PRAGMA foreign_keys = OFF")
    with connection.begin():
        yield connection
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise Defect(f"the migration left rows that point nowhere, in {sorted({row[0] for row in broken})}")


def _alone_on_postgres(connection: Connection) -> Iterator[Connection]:
    with connection.begin():
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_MIGRATION_TIMEOUT_MS}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        yield connection
