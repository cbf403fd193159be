"""What a worker process reads from its environment."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from workers.settings import SettingsMistaken, from_environment

ENOUGH = {
    "THERA_BROKER_URL": "redis://redis:6379/0",
    "THERA_SERVER_URL": "https://thera.example.com/",
    "THERA_WORKER_TOKEN": "a-token-of-workers",
}


def test_three_variables_are_enough() -> None:
    settings = from_environment(ENOUGH)

    assert settings.server_url == "https://thera.example.com"
    assert settings.pool == "default"
    assert settings.heartbeat == timedelta(seconds=5)
    assert settings.environment == ENOUGH
    assert settings.name


def test_everything_can_be_set(tmp_path: Path) -> None:
    settings = from_environment(
        ENOUGH
        | {
            "THERA_DATA_DIR": str(tmp_path),
            "THERA_CHECKOUT_DIR": str(tmp_path / "c"),
            "THERA_WORKER_NAME": "ann",
            "THERA_WORKER_POOL": "prod",
            "THERA_WORKER_CONCURRENCY": "7",
            "THERA_TERRAFORM_VERSION": "v1.5.7",
            "THERA_TERRAFORM_DISTRIBUTION": "opentofu",
            "THERA_TERRAFORM_DOWNLOAD_URL": "https://mirror.example.com/v{version}/",
            "THERA_TERRAFORM_SIGNING_KEYS": str(tmp_path / "keys.asc"),
            "THERA_HEARTBEAT_SECONDS": "0.5",
            "THERA_STOP_GRACE_SECONDS": "0",
        }
    )

    assert (settings.name, settings.pool, settings.concurrency) == ("ann", "prod", 7)
    assert (settings.terraform_version, settings.terraform_distribution) == ("1.5.7", "opentofu")
    assert settings.terraform_download_url == "https://mirror.example.com/v{version}"
    assert settings.terraform_signing_keys == tmp_path / "keys.asc"
    assert settings.checkouts == tmp_path / "c"
    assert (settings.heartbeat, settings.stop_grace) == (timedelta(seconds=0.5), timedelta(0))


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file\n")
    environ = {**ENOUGH, "THERA_WORKER_TOKEN": "", "THERA_WORKER_TOKEN_FILE": str(tmp_path / "token")}

    assert from_environment(environ).worker_token == "from-the-file"


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    environ = {
        "THERA_BROKER_URL": "memory://",
        "THERA_WORKER_POOL": "Big Pool",
        "THERA_WORKER_CONCURRENCY": "0",
        "THERA_TERRAFORM_DISTRIBUTION": "pulumi",
        "THERA_HEARTBEAT_SECONDS": "nan",
        "THERA_STOP_GRACE_SECONDS": "-1",
        "THERA_WORKER_TOKEN_FILE": str(tmp_path / "none"),
    }

    with pytest.raises(SettingsMistaken) as caught:
        from_environment(environ)

    named = [mistake.partition(":")[0] for mistake in caught.value.mistakes]
    assert sorted(named) == sorted([*environ, "THERA_SERVER_URL"])


def test_a_value_and_a_file_contradict_each_other() -> None:
    with pytest.raises(SettingsMistaken, match="set one of the two"):
        from_environment({**ENOUGH, "THERA_WORKER_TOKEN_FILE": "/x"})


def test_secrets_do_not_show() -> None:
    assert "a-token-of-workers" not in repr(from_environment(ENOUGH))


def test_the_process_says_what_it_lacks_and_ends() -> None:
    done = subprocess.run([sys.executable, "-m", "workers"], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "THERA_SERVER_URL: required" in done.stderr
