"""compose.yaml: its structure, and whether Thera accepts the settings that it passes on."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from server.config.settings import load_settings, server_mistakes, worker_mistakes

DEPLOY = Path(__file__).parents[3] / "deploy"
SECRETS = {
    "THERA_GITHUB_TOKEN",
    "THERA_GITHUB_WEBHOOK_SECRET",
    "THERA_SECRET_KEY",
    "THERA_WORKER_TOKEN",
    "THERA_WEB_PASSWORD",
    "POSTGRES_PASSWORD",
}
LINT = "{extends: default, rules: {line-length: {max: 140}, document-start: disable, braces: {max-spaces-inside: 0}}}"


def read_env(path: Path) -> dict[str, str]:
    """Read an environment file as systemd and Compose do, for the plain lines that ours consist of."""
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            values[name] = value
    return values


def filled_in(name: str) -> dict[str, str]:
    """Give an example file as it is after its secrets were filled in."""
    values = read_env(DEPLOY / name)
    return values | {key: f"{key.lower()}-0123456789abcdef" for key in SECRETS & set(values)}


def interpolated(node: Any, values: Mapping[str, str]) -> Any:
    """Put variables into parsed YAML, by Compose's rules for `${NAME}`, `${NAME:-default}` and `${NAME:?message}`."""

    def replace(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        value = values.get(name, "")
        assert value or operator != ":?", f"{name} has no value: {rest}"
        return value or rest or ""

    if isinstance(node, dict):
        return {key: interpolated(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value, values) for value in node]
    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", replace, node) if isinstance(node, str) else node


@pytest.fixture
def services() -> dict[str, Any]:
    document = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = interpolated(document, filled_in("env.example"))["services"]
    return found


def thera(service: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in service["environment"].items() if name.startswith("THERA_")}


def test_the_file_is_tidy() -> None:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "yamllint",
        "--strict",
        "--format",
        "parsable",
        "-d",
        LINT,
        DEPLOY / "compose.yaml",
    ]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout) == (0, "")


def test_there_are_two_servers_and_two_workers_behind_a_load_balancer(services: dict[str, Any]) -> None:
    assert set(services) == {"loadbalancer", "server", "worker", "redis", "postgres"}
    assert services["server"]["deploy"]["replicas"] == 2
    assert services["worker"]["deploy"]["replicas"] == 2
    assert [name for name, service in services.items() if "ports" in service] == ["loadbalancer"]


def test_the_server_accepts_its_settings(services: dict[str, Any]) -> None:
    settings = load_settings(thera(services["server"]))

    assert server_mistakes(settings) == []
    assert not settings.one_box


def test_the_worker_accepts_its_settings(services: dict[str, Any]) -> None:
    settings = load_settings(thera(services["worker"]))

    assert worker_mistakes(settings) == []


def test_a_worker_knows_no_secret_of_the_server(services: dict[str, Any]) -> None:
    secrets = SECRETS & set(services["worker"]["environment"])

    assert secrets == {"THERA_WORKER_TOKEN"}


def test_workers_are_given_longer_to_stop_than_they_give_their_jobs(services: dict[str, Any]) -> None:
    grace = int(services["worker"]["stop_grace_period"].removesuffix("s"))

    assert grace > load_settings({}).stop_grace_seconds


def test_no_secret_is_written_down() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")

    for name in SECRETS:
        assert f"${{{name}:?" in text
    for example in ("env.example", "worker.env.example"):
        assert {read_env(DEPLOY / example).get(name, "") for name in SECRETS} == {""}


def test_nothing_can_gain_rights_or_write_to_its_image(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name


def test_images_from_elsewhere_have_a_version(services: dict[str, Any]) -> None:
    for service in services.values():
        if "build" not in service:
            assert re.search(r":\d+[\w.-]*$", service["image"]), service["image"]


def test_what_is_waited_for_can_be_healthy(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services[name] or name == "server"  # the server's is in its image


def test_the_targets_are_those_of_the_dockerfile(services: dict[str, Any]) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")

    for name in ("server", "worker"):
        build = services[name]["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
        assert f" AS {build['target']}\n" in dockerfile
