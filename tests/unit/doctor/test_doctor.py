"""What `thera doctor` finds, how it says it, and what it does about it."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.config.settings import load_settings
from server.doctor.command import Patient, examine
from server.doctor.local import look_here
from server.doctor.remote import Remote
from server.doctor.table import as_json, as_table, is_healthy
from server.domain.errors import TryLater
from server.domain.findings import Finding, Verdict
from server.domain.refs import RepoRef
from server.forges.allowlist import Allowlist
from server.forges.base import WantedHook
from server.forges.config import ForgeConfig
from server.forges.inspection import about_answers, about_clock
from tests.support.fake_forge import FakeForge
from tests.support.story import Story

REPO = f"{FakeForge.host}/acme/infra"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class OneForge:
    """A registry with one forge and its configuration."""

    def __init__(self, forge: FakeForge) -> None:
        self.forge = forge

    def of(self, repo: RepoRef) -> FakeForge:  # noqa: ARG002  (there is only one)
        return self.forge

    def config_of(self, repo: RepoRef) -> ForgeConfig:  # noqa: ARG002
        return ForgeConfig(kind="github", url="https://forge.test", webhook_secret="the hook's secret")


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(f"sqlite:///{tmp_path / 'thera.db'}")
    yield told
    told.close()


def patient(story: Story, tmp_path: Path, allowed: str = f"{FakeForge.host}/*", **environ: str) -> Patient:
    (tmp_path / "data").mkdir(mode=0o700, exist_ok=True)
    given = {"THERA_DATA_DIR": str(tmp_path / "data"), "THERA_REPO_ALLOWLIST": allowed, **environ}
    settings = load_settings(given)
    remote = Remote(
        forges=OneForge(story.forge),  # type: ignore[arg-type]  # the two methods that are called
        allowlist=Allowlist.parse(settings.repo_allowlist),
        public_url="https://thera.test",
        own_statuses="thera/",
    )
    return Patient(settings=settings, store=story.store, remote=remote)


def here(story: Story, tmp_path: Path, **environ: str) -> Mapping[str, Finding]:
    one = patient(story, tmp_path, **environ)
    return {found.subject: found for found in look_here(one.settings, one.store, now=NOW)}


def run(one: Patient, *names: str, repairs: bool = False, yes: bool = False, is_json: bool = False) -> int:
    return examine(one, names, repairs=repairs, yes=yes, is_json=is_json)


def test_a_sound_installation_has_nothing_bad(story: Story, tmp_path: Path) -> None:
    found = here(story, tmp_path)
    assert {name for name, one in found.items() if one.verdict is Verdict.BAD} <= {"Terraform"}
    assert found["database"].verdict is Verdict.GOOD
    assert found["data folder"].verdict is Verdict.GOOD
    assert found["our address"].verdict is Verdict.WARNING  # 0.0.0.0 is nobody's address


def test_a_data_folder_that_others_may_read_is_told_of(story: Story, tmp_path: Path) -> None:
    one = patient(story, tmp_path)
    one.settings.data_dir.chmod(0o755)
    found = {finding.subject: finding for finding in look_here(one.settings, one.store, now=NOW)}
    assert found["data folder"].verdict is Verdict.WARNING
    assert "chmod 700" in found["data folder"].remedy


def test_without_terraform_and_without_a_mirror_nothing_can_be_planned(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = here(story, tmp_path)
    assert found["Terraform"].verdict is Verdict.BAD
    assert found["git"].verdict is Verdict.BAD
    mirrored = here(story, tmp_path, THERA_TERRAFORM_DOWNLOAD_URL="https://mirror.test/releases")
    assert mirrored["Terraform"].verdict is Verdict.GOOD


def test_a_broker_that_does_not_answer_is_bad_and_its_password_is_not_shown(story: Story, tmp_path: Path) -> None:
    found = here(story, tmp_path, THERA_BROKER_URL="redis://:planted-password@127.0.0.1:9/0")
    assert found["broker"].verdict is Verdict.BAD
    assert "planted" not in repr(found)


def test_an_address_at_which_nobody_answers_is_bad(story: Story, tmp_path: Path) -> None:
    found = here(story, tmp_path, THERA_URL="https://thera.invalid")
    assert found["our address"].verdict is Verdict.BAD


def test_no_worker_heard_of_is_no_failure_but_is_said(story: Story, tmp_path: Path) -> None:
    environ = {"THERA_BROKER_URL": "redis://127.0.0.1:9/0"}
    assert here(story, tmp_path, **environ)["workers"].verdict is Verdict.UNKNOWN
    story.open_pull("prod/main.tf")
    story.settle()
    one = patient(story, tmp_path, **environ)
    found = {finding.subject: finding for finding in look_here(one.settings, one.store, now=story.now)}
    assert "worker-1" in found["workers"].found


@pytest.mark.parametrize(
    ("date", "verdict"),
    [
        ("Thu, 01 Jan 2026 12:00:30 GMT", Verdict.GOOD),
        ("Thu, 01 Jan 2026 12:02:00 GMT", Verdict.WARNING),
        ("Thu, 01 Jan 2026 11:50:00 GMT", Verdict.BAD),
        ("", Verdict.UNKNOWN),
        ("yesterday", Verdict.UNKNOWN),
    ],
)
def test_clocks_are_compared(date: str, verdict: Verdict) -> None:
    assert about_clock(date, now=NOW).verdict is verdict


@pytest.mark.parametrize(("codes", "words"), [([202], "taken"), ([401, 202], "its secret"), ([0], "no answer")])
def test_the_newest_delivery_counts(codes: list[int], words: str) -> None:
    found = about_answers(codes, remedy="Repair it.")
    assert found is not None
    assert words in found.found
    assert about_answers([], remedy="") is None


def test_known_repositories_are_looked_at_and_a_missing_webhook_fails_the_script(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.open_pull("prod/main.tf")
    assert run(patient(story, tmp_path)) == 1
    said = capsys.readouterr()
    assert f"looking at {REPO}" in said.err
    assert "there is none to https://thera.test/webhooks/github" in " ".join(said.out.split())
    assert "thera doctor --repair" in said.out


def test_a_repair_is_made_when_somebody_agrees(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(patient(story, tmp_path), REPO, repairs=True) == 1  # nobody is there to agree
    hooks = [story.forge.hook]
    run(patient(story, tmp_path), REPO, repairs=True, yes=True)
    hooks.append(story.forge.hook)
    said = capsys.readouterr()
    assert hooks == [None, WantedHook(url="https://thera.test/webhooks/github", secret="the hook's secret")]
    assert "the hook's secret" not in said.out + said.err
    assert "Made a webhook" in said.err


def test_a_repository_that_is_not_allowed_is_told_of(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(patient(story, tmp_path, allowed="elsewhere.test/*"), REPO) == 1
    assert "THERA_REPO_ALLOWLIST" in capsys.readouterr().out


def test_a_forge_that_is_down_is_a_finding_and_no_traceback(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.forge.fail_next(TryLater("the forge did not answer"))
    assert run(patient(story, tmp_path), REPO) == 1
    assert "the forge did not answer" in capsys.readouterr().out


def test_programs_read_json(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(patient(story, tmp_path), REPO, is_json=True)
    read = json.loads(capsys.readouterr().out)
    assert read["healthy"] is (status == 0)
    assert {"place": REPO, "subject": "credential", "verdict": "good"}.items() <= next(
        row for row in read["findings"] if row["subject"] == "credential"
    ).items()


def test_a_table_fits_the_terminal_and_shows_each_remedy() -> None:
    found = {
        "here": [
            Finding(subject="database", verdict=Verdict.GOOD, found="answers"),
            Finding(subject="broker", verdict=Verdict.BAD, found="does not " + "answer " * 20, remedy="Start it."),
        ]
    }
    table = as_table(found, width=80)
    assert max(map(len, table.splitlines())) <= 80
    assert "→ Start it." in table
    assert not is_healthy(found)
    assert json.loads(as_json(found))["healthy"] is False


def test_warnings_fail_no_script() -> None:
    warning = Finding(subject="x", verdict=Verdict.WARNING, found="y", remedy="z")
    assert is_healthy({"here": [warning]})
