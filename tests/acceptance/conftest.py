"""Whole installations, made on request."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.installation import Installation, Services
from tests.support.services import RedisServer

Install = Callable[..., Installation]


@pytest.fixture
def one_box(tmp_path: Path, lab_cli_config: Path, terraform_binary: Path) -> Iterator[Install]:  # noqa: ARG001
    """Start `thera server`, alone."""
    with contextlib.ExitStack() as stack:

        def install(**options: Any) -> Installation:
            return stack.enter_context(Installation(tmp_path, lab_cli_config, **options).running())

        yield install


@pytest.fixture
def many(
    tmp_path: Path,
    lab_cli_config: Path,
    terraform_binary: Path,  # noqa: ARG001
    redis_server: RedisServer,
    postgres_url: str,
) -> Iterator[Install]:
    """Start two servers and some workers."""
    services = Services(redis_server, postgres_url)
    with contextlib.ExitStack() as stack:

        def install(**options: Any) -> Installation:
            return stack.enter_context(Installation(tmp_path, lab_cli_config, services, **options).running())

        yield install


@pytest.fixture(
    params=[
        "one_box",
        pytest.param("many", marks=[pytest.mark.postgres, pytest.mark.redis]),
    ]
)
def either(request: pytest.FixtureRequest) -> Install:
    """Start one shape, then, in a test of its own, the other."""
    return cast("Install", request.getfixturevalue(request.param))
