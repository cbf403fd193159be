"""A job's log, while the job writes it."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.story import Story
from workers.protocol.jobs import Ticket
from workers.protocol.results import Outcome, Report

pytestmark = pytest.mark.browser


def test_the_log_of_a_running_job_grows_without_a_reload(page: Page, story: Story, running: Ticket) -> None:
    gateway = story.worker.gateway
    gateway.append_log(running, 1, "first line\n")
    page.goto(f"/jobs/{running.job_id}")
    log = page.locator("#log")
    expect(log).to_have_text("first line\n")
    page.evaluate("window.untouched = true")

    gateway.append_log(running, 2, "second line\n")
    expect(log).to_have_text("first line\nsecond line\n")
    gateway.append_log(running, 3, "third line\n")
    expect(log).to_have_text("first line\nsecond line\nthird line\n")

    assert page.evaluate("window.untouched")


def test_the_page_learns_that_the_job_has_ended_and_asks_no_more(page: Page, story: Story, running: Ticket) -> None:
    page.goto(f"/jobs/{running.job_id}")
    expect(page.locator("#state")).to_have_text("running")
    expect(page.get_by_text("Nothing was printed yet.")).to_be_visible()
    expect(page.get_by_label("Follow")).to_be_visible()

    story.worker.gateway.append_log(running, 1, "the last words\n")
    story.worker.gateway.report(running, Report(job_id=running.job_id, attempt=1, outcome=Outcome.FAILED))

    expect(page.locator("#state")).to_have_text("failed")
    expect(page.locator("#log")).to_have_text("the last words\n")
    expect(page.get_by_label("Follow")).to_be_hidden()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert asked == []


def test_colours_become_classes_and_markup_stays_text(page: Page, story: Story, running: Ticket) -> None:
    gateway = story.worker.gateway
    gateway.append_log(running, 1, "\x1b[32mgreen\x1b[0m <script>document.title='owned'</script></pre><b>\n")
    page.goto(f"/jobs/{running.job_id}")
    gateway.append_log(running, 2, "\x1b[1;31mred <img src=x onerror=alert(1)>\x1b[0m plain\n")
    log = page.locator("#log")

    expect(log).to_contain_text("<img src=x onerror=alert(1)> plain")
    expect(log).to_contain_text("</script></pre><b>")

    assert log.locator("script, img, b").count() == 0
    assert page.title() != "owned"
    assert log.locator(".fg32").inner_text() == "green"
    assert log.locator(".fg31.bold").inner_text() == "red <img src=x onerror=alert(1)>"
    colours = [log.locator(which).evaluate("one => getComputedStyle(one).color") for which in (".fg32", ".fg31")]
    assert len({*colours, log.evaluate("one => getComputedStyle(one).color")}) == 3


def test_a_colour_that_is_cut_in_two_by_a_poll_is_whole_on_the_page(page: Page, story: Story, running: Ticket) -> None:
    gateway = story.worker.gateway
    page.goto(f"/jobs/{running.job_id}")
    gateway.append_log(running, 1, "plain \x1b[3")
    expect(page.locator("#log")).to_have_text("plain ")

    gateway.append_log(running, 2, "2mgreen\x1b[0m\n")

    expect(page.locator("#log .fg32")).to_have_text("green")
    expect(page.locator("#log")).to_have_text("plain green\n")


def test_the_end_is_followed_until_somebody_scrolls_up(page: Page, story: Story, running: Ticket) -> None:
    gateway = story.worker.gateway
    gateway.append_log(running, 1, "".join(f"line {number}\n" for number in range(300)))
    page.goto(f"/jobs/{running.job_id}")
    at_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 24"
    log, follow = page.locator("#log"), page.get_by_label("Follow")
    gateway.append_log(running, 2, "more\n" * 50)
    expect(log).to_contain_text("more")
    assert log.evaluate(at_end)

    log.evaluate("log => { log.scrollTop = 0; }")
    expect(follow).not_to_be_checked()
    gateway.append_log(running, 3, "yet more\n" * 50)
    expect(log).to_contain_text("yet more")
    assert log.evaluate("log => log.scrollTop") == 0

    follow.check()
    assert log.evaluate(at_end)
