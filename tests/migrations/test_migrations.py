"""The schema on both databases: as the tables say, reached with rows in it, once, by however many servers."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Engine, Integer, MetaData, Table, inspect, text

from server.domain.errors import UserMistake
from server.store.session import MIGRATIONS, make_engine, migrate
from server.store.tables import metadata
from server.store.unit_of_work import Store
from tests.migrations.sample_rows import ROWS

_NEW_AND_REQUIRED = re.compile(r"ADD COLUMN \w+ (?!.*\bDEFAULT\b).*\bNOT NULL\b", re.IGNORECASE)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _revisions() -> list[str]:
    return [one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def _upgrade(engine: Engine, revision: str) -> None:
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _differences(engine: Engine, wanted: MetaData) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, wanted))


def _required_without_default(sql: str) -> list[str]:
    return [found[0] for found in _NEW_AND_REQUIRED.finditer(sql)]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def test_the_migrated_schema_is_what_the_tables_say(engine: Engine) -> None:
    migrate(engine)

    assert _differences(engine, metadata) == []


def test_a_column_or_index_that_no_migration_makes_would_be_noticed(engine: Engine) -> None:
    migrate(engine)
    planted = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        table.to_metadata(planted)
    Table("workers", planted, Column("forgotten", Integer, index=True), extend_existing=True)

    assert len(_differences(engine, planted)) == 2


def test_every_index_and_its_condition_are_there(engine: Engine) -> None:
    migrate(engine)
    found = inspect(engine)

    for table in metadata.sorted_tables:
        there = {index["name"]: index for index in found.get_indexes(table.name)}
        for index in table.indexes:
            options = there[str(index.name)]["dialect_options"]
            wanted = index.dialect_options[engine.dialect.name]["where"] is not None
            assert any(name.endswith("_where") for name in options) == wanted, index.name


def test_each_migration_copes_with_the_rows_of_the_one_before(engine: Engine) -> None:
    for revision in _revisions():
        _upgrade(engine, revision)
        with engine.begin() as connection:
            for table, row in ROWS[revision]:
                names = ", ".join(f'"{name}"' for name in row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({values})'), dict(row))  # noqa: S608

    assert _differences(engine, metadata) == []
    with Store(engine, lambda _: None).reading() as uow:
        pull, labelled = uow.pulls.list_open()
        assert (pull.labels, labelled.labels) == ((), ("urgent",))
        (run,) = uow.runs.open_of(pull.id)
        assert [len(found) for found in (uow.jobs.of_run(run.id), uow.projects.of_pull(pull.id))] == [1, 1]
        assert [len(found) for found in (uow.locks.of_pull(pull.id), uow.outbox.of_pull(pull.id))] == [1, 1]


def test_every_migration_has_sample_rows_for_every_table_it_made() -> None:
    assert set(ROWS) == set(_revisions())
    assert {table for rows in ROWS.values() for table, _ in rows} == set(metadata.tables)


def test_a_column_added_later_may_be_left_out_by_the_version_before() -> None:
    out = io.StringIO()
    config = _config()
    config.output_buffer = out
    config.attributes["dialect"] = "postgresql"
    command.upgrade(config, f"{_revisions()[0]}:head", sql=True)

    assert _required_without_default(out.getvalue()) == []
    assert _required_without_default("ALTER TABLE x ADD COLUMN y INTEGER NOT NULL;") != []
    assert _required_without_default("ALTER TABLE x ADD COLUMN y INTEGER DEFAULT '0' NOT NULL;") == []


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    migrate(engine)

    assert _differences(engine, metadata) == []


def test_a_schema_newer_than_the_program_is_refused(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(UserMistake, match="version 9999, which is newer than this program"):
        migrate(engine)


def test_six_servers_that_start_at_once_migrate_once(database_url: str) -> None:
    program = "import sys; from server.store.session import *; migrate(make_engine(sys.argv[1]))"
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            cwd=Path(__file__).parents[2],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    words = [server.communicate(timeout=120)[1] for server in servers]

    assert [server.returncode for server in servers] == [0] * 6, words
    engine = make_engine(database_url)
    assert _differences(engine, metadata) == []
    engine.dispose()


def test_a_new_database_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'thera.db'}")
    migrate(engine)

    with engine.connect():
        assert {path.name: oct(path.stat().st_mode & 0o077) for path in tmp_path.glob("thera.db*")} == {
            "thera.db": "0o0",
            "thera.db-wal": "0o0",
            "thera.db-shm": "0o0",
        }
    engine.dispose()
