import sys
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy as sa

from tests.support.services import Missing, PostgresServer, RedisServer, find, require


@pytest.fixture
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("empty_path")
def test_a_missing_program_skips_the_test_at_home() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"redis-server was not found\. Install Redis"):
        require("redis-server", environ={})


@pytest.mark.usefixtures("empty_path")
@pytest.mark.parametrize("value", ["true", "1", "True"])
def test_a_missing_program_fails_the_test_in_ci(value: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"terraform was not found\. Install Terraform.*CI is set"):
        require("terraform", environ={"CI": value})


@pytest.mark.usefixtures("empty_path")
def test_a_machine_that_denies_to_be_ci_is_believed() -> None:
    with pytest.raises(pytest.skip.Exception):
        require("chromium", environ={"CI": "false"})


def test_a_program_that_is_there_is_returned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "terraform"
    program.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find("terraform") == program
    assert find("redis-server") == Missing("redis-server", "Redis (Debian: redis-server)")


@pytest.mark.redis
def test_redis_answers_at_its_url(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("colour", "red")

        assert client.get("colour") == b"red"


@pytest.mark.redis
def test_a_flushed_redis_is_empty(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("colour", "red")

        redis_server.flush()

        assert client.dbsize() == 0


@pytest.mark.redis
def test_redis_keeps_its_port_and_forgets_everything_over_a_restart() -> None:
    require("redis-server")
    with RedisServer.running() as server, redis.Redis.from_url(server.url) as client:
        address = server.url
        client.set("colour", "red")

        server.restart()

        assert server.url == address
        assert client.get("colour") is None


@pytest.mark.redis
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_a_redis_that_is_down_refuses_connections_until_it_is_started(way: str) -> None:
    require("redis-server")
    with RedisServer.running() as server:
        getattr(server, way)()

        with redis.Redis.from_url(server.url, retry=None) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()


@pytest.mark.redis
def test_a_redis_leaves_no_process_and_no_folder_behind() -> None:
    require("redis-server")
    with RedisServer.running() as server:
        process = server.process

    assert not process.is_running
    assert not server.folder.exists()


@pytest.mark.postgres
def test_two_databases_know_nothing_of_each_other(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.create_database(), postgres_server.create_database()

    _execute(first, "CREATE TABLE only_here (id int)")

    assert _tables(first) == ["only_here"]
    assert _tables(second) == []


@pytest.mark.postgres
def test_a_database_can_be_a_copy_of_another(postgres_server: PostgresServer) -> None:
    migrated = postgres_server.create_database()
    _execute(migrated, "CREATE TABLE pulls (id int)")

    copy = postgres_server.create_database(template=migrated.rsplit("/", 1)[1])

    assert _tables(copy) == ["pulls"]


@pytest.mark.postgres
def test_a_database_in_use_can_be_dropped(postgres_server: PostgresServer) -> None:
    url = postgres_server.create_database()
    with psycopg.connect(_plain(url)) as connection:
        connection.execute("SELECT 1")

        postgres_server.drop_database(url)

        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(_plain(url))


@pytest.mark.postgres
def test_postgres_keeps_its_rows_and_its_port_over_a_restart_and_a_crash() -> None:
    require("postgres")
    with PostgresServer.running() as server:
        url = server.create_database()
        _execute(url, "CREATE TABLE pulls (id int)")

        server.restart()
        assert _tables(url) == ["pulls"]
        server.kill()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            psycopg.connect(_plain(url))
        server.start()
        assert _tables(url) == ["pulls"]

    assert not server.folder.exists()


@pytest.mark.postgres
def test_postgres_does_not_run_as_root(postgres_server: PostgresServer) -> None:
    owner = postgres_server.folder.stat().st_uid

    assert owner != 0


def test_a_store_test_runs_on_an_empty_database_of_either_kind(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        names = sa.inspect(connection).get_table_names()
        connection.execute(sa.text("CREATE TABLE mine (id int)"))
        connection.execute(sa.text("INSERT INTO mine VALUES (1)"))
    with engine.connect() as connection:
        count: int = connection.execute(sa.text("SELECT count(*) FROM mine")).scalar_one()
    engine.dispose()

    assert names == []
    assert count == 1


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(_plain(url)) as connection:
        connection.execute(statement.encode())


def _tables(url: str) -> list[str]:
    with psycopg.connect(_plain(url)) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return [name for (name,) in rows]
