"""The command `thera import-atlantis`: what it prints, what it writes, and with which status it ends."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from server.atlantis.flags import FLAGS
from server.atlantis.outcomes import Flag
from server.cli import main

HOW_TO = Path(__file__).parents[3] / "docs/how-to/migrate-from-atlantis.md"
PLANTED = "planted-0123456789"
GOOD = ("--repo-allowlist=github.com/acme/*", f"--gh-token={PLANTED}", f"--gh-webhook-secret={PLANTED}")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["import-atlantis", *map(str, words)])


def test_without_anything_to_read_it_says_what_to_name() -> None:
    done = run()

    assert done.exit_code == 2
    assert "--env-file" in done.stderr


def test_the_settings_go_to_the_terminal_and_the_words_beside_them() -> None:
    done = run("--", *GOOD, "--azuredevops-user=x")

    assert done.exit_code == 0
    assert "THERA_REPO_ALLOWLIST=github.com/acme/*" in done.stdout.splitlines()
    assert "Carried over" in done.stderr
    assert "--azuredevops-user (command line)" in done.stderr
    assert "Carried over" not in done.stdout


def test_mistakes_end_it_with_nothing_written(tmp_path: Path) -> None:
    done = run("--output", tmp_path / "thera.env", "--", "--port=many", "--gh-usr=x")

    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 2
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_the_output_holds_the_secrets_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    output = tmp_path / "thera.env"
    key = f"-----BEGIN\n{PLANTED}'\n-----END"
    done = run("--output", output, "--", *GOOD, f"--gh-app-key={key}", "--checkout-strategy=merge")

    assert done.exit_code == 0
    assert done.stdout == ""
    found = dotenv_values(output)
    assert found["THERA_GITHUB_TOKEN"] == PLANTED
    assert found["THERA_GITHUB_APP_KEY_FILE"] == f"{output}.github-app-key"
    assert found["THERA_REPO_CONFIG"] == f"{output}.repos.yaml"
    assert Path(f"{output}.github-app-key").read_text() == key
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_is_overwritten_unless_it_is_forced(tmp_path: Path) -> None:
    output = tmp_path / "thera.env"
    beside = tmp_path / "thera.env.repos.yaml"
    beside.write_text("mine")
    words = ("--output", output, "--", *GOOD, "--checkout-strategy=merge")

    done = run(*words)

    assert done.exit_code == 2
    assert "--force" in done.stderr
    assert beside.read_text() == "mine"
    assert not output.exists()
    assert run("--force", *words).exit_code == 0
    assert beside.read_text() != "mine"


def test_an_output_that_cannot_be_written_is_a_message(tmp_path: Path) -> None:
    done = run("--output", tmp_path / "nowhere" / "thera.env", "--", *GOOD)

    assert done.exit_code == 2
    assert "No such file or directory" in done.stderr
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((*GOOD, "--tf-download=false"), 0),
        ((*GOOD, "--autoplan-modules", "--data-dir=/data"), 0),
        ((*GOOD, "--azuredevops-user=x"), 1),
        (GOOD[:2], 1),
    ],
)
def test_strict_ends_with_1_where_something_is_lost_or_missing(words: tuple[str, ...], status: int) -> None:
    assert run("--strict", "--", *words).exit_code == status
    assert run("--", *words).exit_code == 0


SECRETS = [flag for flag in FLAGS.values() if flag.secret]


@pytest.mark.parametrize("flag", SECRETS, ids=lambda flag: flag.name)
@pytest.mark.parametrize("more", ["", "'", '"$`\\', "\nsecond"])
def test_a_secret_is_never_printed(flag: Flag, more: str, tmp_path: Path) -> None:
    for words in ((), ("--output", tmp_path / "thera.env", "--force")):
        done = run(*words, "--", f"{flag.option}={PLANTED}{more}")

        assert done.exit_code == 0
        assert PLANTED not in done.stdout + done.stderr


@given(
    value=st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1).filter(
        lambda s: s == s.strip()
    )
)
@settings(max_examples=40, deadline=None)
def test_whatever_a_secret_holds_thera_reads_it_again(value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    output = tmp_path_factory.mktemp("any") / "thera.env"

    assert run("--output", output, "--", f"--gh-token={value}").exit_code == 0
    found = dotenv_values(output, interpolate=False)
    file = found.get("THERA_GITHUB_TOKEN_FILE")
    assert (Path(file).read_text(encoding="utf-8") if file else found["THERA_GITHUB_TOKEN"]) == value


def test_the_how_to_shows_what_the_command_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, typed, _, printed, *_ = HOW_TO.read_text(encoding="utf-8").split("```")
    example = typed.partition("$ cat atlantis.env\n")[2].partition("$ thera")[0]
    monkeypatch.chdir(tmp_path)
    Path("atlantis.env").write_text(example, encoding="utf-8")
    Path("repos.yaml").write_text("repos: []\n", encoding="utf-8")

    done = run("--env-file", "atlantis.env", "--output", "thera.env")

    assert "ATLANTIS_GH_TOKEN" in example
    assert done.stderr.strip() == printed.strip()
