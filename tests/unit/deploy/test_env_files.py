"""The example environment files: Thera accepts them, and every line is explained."""

from pathlib import Path

import pytest

from server.config.settings import PREFIX, load_settings, server_mistakes, worker_mistakes
from tests.unit.deploy.test_compose import DEPLOY, filled_in, read_env


def test_a_server_starts_with_the_example_as_one_box() -> None:
    settings = load_settings(filled_in("env.example"))

    assert server_mistakes(settings) == []
    assert settings.one_box


def test_a_server_starts_with_the_example_as_one_of_many() -> None:
    values = filled_in("env.example")
    values["THERA_BROKER_URL"] = "redis://redis.example.com:6379/0"
    values["THERA_DATABASE_URL"] = "postgresql+psycopg://thera:pw@db.example.com/thera"

    settings = load_settings(values)

    assert server_mistakes(settings) == []
    assert not settings.one_box


def test_a_worker_starts_with_its_example() -> None:
    assert worker_mistakes(load_settings(filled_in("worker.env.example"))) == []


@pytest.mark.parametrize("name", ["env.example", "worker.env.example"])
def test_every_line_is_explained(name: str) -> None:
    blocks = (DEPLOY / name).read_text(encoding="utf-8").strip().split("\n\n")

    for block in blocks:
        assert block.startswith("# "), f"not explained: {block}"


def test_compose_passes_on_everything_the_example_lists() -> None:
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    set_by_compose = {"THERA_DATABASE_URL", "THERA_BROKER_URL"}

    for name in set(read_env(DEPLOY / "env.example")) - set_by_compose:
        assert f"${{{name}:" in compose, name
    for name in set_by_compose:
        assert f"{name}:" in compose


def test_the_examples_are_found_where_the_text_says() -> None:
    units = Path(DEPLOY / "systemd").glob("*.service")

    named = {line.partition("=")[2] for unit in units for line in unit.read_text().splitlines() if "File=" in line}
    assert named == {"/etc/thera/server.env", "/etc/thera/worker.env"}
    assert "/etc/thera/server.env" in (DEPLOY / "env.example").read_text()
    assert "/etc/thera/worker.env" in (DEPLOY / "worker.env.example").read_text()
    assert PREFIX in (DEPLOY / "env.example").read_text()
