"""The Dockerfile, read by a small parser: nothing here needs a container runtime."""

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


@dataclass
class Stage:
    """One `FROM … AS …` with its instructions in order."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.instructions if name == instruction]


def read_dockerfile(text: str) -> tuple[dict[str, Stage], dict[str, str]]:
    """Give the stages by name, and the defaults of the build arguments before the first of them."""
    stages: dict[str, Stage] = {}
    arguments: dict[str, str] = {}
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for logical in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = logical.strip().partition(" ")
        rest = re.sub(r"\s+", " ", rest).strip()
        if name == "FROM":
            match = re.fullmatch(r"(\S+) AS (\S+)", rest)
            assert match, f"a stage without a name: {rest}"
            stages[match[2]] = Stage(match[2], match[1])
        elif not stages:
            assert name == "ARG", logical
            key, _, value = rest.partition("=")
            arguments[key] = value
        else:
            list(stages.values())[-1].instructions.append((name, rest))
    return stages, arguments


@pytest.fixture(scope="module")
def stages() -> dict[str, Stage]:
    return read_dockerfile(DOCKERFILE.read_text(encoding="utf-8"))[0]


@pytest.mark.parametrize("target", ["server", "worker"])
def test_each_target_runs_its_own_command_as_nobody_special(stages: dict[str, Stage], target: str) -> None:
    stage = stages[target]

    assert stage.all("CMD") == [f'["thera", "{target}"]']
    assert stage.all("USER")[-1] == "10001:10001"
    assert stages[stage.base].all("ENTRYPOINT") == ['["tini", "--"]']


def test_every_base_image_has_a_version() -> None:
    stages, arguments = read_dockerfile(DOCKERFILE.read_text(encoding="utf-8"))

    images = {arguments[stage.base[2:-1]] for stage in stages.values() if stage.base.startswith("$")}
    assert {stage.base for stage in stages.values() if not stage.base.startswith("$")} <= set(stages)
    for image in images:
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+[\w.-]*", image), f"{image} has no fixed version, or names a host"


def test_the_server_says_whether_it_is_alive(stages: dict[str, Stage]) -> None:
    assert "/healthz" in stages["server"].all("HEALTHCHECK")[0]


def test_only_the_worker_has_git_and_terraform(stages: dict[str, Stage]) -> None:
    def text(name: str) -> str:
        return str(stages[name].instructions)

    assert "git" in text("worker")
    assert "--from=terraform" in text("worker")
    assert "git" not in text("server") + text("base")
    assert "--from=terraform" not in text("server") + text("base")


def test_python_packages_are_installed_by_hash_or_not_from_an_index(stages: dict[str, Stage]) -> None:
    installs = re.findall(r"pip install [^&]*", " ".join(stages["build"].all("RUN")))

    assert installs
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def test_what_is_copied_exists_and_reaches_the_build(stages: dict[str, Stage]) -> None:
    ignore = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in ignore if line.startswith("!")}
    sources = [
        source
        for stage in stages.values()
        for copy in stage.all("COPY")
        if not copy.startswith("--from")
        for source in copy.split()[:-1]
    ]

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in kept, source


def test_the_build_is_the_one_that_runs_here(tmp_path: Path, stages: dict[str, Stage]) -> None:
    """The wheel is built with the image's command and holds what is not Python as well."""
    assert "-m hatchling build -t wheel" in " ".join(stages["build"].all("RUN"))

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in ("server", "workers")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "sandbox/"))]


@pytest.mark.parametrize("command", ["server", "worker", "migrate", "check-config"])
def test_the_command_that_images_and_units_run_exists(command: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "server", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
