"""Who is told of applies: the list in the server file, and the headers in a setting."""

from pathlib import Path

import pytest

from server.config.loading import ConfigMistaken
from server.config.notices import headers_of
from server.config.server_file import ServerFile, load_server_file
from server.config.settings import SettingsMistaken, describe, load_settings

SLACK = "webhooks:\n- {event: apply, kind: slack, channel: infra}\n"


def mistakes(folder: Path, entry: str) -> list[str]:
    file = folder / "repos.yaml"
    file.write_text(f"webhooks:\n- {entry}\n", encoding="utf-8")
    with pytest.raises(ConfigMistaken) as caught:
        load_server_file(file)
    return [f"{one.key}: {one.message}" for one in caught.value.mistakes]


@pytest.mark.parametrize(
    ("entry", "mistake"),
    [
        ("{event: drift, kind: http, url: 'https://x'}", "webhooks[0].event: drift detection does not exist yet"),
        ("{event: plan, kind: http, url: 'https://x'}", "webhooks[0].event: there is no event 'plan'"),
        ("{event: apply, kind: teams}", "webhooks[0].kind: expected one of slack, http"),
        ("{event: apply, kind: slack}", "webhooks[0]: a webhook of the kind `slack` needs a `channel`"),
        ("{event: apply, kind: http}", "webhooks[0]: a webhook of the kind `http` needs a `url`"),
        ("{event: apply, kind: slack, chanel: x}", "webhooks[0].chanel: there is no such key here; did you mean"),
        ("{event: apply, kind: http, url: 'https://x', branch-regex: '('}", "webhooks[0].branch-regex: not a regular"),
    ],
)
def test_a_mistake_is_said_with_its_place(tmp_path: Path, entry: str, mistake: str) -> None:
    assert mistakes(tmp_path, entry)[0].startswith(mistake)


@pytest.mark.parametrize(
    "url", ["ftp://planted", "planted", "https://", "https://[planted", "https://x:planted", "[1]"]
)
def test_an_address_that_is_none_is_a_mistake_and_not_shown(tmp_path: Path, url: str) -> None:
    quoted = url if url == "[1]" else f"'{url}'"

    said = mistakes(tmp_path, f"{{event: apply, kind: http, url: {quoted}}}")

    assert said[0].startswith("webhooks[0].url: expected")
    assert "planted" not in said[0]


def test_slack_needs_a_token(tmp_path: Path) -> None:
    (tmp_path / "repos.yaml").write_text(SLACK, encoding="utf-8")

    assert load_server_file(tmp_path / "repos.yaml", has_slack=True).webhooks
    with pytest.raises(ConfigMistaken, match=r"repos.yaml:2: webhooks\[0\].kind: needs a token: set THERA_SLACK_TOKEN"):
        load_server_file(tmp_path / "repos.yaml", has_slack=False)


def test_without_expressions_everything_fits() -> None:
    (entry,) = ServerFile.model_validate({"webhooks": [{"event": "apply", "kind": "slack", "channel": "x"}]}).webhooks

    assert entry.workspace.search("default")
    assert entry.branch.search("main")


def test_headers_are_a_json_object_of_texts_and_lists() -> None:
    assert headers_of('{"X-A": "1", "X-B": ["1", " 2"]}') == {"X-A": "1", "X-B": "1, 2"}
    assert headers_of("{}") == {}


@pytest.mark.parametrize(
    "text",
    [
        "planted",
        '["planted"]',
        '{"X-A": {"planted": 1}}',
        '{"X-A": "planted\\r\\nX-B: 1"}',
        '{"X-A": []}',
        '{"pl anted": "planted"}',
        '{"Content-Length": "planted"}',
        '{"X-Thera-Signature-256": "planted"}',
        '{"X-A": "plant\u00e9d"}',
    ],
)
def test_what_cannot_be_headers_is_a_mistake_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsMistaken) as caught:
        load_settings({"THERA_WEBHOOK_HTTP_HEADERS": text})

    (mistake,) = caught.value.mistakes
    assert mistake.startswith("THERA_WEBHOOK_HTTP_HEADERS: ")
    assert "plant" not in mistake


def test_what_others_are_told_with_is_secret() -> None:
    given = {"SLACK_TOKEN": "planted", "WEBHOOK_HTTP_HEADERS": '{"X-A": "planted"}', "WEBHOOK_SECRET": "planted" * 3}
    settings = load_settings({f"THERA_{name}": value for name, value in given.items()})

    assert settings.accounts.headers == {"X-A": "planted"}
    assert settings.accounts.slack_token == "planted"
    assert "planted" not in f"{settings!r} {settings.accounts!r} {describe(settings)}"
