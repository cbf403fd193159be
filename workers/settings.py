"""A worker's settings; `from_environment` is the only reader of the environment on the workers' side."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal


class SettingsMistaken(Exception):
    """The environment cannot be used; the message lists every mistake."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Everything a worker goes by. `environment` is what commands inherit, before it is cleaned."""

    data_dir: Path
    name: str
    pool: str = "default"
    concurrency: int = 2
    version: str = "0"
    broker_url: str = "memory://"
    server_url: str = ""
    worker_token: str = field(default="", repr=False)
    checkout_dir: Path | None = None
    terraform_version: str | None = None
    terraform_distribution: Literal["terraform", "opentofu"] = "terraform"
    terraform_download_url: str | None = None
    heartbeat: timedelta = timedelta(seconds=5)
    stop_grace: timedelta = timedelta(seconds=60)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def checkouts(self) -> Path:
        """Where code is checked out."""
        return self.checkout_dir or self.data_dir

    @property
    def cache_dir(self) -> Path:
        """Where mirrors, providers and binaries are kept."""
        return self.data_dir / "cache"


def default_name() -> str:
    """Name this worker as people can find it."""
    return f"{socket.gethostname()}-{os.getpid()}"
