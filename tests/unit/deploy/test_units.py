"""The systemd units: what stops them, what they may not do, and whether systemd can read them."""

import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from server.config.settings import load_settings

SYSTEMD = Path(__file__).parents[3] / "deploy" / "systemd"
UNITS = ("server", "worker")


def service_section(name: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = defaultdict(list)
    for line in (SYSTEMD / f"thera-{name}.service").read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values[key].append(value)
    return values


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_runs_its_part_as_its_own_user(name: str) -> None:
    section = service_section(name)

    assert section["ExecStart"] == [f"/opt/thera/bin/thera {name}"]
    assert section["User"] == ["thera"]
    assert section["EnvironmentFile"] == [f"/etc/thera/{name}.env"]


@pytest.mark.parametrize("name", UNITS)
def test_terraform_is_never_killed_before_thera_could_stop_it(name: str) -> None:
    section = service_section(name)

    assert section["KillSignal"] == ["SIGTERM"]
    assert section["KillMode"] == ["mixed"]
    assert int(section["TimeoutStopSec"][0]) > load_settings({}).stop_grace_seconds


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("CapabilityBoundingSet", ""),
        ("RestrictSUIDSGID", "yes"),
    ],
)
def test_a_unit_is_confined(name: str, key: str, value: str) -> None:
    assert service_section(name)[key] == [value]


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_writes_where_it_may(name: str) -> None:
    section = service_section(name)
    folder = f"/var/lib/{section['StateDirectory'][0]}"

    assert f"THERA_DATA_DIR={folder}" in section["Environment"]
    assert f"HOME={folder}" in section["Environment"]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_can_read_the_unit(name: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze was not found")
    unit = tmp_path / f"thera-{name}.service"
    text = (SYSTEMD / unit.name).read_text(encoding="utf-8")
    # The program need not be installed on the machine that checks.
    unit.write_text(text.replace(f"/opt/thera/bin/thera {name}", "/bin/true"), encoding="utf-8")

    result = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)

    assert (result.stdout + result.stderr).strip() == ""
    assert result.returncode == 0
