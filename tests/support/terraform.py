"""Terraform for tests: modules on disk, providers from local folders only, and a way to run it."""

import importlib.util
import os
import platform
import pwd
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

REGISTRY = "registry.terraform.io"
LAB_VERSION = "0.1.0"
LAB_REQUIRED_PROVIDERS = """\
terraform {
  required_providers {
    lab = {
      source  = "test/lab"
      version = "0.1.0"
    }
  }
}
"""
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """How a run of Terraform ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr


@dataclass(frozen=True)
class Terraform:
    """Terraform in one folder, with the providers that a CLI configuration allows."""

    binary: Path
    folder: Path
    cli_config: Path
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: timedelta = timedelta(minutes=5)

    def run(self, *arguments: str) -> Outcome:
        done = subprocess.run(
            (str(self.binary), *arguments),
            cwd=self.folder,
            env={
                **os.environ,
                "TF_CLI_CONFIG_FILE": str(self.cli_config),
                "TF_IN_AUTOMATION": "1",
                **self.env,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=self.timeout.total_seconds(),
            stdin=subprocess.DEVNULL,
        )
        return Outcome(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def succeed(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> Outcome:
        """Run and insist on one of these exit codes."""
        outcome = self.run(*arguments)
        assert outcome.code in codes, f"terraform {shlex.join(arguments)}: {outcome.code}\n{outcome.text}"
        return outcome


def module(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files (name -> text, indented as you like) and return the folder."""
    for name, text in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dedent(text), encoding="utf-8")
    return folder


def lab_mirror(folder: Path) -> Path:
    """Install the lab provider into a mirror below the folder; return a CLI configuration that uses it."""
    mirror = folder / "mirror"
    package = mirror / REGISTRY / "test" / "lab" / LAB_VERSION / _target()
    package.mkdir(parents=True)
    tls = folder / "tls"
    tls.mkdir()
    _write_certificate(tls)
    launcher = package / f"terraform-provider-lab_v{LAB_VERSION}"
    launcher.write_text(_launcher(tls), encoding="utf-8")
    launcher.chmod(0o755)
    return cli_config(folder / "terraform.rc", {"test/lab": mirror})


def aws_mirror(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return a local mirror that holds the AWS provider, or None.

    `THERA_TEST_PROVIDER_MIRROR` names one; else the usual folders are looked through.
    """
    named = (os.environ if environ is None else environ).get("THERA_TEST_PROVIDER_MIRROR")
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # tests have another HOME
    usual = (
        home / ".terraform.d" / "plugins",
        home / ".local" / "share" / "terraform" / "plugins",
        Path("/usr/local/share/terraform/plugins"),
        Path("/usr/share/terraform/plugins"),
        *sorted(Path("/opt").glob("*")),
    )
    candidates = (Path(named),) if named else usual
    pattern = f"{REGISTRY}/hashicorp/aws/*/{_target()}/terraform-provider-aws*"
    return next((folder for folder in candidates if any(folder.glob(pattern))), None)


def cli_config(target: Path, mirrors: Mapping[str, Path]) -> Path:
    """Write a CLI configuration with these providers (`namespace/name` -> mirror) and no others.

    There is no usable `direct` method: a provider that no mirror has must fail, not be downloaded.
    """
    blocks = "".join(
        f"""\
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["{REGISTRY}/{provider}"]
  }}
"""
        for provider, mirror in mirrors.items()
    )
    direct = '  direct {\n    exclude = ["*/*/*"]\n  }\n'
    target.write_text(f"provider_installation {{\n{blocks}{direct}}}\n", encoding="utf-8")
    return target


def _target() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{sys.platform}_{machine}"


def _launcher(tls: Path) -> str:
    """Write a program that starts the provider in this interpreter, whatever the environment says.

    A shell in between, not a `#!` line with the interpreter: such a line can hold neither a long
    path nor a space. `-I -S` keeps PYTHONPATH and .pth files out, which also saves time.
    """
    folders = list(dict.fromkeys(str(folder) for name in ("tf", "grpc", "msgpack") for folder in _homes(name)))
    code = (
        f"import sys; sys.path[:0] = {[*folders, str(_REPOSITORY)]!r}; "
        f"from tests.support.lab_provider.serve import main; main({str(tls)!r})"
    )
    return f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S -c {shlex.quote(code)} "$@"\n'


def _homes(name: str) -> list[Path]:
    spec: Any = importlib.util.find_spec(name)
    return [Path(location).parent for location in spec.submodule_search_locations]


def _write_certificate(folder: Path) -> None:
    """Make what go-plugin wants: a certificate for `localhost` that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / "key.pem"
    secret.touch(mode=0o600)
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
