"""From nothing to a planned and applied pull, by the tutorial's own words: GitHub by App and by token, and GitLab."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from sandbox.faces import GITHUB, GITLAB, Face
from tests.support.installation import REPO, Installation
from tests.support.tutorial import Tutorial

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow, pytest.mark.browser]
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
PAGE = Path(__file__).parents[2] / "docs/tutorial/connect-your-forge.md"
CODE = {"hello/main.tf": 'resource "terraform_data" "hello" {\n  input = "world"\n}\n'}


@pytest.fixture
def page(chromium: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
        opened = browser.new_page()
        opened.set_default_timeout(15_000)
        yield opened
        browser.close()


@dataclass
class Reader:
    """Somebody with the tutorial, a forge that Thera has not been told of, and a browser."""

    thera: Installation
    tutorial: Tutorial
    page: Page

    def checks_the_settings(self) -> str:
        """Type the commands, but for the last one, which starts the server."""
        first, second = self.tutorial.commands("Start the server")
        *checks, start = second.strip().splitlines()
        assert start.endswith("server")
        script = "\n".join(["set -e", first, *checks])
        own = {name: value for name, value in os.environ.items() if not name.startswith("THERA_")}
        done = subprocess.run(["bash", "-c", script], env=own, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def signs_in(self) -> None:
        self.page.goto(str(self.thera.front.ready_at))
        self.tutorial.follow(self.page, "Start the server")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Connect Thera to your forge")

    def waits_for_another_start(self) -> None:
        self.thera.wait_until(lambda: self.thera.front.log.count("server.started") == 2, "another start")
        self.thera.front.wait_until_ready()

    def applies_a_first_pull(self) -> None:
        pull = self.thera.open_pull(CODE)
        planned = self.thera.wait_for_comment(pull, "### Plan:", "terraform_data.hello", '"outcome":"succeeded"')
        self.thera.wait_for_statuses(pull, plan="success")
        self.thera.comment(pull, "thera apply")
        self.thera.wait_for_comment(pull, "### Applied", after=planned.id)


def reader_of(install: Install, page: Page, face: Face) -> Reader:
    thera = install(face=replace(face, settings=lambda *_: {}))
    thera.forge.forge.create_repo(REPO, {"README.md": "# Infrastructure\n"}, face=face.name)
    for person, right in (("ann", "write"), ("bob", "write")):
        thera.forge.forge.permit(REPO, person, right)
    host = thera.forge.url.removeprefix("http://")
    password = thera.front.environment["THERA_WEB_PASSWORD"]
    words = {
        "https://thera.example.com": str(thera.front.ready_at),
        "https://github.com": thera.forge.url,
        "https://gitlab.com": thera.forge.gitlab_url,
        "github.com/acme": f"{host}/acme",
        "the password": password,
        "the token": thera.token,
        ".venv/bin/thera": f"{shlex.quote(sys.executable)} -m server",
    }
    return Reader(thera, Tutorial(PAGE, words), page)


def test_two_clicks_make_an_app(one_box: Install, page: Page) -> None:
    reader = reader_of(one_box, page, replace(GITHUB, bot="thera-127-0-0-1[bot]"))
    assert "No mistakes found." in reader.checks_the_settings()
    reader.signs_in()
    reader.tutorial.follow(page, "GitHub, with an App")

    reader.waits_for_another_start()
    reader.applies_a_first_pull()
    page.goto(f"{reader.thera.front.ready_at}/setup")
    expect(page.get_by_role("heading")).to_have_text("Set-up is done")
    kept = [*reader.thera.front.folder.glob("github-*"), reader.thera.front.folder / "forges.yaml"]
    assert {file.stat().st_mode & 0o777 for file in kept} == {0o600}
    assert len(kept) == 3


@pytest.mark.parametrize(
    ("face", "section"), [(GITHUB, "GitHub, with a token"), (GITLAB, "GitLab")], ids=["github", "gitlab"]
)
def test_a_token_is_tried_and_kept_and_the_webhook_is_shown(
    one_box: Install, page: Page, face: Face, section: str
) -> None:
    reader = reader_of(one_box, page, face)
    forge = reader.thera.forge.forge
    forge.permit(REPO, reader.thera.face.bot, "write")
    reader.signs_in()
    wrong = replace(reader.tutorial, words={**reader.tutorial.words, "the token": "no such token"})
    wrong.follow(page, section)
    expect(page.get_by_role("alert")).to_contain_text("does not accept this token")
    assert not (reader.thera.front.folder / "forges.yaml").exists()

    reader.tutorial.follow(page, section)
    expect(page.get_by_text(reader.thera.face.bot)).to_be_visible()
    address, secret, _ = page.locator("dd").all_inner_texts()
    reader.waits_for_another_start()
    forge.add_hook(REPO, address, secret, face=face.name)
    reader.applies_a_first_pull()
