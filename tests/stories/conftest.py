"""Stories run on SQLite and PostgreSQL alike."""

from collections.abc import Iterator

import pytest

from tests.support.story import Story


@pytest.fixture
def story(database_url: str) -> Iterator[Story]:
    """One installation of Thera."""
    told = Story(database_url)
    yield told
    told.close()
