"""Each sentence about forges is held by every forge there is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.forges.gitlab_world import GitLabWorld
from tests.contract.forges.world import AppWorld, MemoryWorld, SandboxWorld, World


@pytest.fixture
def github(tmp_path: Path) -> Iterator[SandboxWorld]:
    """GitHub's adapter against the sandbox; at the end nothing may have strayed from GitHub's description."""
    world = SandboxWorld(tmp_path / "forge")
    yield world
    world.stop()


@pytest.fixture
def github_app(tmp_path: Path) -> Iterator[AppWorld]:
    """GitHub's adapter as an App."""
    world = AppWorld(tmp_path / "forge")
    yield world
    world.stop()


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[GitLabWorld]:
    """GitLab's adapter against the sandbox's GitLab face."""
    world = GitLabWorld(tmp_path / "forge")
    yield world
    world.stop()


@pytest.fixture(params=["github", "github_app", "gitlab", "memory"])
def world(request: pytest.FixtureRequest) -> World:
    """Every forge in turn."""
    if request.param == "memory":
        return MemoryWorld()
    found: World = request.getfixturevalue(request.param)
    return found
