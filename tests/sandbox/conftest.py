"""A sandbox that listens, and somebody who hears its webhooks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.server import API, SandboxServer
from tests.support.openapi import watch

NAME = "acme/infra"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxServer]:
    """A forge with one repository and three people; nothing it says as GitHub may stray from GitHub's description."""
    server = SandboxServer(tmp_path / "forge")
    violations = watch(server.app, API)
    for login in ("ann", "bob", "acme"):
        server.forge.create_user(login)
    server.forge.create_repo(NAME, {"main.tf": "one\n", "other.tf": "one\n"})
    server.forge.permit(NAME, "ann", "write")
    server.forge.permit(NAME, "bob", "admin")
    yield server.start()
    server.stop()
    assert not violations.found, "\n".join(violations.found)
