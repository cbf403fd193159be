"""A person with a browser, in front of the served application. Whatever a page complains about fails the test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from server.orchestration.claims import ServerGateway
from server.web.app import make_app
from server.web.settings import WebSettings
from tests.support.live_web import served
from tests.support.story import Story
from workers.protocol.jobs import Ticket, WorkerInfo

PASSWORD = "correct horse battery"
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]


@dataclass
class Watched:
    """What a page did that it should not do."""

    address: str
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", lambda request: self._asked(request.url))

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"console: {text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.address}/", "data:")):
            self.complaints.append(f"another origin: {url}")


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(f"sqlite:///{tmp_path / 'thera.db'}")
    yield told
    told.close()


@pytest.fixture
def address(story: Story) -> Iterator[str]:
    settings = WebSettings(
        secret_key="a key for tests only",
        worker_token="worker-token-0123456789",
        username="thera",
        password=PASSWORD,
        api_tokens=(),
        secure_cookies=False,
        version="1.2.3",
        ready=lambda: {"database": True},
    )
    with served(make_app(story.ctx, ServerGateway(story.ctx), settings)) as url:
        yield url


@pytest.fixture(scope="module")  # not the session: Playwright's event loop would run under every later test
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def watched(address: str) -> Iterator[Watched]:
    """Collect complaints; there has to be none in the end, unless the test expected and cleared them."""
    seen = Watched(address)
    yield seen
    assert seen.complaints == []


Opening = Callable[..., Page]


@pytest.fixture
def opening(browser: Browser, address: str, watched: Watched) -> Iterator[Opening]:
    """Open a browser window of some kind, signed in."""
    contexts = []

    def open_window(**options: Any) -> Page:
        context = browser.new_context(base_url=address, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        watched.watch(page)
        sign_in(page)
        return page

    yield open_window
    for context in contexts:
        context.close()


@pytest.fixture
def page(opening: Opening) -> Page:
    return opening()


@pytest.fixture
def running(story: Story) -> Ticket:
    """A plan job that a worker has begun."""
    story.open_pull("prod/main.tf")
    story.settle(working=False)
    story.worker.do(story.tickets.popleft())
    story.settle(working=False)
    ticket = story.tickets.popleft()
    story.worker.gateway.claim(ticket, WorkerInfo(name="worker-1", pool="default", version="1"))
    return ticket


def sign_in(page: Page, target: str = "/") -> None:
    """Fill the form in as a person does."""
    page.goto(target)
    page.get_by_label("Name").fill("thera")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)
