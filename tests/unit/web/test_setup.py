"""The set-up page: open while nothing is configured, for who signed in, and only for what they began themselves."""

import html
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sandbox.server import API, SandboxServer
from server.config.forges import load_forges
from server.config.forges_file import NewForge, begin_forges_file
from server.config.settings import load_settings
from server.domain.errors import UserMistake
from server.orchestration.claims import ServerGateway
from server.web.app import make_app
from server.web.setup import SetupDesk, make_setup
from tests.support.openapi import watch
from tests.support.story import Story
from tests.unit.web.conftest import SETTINGS, csrf_of, sign_in

PUBLIC = "https://thera.example.com"


class Desk:
    """What the composition root gives, on a folder of its own."""

    def __init__(self, folder: Path, *, keeps: bool = True) -> None:
        self.folder, self.is_open, self.restarts = folder, True, 0
        self.kept: list[NewForge] = []
        self.desk = SetupDesk(
            is_open=lambda: self.is_open,
            public_url=PUBLIC,
            keep=self._keep if keeps else None,
            restart=self._restart,
            ca_files=lambda kind: None,  # noqa: ARG005  (the system's own)
        )

    def _keep(self, new: NewForge) -> Path:
        self.kept.append(new)
        return begin_forges_file(self.folder, new)

    def _restart(self) -> None:
        self.restarts += 1


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[SandboxServer]:
    server = SandboxServer(tmp_path / "forge")
    violations = watch(server.app, API)
    server.start()
    yield server
    server.stop()
    assert violations.found == []


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def client_of(story: Story, desk: Desk) -> FlaskClient:
    app = make_app(story.ctx, ServerGateway(story.ctx), SETTINGS, blueprints=[make_setup(desk.desk, SETTINGS)])
    return app.test_client()


@pytest.fixture
def person(story: Story, desk: Desk) -> FlaskClient:
    client = client_of(story, desk)
    sign_in(client)
    return client


def begin(person: FlaskClient, forge: SandboxServer, *, owner: str = "acme", url: str | None = None) -> TestResponse:
    form = {"csrf": csrf_of(person, "/setup"), "kind": "github", "owner": owner, "url": url or forge.url}
    return person.post("/setup/app", data=form)


def manifest_of(answer: TestResponse) -> tuple[str, dict[str, Any]]:
    action = re.search(r'action="(http[^"]*)"', answer.text)
    value = re.search(r'name="manifest" value="([^"]*)"', answer.text)
    assert action is not None
    assert value is not None
    return html.unescape(action[1]), json.loads(html.unescape(value[1]))


def confirm(action: str, manifest: dict[str, Any]) -> dict[str, str]:
    """Press the forge's own button; gives what it sends the browser back with."""
    state = parse_qs(urlsplit(action).query)["state"][0]
    form = {"manifest": json.dumps(manifest), "state": state, "owner": "acme"}
    root = f"{urlsplit(action).scheme}://{urlsplit(action).netloc}"
    answer = requests.post(f"{root}/settings/apps", data=form, allow_redirects=False, timeout=10)
    back = urlsplit(answer.headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == f"{PUBLIC}/setup/made"
    return {key: values[0] for key, values in parse_qs(back.query).items()}


def test_the_first_page_leads_there_while_nothing_is_configured(person: FlaskClient, desk: Desk) -> None:
    assert person.get("/").headers["Location"] == "/setup"
    desk.is_open = False
    assert person.get("/").status_code == 200


def test_strangers_are_sent_to_sign_in_first(story: Story, desk: Desk) -> None:
    client = client_of(story, desk)
    for verb, path in (("GET", "/setup"), ("POST", "/setup/app"), ("GET", "/setup/made"), ("POST", "/setup/token")):
        assert client.open(path, method=verb).headers["Location"].startswith("/login")


def test_the_manifest_asks_for_no_more_than_is_used(person: FlaskClient, forge: SandboxServer) -> None:
    action, manifest = manifest_of(begin(person, forge))
    assert urlsplit(action).path == "/organizations/acme/settings/apps/new"
    assert manifest["hook_attributes"] == {"url": f"{PUBLIC}/webhooks/github", "active": True}
    assert manifest["public"] is False
    assert manifest["default_permissions"]["administration"] == "read"
    assert "secrets" not in manifest["default_permissions"]


def test_the_form_that_leaves_may_go_to_that_forge_only(person: FlaskClient, forge: SandboxServer) -> None:
    policy = begin(person, forge).headers["Content-Security-Policy"]
    assert f"form-action 'self' {forge.url};" in policy
    assert "form-action 'self';" in person.get("/setup").headers["Content-Security-Policy"]


def test_the_code_becomes_an_app_that_thera_can_be(
    person: FlaskClient, forge: SandboxServer, desk: Desk, tmp_path: Path
) -> None:
    answer = person.get("/setup/made", query_string=confirm(*manifest_of(begin(person, forge))))
    assert answer.status_code == 200
    assert desk.restarts == 1
    (app,) = forge.apps.all.values()
    assert app.key not in answer.text
    (entry,) = load_forges(load_settings({"THERA_DATA_DIR": str(tmp_path), "THERA_REPO_ALLOWLIST": "*"}))
    assert (entry.kind, entry.url, entry.app_id) == ("github", forge.api_url, app.id)
    assert (entry.app_key, entry.webhook_secret) == (app.key.strip(), app.secret)


def test_a_code_serves_once(person: FlaskClient, forge: SandboxServer, desk: Desk) -> None:
    back = confirm(*manifest_of(begin(person, forge)))
    assert person.get("/setup/made", query_string=back).status_code == 200
    again = manifest_of(begin(person, forge))
    answer = person.get("/setup/made", query_string=confirm(*again) | {"code": back["code"]})
    assert answer.status_code == 400
    assert "good once" in answer.text
    assert len(desk.kept) == 1


@pytest.mark.parametrize("change", [{"state": "another"}, {"state": ""}, {"state": "ünknown"}])
def test_an_answer_to_somebody_elses_attempt_is_refused(
    person: FlaskClient, forge: SandboxServer, desk: Desk, change: dict[str, str]
) -> None:
    back = confirm(*manifest_of(begin(person, forge)))
    answer = person.get("/setup/made", query_string=back | change)
    assert answer.status_code == 400
    assert desk.kept == []
    # and the attempt is over
    assert person.get("/setup/made", query_string=back).status_code == 400


def test_an_answer_that_comes_too_late_is_refused(
    person: FlaskClient, forge: SandboxServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = confirm(*manifest_of(begin(person, forge)))
    later = time.time() + 3700
    monkeypatch.setattr(time, "time", lambda: later)
    assert person.get("/setup/made", query_string=back).status_code in {303, 400}
    assert desk.kept == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("owner", "acme/../evil", "not the name of an organisation"),
        ("owner", "a" * 40, "not the name of an organisation"),
        ("url", "javascript:alert(1)", "expected an address"),
        ("url", "ftp://x", "expected an address"),
        ("kind", "gitlab", "has no Apps"),
        ("kind", "nothing", "Say which forge"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_begun(
    person: FlaskClient, forge: SandboxServer, field: str, value: str, words: str
) -> None:
    form = {"csrf": csrf_of(person, "/setup"), "kind": "github", "owner": "", "url": forge.url, field: value}
    answer = person.post("/setup/app", data=form)
    assert answer.status_code == 400
    assert words in html.unescape(answer.text)


def test_a_form_of_another_site_does_nothing(person: FlaskClient, forge: SandboxServer, desk: Desk) -> None:
    person.get("/setup")
    for path in ("/setup/app", "/setup/token"):
        assert person.post(path, data={"kind": "github", "url": forge.url, "token": "x"}).status_code == 400
    assert desk.kept == []


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_token_is_tried_and_kept(person: FlaskClient, forge: SandboxServer, desk: Desk, kind: str) -> None:
    token = forge.forge.create_user("thera-bot")
    url = forge.url if kind == "github" else forge.gitlab_url
    form = {"csrf": csrf_of(person, "/setup"), "kind": kind, "url": url, "token": token}
    answer = person.post("/setup/token", data=form)
    assert answer.status_code == 200
    assert "thera-bot" in answer.text
    assert token not in answer.text
    assert desk.kept[0].webhook_secret in answer.text


def test_a_forge_that_does_not_answer_is_said(person: FlaskClient, desk: Desk) -> None:
    form = {"csrf": csrf_of(person, "/setup"), "kind": "gitlab", "url": "http://127.0.0.1:9", "token": "x"}
    answer = person.post("/setup/token", data=form)
    assert answer.status_code == 400
    assert "did not answer" in answer.text
    assert desk.kept == []


def test_with_many_servers_the_settings_are_shown_once(story: Story, forge: SandboxServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path, keeps=False)
    person = client_of(story, desk)
    sign_in(person)
    answer = person.get("/setup/made", query_string=confirm(*manifest_of(begin(person, forge))))
    (app,) = forge.apps.all.values()
    for part in ("THERA_GITHUB_APP_ID", "THERA_GITHUB_APP_KEY", app.key.splitlines()[1], app.secret):
        assert part in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert desk.restarts == 0


def test_nothing_is_changed_once_a_forge_is_configured(person: FlaskClient, forge: SandboxServer, desk: Desk) -> None:
    back = confirm(*manifest_of(begin(person, forge)))
    desk.is_open = False
    answer = person.get("/setup/made", query_string=back)
    assert "Set-up is done" in answer.text
    assert desk.kept == []


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    new = NewForge(kind="github", url="https://api.github.com", token="t", webhook_secret="s")
    place = begin_forges_file(tmp_path, new)
    with pytest.raises(UserMistake, match="is there already"):
        begin_forges_file(tmp_path, new)
    assert place.read_text().count("kind:") == 1
