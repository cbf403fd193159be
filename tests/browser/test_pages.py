"""Signing in, finding a run, releasing a lock; on a desk, on a phone, in the dark."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, Opening, Watched, sign_in
from tests.support.scripted_worker import ONE_ADDED
from tests.support.story import Story
from workers.protocol.results import (
    Action,
    ChangeSummary,
    Counts,
    Diagnostic,
    Failure,
    FailureKind,
    ResourceChange,
)

pytestmark = pytest.mark.browser

LONG = "module.a_very_long_name_for_a_module.aws_s3_bucket_server_side_encryption_configuration.this"
_ACTIONS = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)

# Every visible text with the colour that is behind it, as a ratio of WCAG 2.
CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !one.checkVisibility()) continue;
    const pair = [light(numbers(getComputedStyle(one).color)), light(behind(one))].sort((a, b) => b - a);
    found.push([text.slice(0, 40), (pair[0] + 0.05) / (pair[1] + 0.05)]);
  }
  return found;
}"""


@pytest.fixture
def busy(story: Story) -> Story:
    """An installation in which everything that a page can show has happened."""
    changes = tuple(
        ResourceChange(address=f"{LONG}[{number}]", type="aws_s3_bucket", action=action)
        for number, action in enumerate(_ACTIONS)
    )
    story.worker.plans["prod"] = ChangeSummary(
        counts=Counts(add=1, change=1, replace=1, destroy=1, outputs=1), resources=changes
    )
    broken = Diagnostic(severity="error", summary="Unsupported argument", file="dev/main.tf", line=3)
    story.worker.plans["dev"] = Failure(
        kind=FailureKind.TERRAFORM,
        summary="Unsupported argument",
        detail="Error: Unsupported argument\n\n  on main.tf line 3:\n" + "x" * 300,
        diagnostics=(broken,),
    )
    story.open_pull("prod/main.tf", "dev/main.tf", title="Encrypt buckets " + "verylongword" * 8, author="ann")
    story.settle()
    story.open_pull("prod/main.tf", title="Wait in line", author="bob")
    story.settle()
    story.worker.plans["dev"] = ONE_ADDED
    done = story.open_pull("dev/main.tf", title="Small change", author="eve")
    story.settle()
    story.comment(done, "thera apply")
    return story.settle()


def pages_of(story: Story) -> Iterator[str]:
    """List the address of every kind of page."""
    yield from ("/", "/locks", "/runs/absent")
    with story.store.reading() as uow:
        for row in uow.runs.recent(limit=100):
            yield f"/runs/{row.run.id}"
            yield f"/pulls/{row.pull.ref.repo}/{row.pull.ref.number}"
            yield from (f"/jobs/{job.id}" for job in uow.jobs.of_run(row.run.id)[-1:])


def visit(page: Page, watched: Watched, address: str) -> None:
    """Open a page; of one that is not there, the browser itself complains."""
    page.goto(address)
    if address.endswith("absent"):
        page.wait_for_load_state("networkidle")
        watched.complaints[:] = [one for one in watched.complaints if "404" not in one]


def test_a_wrong_password_is_said_and_the_right_one_leads_where_one_was_going(
    page: Page, watched: Watched, busy: Story
) -> None:
    assert busy.locked()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/locks")
    page.get_by_label("Name").fill("thera")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    watched.complaints.clear()  # a browser reports the 401 by itself

    page.get_by_label("Name").fill("thera")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(re.compile(r"/locks$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Locks")


def test_from_the_runs_to_a_run_to_its_log(page: Page, busy: Story) -> None:
    assert busy.locked()
    page.goto("/")
    page.get_by_role("link", name="Encrypt buckets").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Encrypt buckets")
    expect(page.get_by_text("4 resources change")).to_be_visible()
    expect(page.get_by_text("dev/main.tf:3")).to_be_visible()

    page.get_by_role("link", name="plan prod").click()

    expect(page.locator("#log")).to_have_text("planning prod\n")
    expect(page.locator("#state")).to_have_text("succeeded")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text() == "planning prod\n"


def test_a_lock_is_released_with_its_button_and_the_next_in_line_gets_it(page: Page, busy: Story) -> None:
    page.goto("/locks")
    held = page.locator("li", has_text="prod")
    expect(held).to_contain_text("Encrypt buckets")
    expect(held).to_contain_text("1 waiting")

    held.get_by_role("button", name="Release").click()

    expect(page.get_by_role("status")).to_be_visible()
    expect(page.locator("li", has_text="prod")).to_contain_text("Wait in line")
    busy.settle()
    assert "prod" in busy.locked()


def test_the_address_bar_icon_and_every_asset_are_there(opening: Opening, busy: Story) -> None:
    page = opening()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)

    for address in pages_of(busy):
        if not address.endswith("absent"):
            page.goto(address, wait_until="networkidle")

    assert failed == []
    assert page.locator('link[rel="icon"]').count() == 1


@pytest.mark.parametrize("width", [390, 320])
def test_nothing_is_wider_than_a_phone(opening: Opening, watched: Watched, busy: Story, width: int) -> None:
    page = opening(viewport={"width": width, "height": 844}, is_mobile=True, has_touch=True)
    too_wide = {}

    for address in pages_of(busy):
        visit(page, watched, address)
        size = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        cut_off = page.evaluate(
            "[...document.querySelectorAll('.wide')].some((one) => one.scrollWidth > one.clientWidth)"
        )
        if size[0] > width or size[1] > width or (cut_off and width == 390):
            too_wide[address] = size

    assert too_wide == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(opening: Opening, watched: Watched, busy: Story, scheme: str) -> None:
    page = opening(color_scheme=scheme)
    found = {}
    for address in pages_of(busy):
        visit(page, watched, address)
        found.update({(address, text): ratio for text, ratio in page.evaluate(CONTRASTS)})

    assert {place: ratio for place, ratio in found.items() if ratio < 4.5} == {}
    assert len(found) > 100


def test_every_colour_of_a_log_can_be_read_in_both_schemes(opening: Opening, busy: Story) -> None:
    with busy.store.transaction() as uow:
        job = uow.jobs.of_run(uow.runs.recent(limit=1)[0].run.id)[-1]
        text = "".join(f"\x1b[0;{code}mcolour {code}\n" for code in (2, *range(30, 38), *range(90, 98)))
        uow.logs.append(job_id=job.id, attempt=1, sequence=99, text=text, now=busy.now)

    for scheme in ("light", "dark"):
        page = opening(color_scheme=scheme)
        page.goto(f"/jobs/{job.id}")
        ratios = [ratio for text, ratio in page.evaluate(CONTRASTS) if text.startswith("colour")]
        assert len(ratios) == 17
        assert min(ratios) >= 4.5


def test_everything_is_reached_with_the_keyboard_and_shows_where_one_is(page: Page, busy: Story) -> None:
    assert busy.locked()
    page.goto("/locks")
    reached: list[str] = []
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement !== document.body") and len(reached) < 50:
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", reached[-1]
        page.keyboard.press("Tab")

    assert reached[0] == "Skip to the content"
    assert {"Runs", "Locks", "Sign out", "Release, discard the plan"} <= set(reached)


def test_a_session_that_ends_while_a_log_is_open_leads_to_the_sign_in_page(page: Page, story: Story) -> None:
    story.open_pull("prod/main.tf")
    story.settle(working=False)
    ticket = story.tickets.popleft()
    story.worker.claim(ticket)
    page.goto(f"/jobs/{ticket.job_id}")
    expect(page.locator("#state")).to_have_text("running")

    page.context.clear_cookies()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    sign_in(page, page.url)
    expect(page).to_have_url(re.compile(rf"/jobs/{ticket.job_id}"))
