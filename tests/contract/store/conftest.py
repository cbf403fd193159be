"""A migrated store on each database, and one on PostgreSQL alone for what only it can do."""

from collections.abc import Iterator

import pytest

from server.store.session import make_engine, migrate
from tests.contract.store.world import World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    yield from _world(database_url)


@pytest.fixture
def postgres_world(postgres_url: str) -> Iterator[World]:
    yield from _world(postgres_url)


def _world(url: str) -> Iterator[World]:
    engine = make_engine(url)
    migrate(engine)
    yield World(engine)
    engine.dispose()
