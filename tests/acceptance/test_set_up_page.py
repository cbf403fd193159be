"""From nothing: somebody signs in, makes the App on the forge, installs it, and the first pull is planned."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from sandbox.faces import GITHUB, GITLAB, Face
from tests.support.installation import REPO, WEB_PASSWORD, Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
CODE = {"prod/main.tf": 'resource "terraform_data" "it" {}\n'}


@pytest.fixture
def page(chromium: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
        opened = browser.new_page()
        opened.set_default_timeout(15_000)
        yield opened
        browser.close()


def unconfigured(face: Face) -> Face:
    """A forge that nobody has told Thera of."""
    return replace(face, settings=lambda *_: {})


def populate(thera: Installation, face: Face) -> None:
    thera.forge.forge.create_repo(REPO, {"README.md": "# Infrastructure\n"}, face=face.name)
    for person in ("ann", "bob"):
        thera.forge.forge.permit(REPO, person, "write")


def sign_in(page: Page, thera: Installation) -> None:
    page.goto(f"{thera.front.ready_at}/")
    page.get_by_label("Name").fill("thera")
    page.get_by_label("Password").fill(WEB_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/setup$"))  # there is nothing to see yet


@pytest.mark.browser
def test_two_clicks_make_an_app_that_plans_the_first_pull(one_box: Install, page: Page) -> None:
    thera = one_box(face=replace(unconfigured(GITHUB), bot="thera-127-0-0-1[bot]"))
    populate(thera, GITHUB)
    sign_in(page, thera)

    form = page.locator("form", has=page.get_by_role("button", name="Make an App"))
    form.get_by_label("Organisation").fill("acme")
    form.get_by_label("Address").fill(thera.forge.url)
    form.get_by_role("button").click()
    page.get_by_role("button", name="Go on to GitHub").click()
    page.get_by_role("button", name="Create the App for acme").click()
    expect(page.get_by_role("heading")).to_have_text("GitHub is connected")
    page.get_by_role("link", name="Give the App its repositories").click()
    page.get_by_role("button", name="Install on acme").click()
    expect(page.get_by_role("link", name="Sandbox forge")).to_be_visible()

    thera.wait_until(lambda: thera.front.log.count("server.started") == 2, "another start")
    thera.front.wait_until_ready()
    pull = thera.open_pull(CODE)
    thera.wait_for_comment(pull, "### Plan:", "terraform_data.it", '"outcome":"succeeded"')
    thera.wait_for_statuses(pull, plan="success")
    page.goto(f"{thera.front.ready_at}/setup")
    expect(page.get_by_role("heading")).to_have_text("Set-up is done")
    secrets = thera.front.folder.glob("github-*")
    assert {file.stat().st_mode & 0o777 for file in [*secrets, thera.front.folder / "forges.yaml"]} == {0o600}


@pytest.mark.browser
def test_a_token_is_tried_before_it_is_kept_and_the_webhook_is_shown(one_box: Install, page: Page) -> None:
    thera = one_box(face=unconfigured(GITLAB))
    populate(thera, GITLAB)
    thera.forge.forge.permit(REPO, thera.face.bot, "admin")
    sign_in(page, thera)
    form = page.locator("form", has=page.get_by_role("heading", name="GitLab, with a token"))
    form.get_by_label("Address").fill(thera.forge.gitlab_url)
    form.get_by_label("Token").fill("no such token")
    form.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("does not accept this token")
    assert not (thera.front.folder / "forges.yaml").exists()

    form.get_by_label("Address").fill(thera.forge.gitlab_url)
    form.get_by_label("Token").fill(thera.token)
    form.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("GitLab is connected")
    expect(page.get_by_text(thera.face.bot)).to_be_visible()
    address, secret, _ = page.locator("dd").all_inner_texts()
    assert address == f"{thera.front.ready_at}/webhooks/gitlab"

    thera.wait_until(lambda: thera.front.log.count("server.started") == 2, "another start")
    thera.front.wait_until_ready()
    thera.forge.forge.add_hook(REPO, address, secret, face="gitlab")
    pull = thera.open_pull(CODE)
    thera.wait_for_comment(pull, "### Plan:", "terraform_data.it", '"outcome":"succeeded"')
