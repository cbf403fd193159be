"""Process settings."""

from pathlib import Path

import pytest

from server.config.keys import with_generated_keys
from server.config.settings import SettingsMistaken, describe, load_settings, server_mistakes

GOOD = {
    "THERA_REPO_ALLOWLIST": "github.com/acme/*,!github.com/acme/secret",
    "THERA_GITHUB_TOKEN": "ghp_example",
    "THERA_GITHUB_WEBHOOK_SECRET": "hush",
}


def mistakes(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsMistaken) as caught:
        load_settings(environ)
    return caught.value.mistakes


def test_a_forge_and_an_allowlist_are_enough() -> None:
    settings = load_settings(GOOD)

    assert server_mistakes(settings) == []
    assert settings.one_box
    assert settings.repo_allowlist == ("github.com/acme/*", "!github.com/acme/secret")


def test_every_mistake_is_listed_at_once() -> None:
    found = mistakes(THERA_PORT="many", THERA_URL="thera", THERA_SECRET_KEY="short", THERA_GITHUB_TOKNE="x")

    assert [line.split(":")[0] for line in found] == [
        "THERA_GITHUB_TOKNE",
        "THERA_URL",
        "THERA_PORT",
        "THERA_SECRET_KEY",
    ]
    assert "did you mean THERA_GITHUB_TOKEN?" in found[0]


def test_a_mistake_never_shows_a_secret() -> None:
    assert "short-one" not in "\n".join(mistakes(THERA_SECRET_KEY="short-one"))


def test_a_secret_can_be_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")

    settings = load_settings({**GOOD, "THERA_GITHUB_TOKEN": "", "THERA_GITHUB_TOKEN_FILE": str(tmp_path / "token")})

    assert settings.github_token is not None
    assert settings.github_token.get_secret_value() == "from-file"


def test_a_secret_given_twice_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")

    assert "set one of the two" in mistakes(**GOOD, THERA_GITHUB_TOKEN_FILE=str(tmp_path / "token"))[0]


def test_a_file_that_is_not_there_is_named() -> None:
    assert "cannot read /nowhere/token" in mistakes(THERA_GITHUB_TOKEN_FILE="/nowhere/token")[0]


def test_many_servers_need_what_one_box_makes_for_itself() -> None:
    settings = load_settings({**GOOD, "THERA_BROKER_URL": "redis://redis/0"})

    assert {line.split(":")[0] for line in server_mistakes(settings)} == {
        "THERA_SECRET_KEY",
        "THERA_WORKER_TOKEN",
        "THERA_WEB_PASSWORD",
        "THERA_DATABASE_URL",
        "THERA_ARTIFACT_URL",
    }


def test_what_is_in_force_is_shown_without_secrets() -> None:
    settings = load_settings({**GOOD, "THERA_DATABASE_URL": "postgresql+psycopg://thera:pw@db/thera"})

    shown = dict(describe(settings))

    assert shown["THERA_GITHUB_TOKEN"] == "****"
    assert shown["THERA_DATABASE_URL"] == "postgresql+psycopg://****@db/thera"
    assert "pw" not in str(shown)


def test_one_box_makes_its_own_keys_and_keeps_them(tmp_path: Path) -> None:
    settings = load_settings({**GOOD, "THERA_DATA_DIR": str(tmp_path / "data")})

    first, second = with_generated_keys(settings), with_generated_keys(settings)

    assert first.secret_key is not None
    assert first.secret_key == second.secret_key
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "granted"), [("none", ()), ("plan", ("plan",)), ("plan,apply", ("plan", "apply")), ("", None)]
)
def test_what_programs_may_is_a_list_of_its_own(text: str, granted: tuple[str, ...] | None) -> None:
    assert load_settings({"THERA_API_COMMANDS": text}).api_commands == granted


def test_programs_may_not_be_granted_other_commands() -> None:
    with pytest.raises(
        SettingsMistaken, match="THERA_API_COMMANDS: expected plan, apply, both, or none; found 'unlock'"
    ):
        load_settings({"THERA_API_COMMANDS": "plan,unlock"})
