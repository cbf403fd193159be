"""Forges come from the settings of one, or from a file of several; every mistake says where and what to do."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from server.config.forges import forge_mistakes, load_forges
from server.config.loading import ConfigMistaken
from server.config.settings import Settings, load_settings

PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    .decode()
    .strip()
)
FILE = """\
forges:
  - kind: github
    url: https://api.github.com/
    owners: [acme, "acme-*"]
    token_file: acme.token
    webhook_secret: planted-hook
  - kind: gitlab
    url: https://git.example.com/gitlab
    token: planted-token
    webhook_secret: planted-other
    write_interval: 1
"""


def settings(tmp_path: Path, **more: str) -> Settings:
    return load_settings({"THERA_DATA_DIR": str(tmp_path / "data"), **more})


def written(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "forges.yaml").write_text(text)
    return settings(tmp_path, THERA_FORGES=str(tmp_path / "forges.yaml"))


def test_each_kind_may_be_given_by_its_settings(tmp_path: Path) -> None:
    found = load_forges(
        settings(
            tmp_path,
            THERA_GITHUB_APP_ID="7",
            THERA_GITHUB_APP_KEY=PEM,
            THERA_GITHUB_WEBHOOK_SECRET="one-secret",
            THERA_GITLAB_TOKEN="glpat-x",
            THERA_GITLAB_WEBHOOK_SECRET="other-secret",
        )
    )
    assert [(one.kind, one.url, one.app_id, one.token) for one in found] == [
        ("github", "https://api.github.com", 7, ""),
        ("gitlab", "https://gitlab.com", None, "glpat-x"),
    ]


def test_a_file_lists_several(tmp_path: Path) -> None:
    (tmp_path / "acme.token").write_text("from-file\n")
    first, second = load_forges(written(tmp_path, FILE))
    assert (first.url, first.owners, first.token) == ("https://api.github.com", ("acme", "acme-*"), "from-file")
    assert (second.kind, second.owners, second.write_interval) == ("gitlab", ("*",), 1.0)


def test_one_box_finds_the_file_that_the_set_up_page_wrote(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/forges.yaml").write_text(FILE.replace("token_file: acme.token", "token: t"))
    assert len(load_forges(settings(tmp_path))) == 2


def test_every_mistake_is_listed_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigMistaken) as caught:
        load_forges(
            written(
                tmp_path,
                "forges:\n  - kind: github\n    url: api.github.com\n    tokn: x\n  - kind: gitlab\n",
            )
        )
    assert [(one.line, one.key) for one in caught.value.mistakes] == [
        (3, "forges[0].url"),
        (4, "forges[0].tokn"),
        (5, "forges[1].url"),
    ]


@pytest.mark.parametrize(
    ("entry", "mistake"),
    [
        ("token: t", "webhook_secret: required"),
        ("webhook_secret: abcdefgh", "token: required, unless"),
        ("webhook_secret: abcdefgh\n    token: t\n    app_id: 3", "app_id: set a token or an App, not both"),
        ("webhook_secret: abcdefgh\n    app_id: 3", "app_key: required with the App's id"),
        ("webhook_secret: abcdefgh\n    app_id: 3\n    app_key: PRIVATE KEY, some of it", "app_key: required with"),
        ("webhook_secret: abcdefgh\n    token: t\n    ca_bundle: /nowhere", "ca_bundle: there is no file /nowhere"),
        ("webhook_secret: abcdefgh\n    token: t\n    token_file: x", "`token` is set as well"),
        ("webhook_secret: abcdefgh\n    token_file: nowhere", "cannot read nowhere"),
    ],
)
def test_a_credential_that_cannot_be_used_is_a_mistake(tmp_path: Path, entry: str, mistake: str) -> None:
    text = f"forges:\n  - kind: github\n    url: https://api.github.com\n    {entry}\n"
    found = next(one for one in forge_mistakes(written(tmp_path, text)) if mistake in one)
    assert f"{tmp_path}/forges.yaml:2" in found or "token_file" in found


def test_no_mistake_shows_a_secret(tmp_path: Path) -> None:
    text = "forges:\n  - kind: github\n    url: x\n    token: 12345678\n    webhook_secret: [planted]\n"
    said = "\n".join(forge_mistakes(written(tmp_path, text)))
    assert "something secret" in said
    assert "12345678" not in said
    assert "planted" not in said
    assert "planted" not in repr(load_forges(written(tmp_path, FILE.replace("token_file: acme.token", "token: t"))))


def test_only_one_box_may_begin_without_a_forge(tmp_path: Path) -> None:
    assert forge_mistakes(settings(tmp_path)) == []
    (mistake,) = forge_mistakes(settings(tmp_path, THERA_BROKER_URL="redis://r"))
    assert mistake.startswith("no forge is configured; set one of THERA_GITHUB_TOKEN")
